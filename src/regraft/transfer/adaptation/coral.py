"""Feature-representation transfer by second moments: CORAL."""

from __future__ import annotations

from typing import ClassVar

from regraft.transfer.adaptation._skada import fit_adapter, skada
from regraft.transfer.adaptation.baselines import trainer_on
from regraft.transfer.adaptation.linear import Floats, Labels, Linear
from regraft.transfer.adaptation.problem import Domains, Trainer, What


class Coral:
    """Source features get the mean and the covariance of the target's, then the head is fitted to them.

    Both covariances are shrunk by Ledoit and Wolf's lemma, as skada does by default.
    """

    name: ClassVar[str] = "coral"
    title: ClassVar[str] = "CORAL"
    what: ClassVar[What] = "features"
    needs_labels: ClassVar[bool] = False
    source: ClassVar[str] = "Sun, Feng and Saenko 2016, Return of frustratingly easy domain adaptation, AAAI"

    def prepare(self, domains: Domains) -> Trainer:
        adapter = skada().CORALAdapter(reg="auto")
        moved = fit_adapter(adapter, domains)
        return moved_trainer(domains, moved, adapter.mean_target_)


def moved_trainer(domains: Domains, moved: Floats, centre: Floats, basis: Floats | None = None) -> Trainer:
    """The head of source images in a space of the target's, and then the same head on plain target features.

    Args:
        domains: gives the source's labels.
        moved: (n, d') the source images in the space whose points, for target features x, are (x - centre) @ basis.
        centre: (d,).
        basis: (d, d'); None where d' = d and nothing is turned.
    """
    train = trainer_on(domains, moved)

    def fold(features: Floats, labels: Labels) -> Linear:
        seen = features - centre
        kernel, bias = train(seen if basis is None else seen @ basis, labels)
        plain = kernel if basis is None else basis @ kernel
        return plain, bias - centre @ plain

    return fold
