"""What the measurements of several backbones say: which are worth their time, which differ, which scores agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from regraft.evaluation.comparisons import holm
from regraft.evaluation.paired import mcnemar, paired_difference_interval

Right = npt.NDArray[np.bool_]

LEVEL = 0.05
"""Below it a p value, adjusted for the number of pairs, shows a difference."""


@dataclass(frozen=True)
class Difference:
    """Two backbones on the same images.

    Attributes:
        first, second: their names, the more accurate first.
        difference: of their accuracies, first minus second.
        interval: of the difference, 95 %, not adjusted for the number of pairs.
        p: of McNemar's exact test, adjusted by Holm's method for the number of pairs.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float]
    p: float

    @property
    def shown(self) -> bool:
        """Whether the images show that the two differ."""
        return self.p < LEVEL

    @property
    def words(self) -> str:
        """`A and B: no difference that can be shown (+0.4 points, p 0.71)`."""
        points = f"{100 * self.difference:+.1f} points, p {self.p:.2g}"
        if not self.shown:
            return f"{self.first} and {self.second}: no difference that can be shown ({points})"
        return f"{self.first} is more accurate than {self.second} ({points})"


@dataclass(frozen=True)
class Agreement:
    """How far a score orders the backbones as the probe does.

    Attributes:
        tau: Kendall's tau-b, 1 for the same order, -1 for the opposite; None where it is not defined.
        backbones: how many have the score.
    """

    tau: float | None
    backbones: int


def pareto_front(accuracies: Sequence[float], milliseconds: Sequence[float]) -> list[bool]:
    """Whether each backbone is on the front: no other is as accurate and as fast, and better in one of the two."""
    points = list(zip(accuracies, milliseconds, strict=True))
    return [
        not any(
            other >= accuracy and faster <= time and (other, faster) != (accuracy, time) for other, faster in points
        )
        for accuracy, time in points
    ]


def differences(names: Sequence[str], right: Sequence[Right]) -> list[Difference]:
    """Every pair of backbones, in the order given, the more accurate of the two first.

    Args:
        names: of the backbones.
        right: of each, (n,) whether it answered each of the same images rightly.
    """
    pairs, p_values = [], []
    for one, other in combinations(range(len(names)), 2):
        first, second = (one, other) if right[one].sum() >= right[other].sum() else (other, one)
        a, b = right[first], right[second]
        counts = [int(count.sum()) for count in (a & b, a & ~b, ~a & b, ~a & ~b)]
        pairs.append((first, second, *paired_difference_interval(*counts)))
        p_values.append(mcnemar(counts[1], counts[2]))
    return [
        Difference(names[first], names[second], difference, (low, high), float(p))
        for (first, second, difference, low, high), p in zip(pairs, holm(p_values), strict=True)
    ]


def agreements(accuracies: Sequence[float], scores: Mapping[str, Sequence[float | None]]) -> dict[str, Agreement]:
    """Kendall's tau between the probe's accuracy and each score, over the backbones that have the score."""
    return {name: _agreement(accuracies, values) for name, values in scores.items()}


def _agreement(accuracies: Sequence[float], values: Sequence[float | None]) -> Agreement:
    known = [(a, v) for a, v in zip(accuracies, values, strict=True) if v is not None]
    if len(known) < 2:
        return Agreement(None, len(known))
    from scipy.stats import kendalltau

    tau = float(kendalltau(*np.array(known).T).statistic)
    return Agreement(None if math.isnan(tau) else tau, len(known))
