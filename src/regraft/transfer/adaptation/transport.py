"""Feature-representation transfer by optimal transport."""

from __future__ import annotations

import warnings
from typing import ClassVar

from regraft.errors import InputError
from regraft.transfer.adaptation._skada import fit_adapter, skada
from regraft.transfer.adaptation.baselines import trainer_on
from regraft.transfer.adaptation.problem import Domains, Trainer, What

_ROUNDS = 1_000_000

MOST_PAIRS = 50_000_000
"""Of a source and a target image, at most: each takes some 30 bytes while the plan is made."""


def check_pairs(source: int, target: int) -> None:
    """Makes sure that a plan between so many images fits into the memory of a usual machine.

    Raises:
        InputError: there are more than `MOST_PAIRS`.
    """
    if source * target > MOST_PAIRS:
        raise InputError(
            "There are too many images for a transport plan between them.",
            expected=f"at most {MOST_PAIRS:,} pairs of a source and a target image",
            received=f"{source:,} × {target:,} = {source * target:,}",
            hint="--per-class 500; or only other methods: --method coral --method subspace-alignment",
        )


class OptimalTransport:
    """Source images are moved to where the cheapest transport plan brings them among the target images.

    The plan is exact (earth mover's distance, squared distances); each source image goes to the mean of the target
    images it is sent to, the barycentric map.
    """

    name: ClassVar[str] = "optimal-transport"
    title: ClassVar[str] = "optimal transport"
    what: ClassVar[What] = "features"
    needs_labels: ClassVar[bool] = False
    source: ClassVar[str] = "Courty et al. 2017, Optimal transport for domain adaptation, IEEE TPAMI 39"

    def prepare(self, domains: Domains) -> Trainer:
        adapter = skada().OTMappingAdapter(metric="sqeuclidean", max_iter=_ROUNDS)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="numItermax reached")  # the plan is then nearly the cheapest
            moved = fit_adapter(adapter, domains)
        return trainer_on(domains, moved)
