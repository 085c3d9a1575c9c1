"""What every method is given: features of both domains in one small space, and the labels that may be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from regraft.training.weights import HeadWeights
from regraft.transfer.adaptation.linear import Floats, Labels, Linear

What = Literal["baseline", "instances", "features", "parameters"]
"""What a method transfers, after Pan and Yang 2010; `baseline` for what others are only compared with."""

WIDTH = 256
"""Directions that are kept at most: a covariance of 1,280 features cannot be learnt from a few hundred images."""


def no_labels(width: int) -> tuple[Floats, Labels]:
    """Labelled target images where there are none."""
    return np.empty((0, width)), np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Domains:
    """The features of source and target, in the space of a `Reduction`.

    Attributes:
        source: (n, d) of the labelled source images.
        source_labels: int64 (n,), 0 to classes - 1.
        target: (m, d) of all target images that may be adapted to, used without labels.
        labelled: (l, d) and int64 (l,): those of them whose labels may be used; l may be 0.
        classes: how many.
        seed: of whatever is random in a method.
    """

    source: Floats
    source_labels: Labels
    target: Floats
    classes: int
    labelled: tuple[Floats, Labels] = field(default_factory=lambda: no_labels(0))
    seed: int = 0

    def swapped(self, target_labels: Labels) -> Domains:
        """The way back: the target with these labels as the source, the source without labels as the target."""
        return Domains(self.target, target_labels, self.source, self.classes, seed=self.seed)


Trainer = Callable[[Floats, Labels], Linear]
"""Gives a method's head for plain target features, from labelled target images (l, d) and (l,), l maybe 0."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """A smaller space of features, the same for both domains: `(x - centre) @ basis / scale`.

    Attributes:
        centre: (features,).
        basis: (features, d), orthonormal columns.
        scale: makes the mean squared length 1 over the images it was made from.
    """

    centre: Floats
    basis: Floats
    scale: float

    @classmethod
    def of(cls, features: npt.NDArray[np.floating], width: int = WIDTH) -> Reduction:
        """The principal directions of features (n, features), as many as there are and at most `width`."""
        plain = np.asarray(features, np.float64)
        centre = plain.mean(axis=0)
        moved = plain - centre
        # The smaller of the two Gram matrices: both have the same eigenvalues.
        wide = len(moved) < moved.shape[1]
        values, vectors = np.linalg.eigh(moved @ moved.T if wide else moved.T @ moved)
        kept = np.flatnonzero(values > 1e-9 * max(float(values[-1]), 1e-300))[::-1][:width]
        basis = moved.T @ vectors[:, kept] / np.sqrt(values[kept]) if wide else vectors[:, kept]
        reduced = moved @ basis
        scale = float(np.sqrt((reduced**2).sum(axis=1).mean())) if len(kept) else 1.0
        return cls(centre, basis, scale or 1.0)

    def __call__(self, features: npt.NDArray[np.floating]) -> Floats:
        """Features (n, features) in the smaller space, (n, d)."""
        reduced: Floats = (np.asarray(features, np.float64) - self.centre) @ self.basis / self.scale
        return reduced

    def unfolded(self, head: Linear) -> HeadWeights:
        """A head of the smaller space as the same head on plain features."""
        kernel = self.basis @ head[0] / self.scale
        bias = head[1] - self.centre @ kernel
        return HeadWeights.linear(kernel.astype(np.float32), bias.astype(np.float32))
