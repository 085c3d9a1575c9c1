"""Parameter transfer: the head of the source is where the head of the target starts and near which it stays."""

from __future__ import annotations

from typing import ClassVar

from regraft.transfer.adaptation.linear import Floats, Labels, Linear, fit_linear
from regraft.transfer.adaptation.problem import Domains, Trainer, What

STRENGTH = 1e-2
"""How strongly it is held: the penalty of half the squared difference, beside a mean loss."""


class StayNear:
    """The head of the labelled target images, with a penalty on its distance from the source head (L2-SP)."""

    name: ClassVar[str] = "l2-sp"
    title: ClassVar[str] = "L2-SP from the source head"
    what: ClassVar[What] = "parameters"
    needs_labels: ClassVar[bool] = True
    source: ClassVar[str] = (
        "Li, Grandvalet and Davoine 2018, Explicit inductive bias for transfer learning with convolutional networks, "
        "ICML"
    )

    def __init__(self, strength: float = STRENGTH) -> None:
        self.strength = strength

    def prepare(self, domains: Domains) -> Trainer:
        start = fit_linear(domains.source, domains.source_labels, domains.classes)

        def train(features: Floats, labels: Labels) -> Linear:
            return fit_linear(features, labels, domains.classes, penalty=self.strength, near=start)

        return train
