"""What adaptation is compared with: the source alone, the target's few labels alone, and both as they are."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from regraft.transfer.adaptation.linear import Floats, Labels, Linear, fit_linear
from regraft.transfer.adaptation.problem import Domains, Trainer, What


class SourceOnly:
    """The head of the source images, as if there were no other domain."""

    name: ClassVar[str] = "source-only"
    title: ClassVar[str] = "source alone"
    what: ClassVar[What] = "baseline"
    needs_labels: ClassVar[bool] = False
    source: ClassVar[str] = ""

    def prepare(self, domains: Domains) -> Trainer:
        head = fit_linear(domains.source, domains.source_labels, domains.classes)
        return lambda features, labels: head


class TargetOnly:
    """The head of the labelled target images, as if there were no source."""

    name: ClassVar[str] = "target-only"
    title: ClassVar[str] = "target labels alone"
    what: ClassVar[What] = "baseline"
    needs_labels: ClassVar[bool] = True
    source: ClassVar[str] = ""

    def prepare(self, domains: Domains) -> Trainer:
        return lambda features, labels: fit_linear(features, labels, domains.classes)


class Both:
    """The head of the source images and the labelled target images together, each domain half of the loss."""

    name: ClassVar[str] = "both"
    title: ClassVar[str] = "source and target labels"
    what: ClassVar[What] = "baseline"
    needs_labels: ClassVar[bool] = True
    source: ClassVar[str] = "Ben-David et al. 2010, A theory of learning from different domains, Machine Learning 79"

    def prepare(self, domains: Domains) -> Trainer:
        return trainer_on(domains, domains.source)


def trainer_on(domains: Domains, source: Floats, weights: Floats | None = None) -> Trainer:
    """The head of source images as a method sees them, and of labelled target images where there are any.

    Each domain is half of the loss, however many images it has: few labels of the target would drown otherwise. (It
    is the empirical α-error of Ben-David et al. 2010, with α = 1/2.)

    Args:
        domains: gives the source's labels.
        source: (n, d), in the target's space.
        weights: (n,) of the source images among each other; None for all the same.
    """

    def train(features: Floats, labels: Labels) -> Linear:
        shares = np.ones(len(source)) if weights is None else weights
        shares = shares / shares.sum()
        if not len(labels):
            return fit_linear(source, domains.source_labels, domains.classes, weights=shares)
        return fit_linear(
            np.concatenate([source, features]),
            np.concatenate([domains.source_labels, labels]),
            domains.classes,
            weights=np.concatenate([shares, np.full(len(labels), 1 / len(labels))]),
        )

    return train
