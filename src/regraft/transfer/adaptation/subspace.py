"""Feature-representation transfer by principal directions: subspace alignment."""

from __future__ import annotations

from typing import ClassVar

from regraft.transfer.adaptation._skada import fit_adapter, skada
from regraft.transfer.adaptation.coral import moved_trainer
from regraft.transfer.adaptation.problem import Domains, Trainer, What

COMPONENTS = 50
"""Principal directions of each domain, at most."""


class SubspaceAlignment:
    """The principal directions of the source are turned onto those of the target; the head is fitted there."""

    name: ClassVar[str] = "subspace-alignment"
    title: ClassVar[str] = "subspace alignment"
    what: ClassVar[What] = "features"
    needs_labels: ClassVar[bool] = False
    source: ClassVar[str] = "Fernando et al. 2013, Unsupervised visual domain adaptation using subspace alignment, ICCV"

    def prepare(self, domains: Domains) -> Trainer:
        # One fewer than the images of either domain: around a mean there are no more directions.
        most = min(len(domains.source) - 1, len(domains.target) - 1, domains.source.shape[1])
        adapter = skada().SubspaceAlignmentAdapter(n_components=min(COMPONENTS, most), random_state=domains.seed)
        moved = fit_adapter(adapter, domains)
        return moved_trainer(domains, moved, adapter.pca_target_.mean_, adapter.pca_target_.components_.T)
