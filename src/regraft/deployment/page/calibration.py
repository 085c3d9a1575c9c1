"""How far a classifier's own confidence can be trusted: right answers among those given with about that confidence."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from regraft.evaluation.intervals import wilson_interval

_EDGES = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_LEAST = 25  # answers in a band: with fewer, the share that is right says little
_BINS = 10


@dataclass(frozen=True)
class Band:
    """The answers whose confidence was from `low` to `high`.

    Attributes:
        answers: how many.
        right: how many of them were right.
        interval: 95 % interval of that share (`wilson_interval`).
    """

    low: float
    high: float
    answers: int
    right: int
    interval: tuple[float, float]


def bands(confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_]) -> list[Band]:
    """The answers in bands of confidence that together reach from 0 to 1.

    Each has 25 answers or more but the least confident one, which has what is left: it is not added to the one above,
    whose answers say nothing of it.

    Args:
        confidence: (n,), the probability of the class that was answered.
        right: (n,), whether it was the image's.

    Returns:
        From the least confident on.
    """
    found: list[tuple[float, float, npt.NDArray[np.bool_]]] = []
    for low, high in reversed(list(pairwise(_EDGES))):
        here = (confidence >= low) & ((confidence < high) | (high == 1))
        if found and found[-1][2].sum() < _LEAST:
            found[-1] = (low, found[-1][1], found[-1][2] | here)
        else:
            found.append((low, high, here))
    counted = ((low, high, int(here.sum()), int(right[here].sum())) for low, high, here in reversed(found))
    return [Band(low, high, n, good, wilson_interval(good, n) if n else (0.0, 1.0)) for low, high, n, good in counted]


def expected_error(confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_]) -> float:
    """The expected calibration error: |share that is right - mean confidence|, weighted over ten bins of equal width.

    Source: Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    bins = np.minimum((np.asarray(confidence, np.float64) * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, right.astype(np.float64), _BINS) - np.bincount(bins, confidence, _BINS)
    return float(np.abs(gaps).sum() / len(right))
