"""Means and differences over repetitions whose training sets overlap: interval, paired test, many comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError

Floats = npt.NDArray[np.float64]

# Accuracies are counts divided by counts: what differs by less than this differs by rounding only.
_ROUNDING = 1e-12


class MeanInterval(NamedTuple):
    """A mean and the bounds of its confidence interval."""

    mean: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """A mean difference, the bounds of its confidence interval and the two-sided p value."""

    difference: float
    low: float
    high: float
    p: float


def corrected_interval(
    values: npt.ArrayLike, test_train_ratio: float, confidence: float = 0.95, *, constant_variance: float = 0.0
) -> MeanInterval:
    """The mean over R repetitions with a t interval that allows for the overlap of their training sets.

    The variance of the mean is `(1/R + test_train_ratio) * s²`, where s² is the sample variance of the values, in
    place of `s² / R`; the t distribution has R - 1 degrees of freedom. The plain interval takes the repetitions to be
    independent, which they are not where most training images of one are training images of the others as well, and
    is far too narrow.

    Args:
        values: (R,) float, of order 1, such as the accuracy in each repetition; R at least 1.
        test_train_ratio: images measured over images trained on, in one repetition; at least 0. 0 gives the plain
            interval.
        confidence: above 0 and below 1.
        constant_variance: taken for s² where all values are the same (to 1e-12), and nowhere else.

    Returns:
        Bounds that are not kept within 0 and 1: a caller who means a share does that. NaN bounds where R is 1, since
        one value says nothing of their spread.

    Raises:
        InputError: one of them is out of its range.

    Source: Nadeau and Bengio 2003, "Inference for the generalization error", for repeated random splits; Bouckaert
    and Frank 2004, "Evaluating the replicability of significance tests for comparing learning algorithms", for
    repeated cross-validation.
    """
    mean, error, freedom = _mean_and_error(values, test_train_ratio, confidence, constant_variance)
    return MeanInterval(mean, *_bounds(mean, error, freedom, confidence))


def corrected_resampled_t_test(
    differences: npt.ArrayLike, test_train_ratio: float, confidence: float = 0.95, *, constant_variance: float = 0.0
) -> PairedTest:
    """The corrected resampled t-test, paired and two-sided: is the mean difference over R repetitions other than 0?

    The statistic is `mean / sqrt((1/R + test_train_ratio) * s²)`, compared with a t distribution of R - 1 degrees of
    freedom; without the correction it would be the paired t-test.

    All differences the same (to 1e-12) leave the statistic undefined. If they are 0, no difference was found: p is 1.
    If not, s² is taken to be `constant_variance`. With its default of 0, p is 0, the limit of a spread that vanishes:
    right for 80 points in each of three repetitions, rash for one image in each of them. A caller who knows how many
    images there are can give the least variance that such a difference can have (see `least_variance`).

    Args:
        differences: (R,) float, of order 1: one measure minus the other, in each repetition; R at least 1.
        test_train_ratio, confidence, constant_variance: as in `corrected_interval`.

    Returns:
        The interval holds 0 exactly where p is above 1 - confidence. NaN bounds and p where R is 1.

    Raises:
        InputError: one of them is out of its range.

    Source: as in `corrected_interval`.
    """
    mean, error, freedom = _mean_and_error(differences, test_train_ratio, confidence, constant_variance)
    low, high = _bounds(mean, error, freedom, confidence)
    if math.isnan(error):
        p = math.nan
    elif error == 0:
        p = 1.0 if mean == 0 else 0.0
    else:
        from scipy.special import stdtr

        p = float(2 * stdtr(freedom, -abs(mean) / error))
    return PairedTest(mean, low, high, p)


def least_variance(mean: float, images: npt.ArrayLike) -> float:
    """The least variance that a share, or a difference of two shares counted on the same images, can have.

    An image adds -1, 0 or 1 to such a sum. With mean m it is not 0 for at least |m| of the images, so its variance is
    at least |m| - m², and that of the mean of n images an n-th of it.

    Args:
        mean: of the share or the difference, -1 to 1.
        images: (R,), at least 1 each: how many were counted in each repetition.
    """
    size = min(abs(mean), 1.0)
    return size * (1 - size) * float(np.mean(1 / np.asarray(images, np.float64)))


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """P values adjusted for their number by Holm's method, float64 (n,), in the order given.

    To call "different" what is below 0.05 after it errs anywhere among the n with a probability of at most 5 %,
    however the tests depend on one another. NaN (no test was made) stays NaN and is not counted.

    Raises:
        InputError: one of them is below 0 or above 1.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    given = np.asarray(p_values, np.float64).reshape(-1)
    if ((given < 0) | (given > 1)).any():
        raise InputError("A p value cannot be used.", expected="0 to 1, or NaN", received=str(given.tolist()))
    adjusted = given.copy()
    order = np.argsort(given, kind="stable")[: np.count_nonzero(~np.isnan(given))]  # NaN is sorted last
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _mean_and_error(
    values: npt.ArrayLike, ratio: float, confidence: float, constant_variance: float
) -> tuple[float, float, int]:
    """The mean, its corrected standard error (NaN for one value) and the degrees of freedom."""
    given = np.asarray(values, np.float64)
    if given.ndim != 1 or not given.size or not np.isfinite(given).all():
        raise InputError(
            "There is no mean of these values.",
            expected="finite numbers, one per repetition, at least one",
            received=f"shape {given.shape}, {np.count_nonzero(~np.isfinite(given))} not finite",
        )
    if not (math.isfinite(ratio) and ratio >= 0):
        raise InputError(
            "The ratio of test to training images cannot be used.", expected="at least 0", received=str(ratio)
        )
    if not 0 < confidence < 1:
        raise InputError("The confidence cannot be used.", expected="above 0 and below 1", received=str(confidence))
    mean = float(given.mean())
    freedom = len(given) - 1
    if not freedom:
        return mean, math.nan, freedom
    if np.ptp(given) <= _ROUNDING:
        variance = constant_variance
        mean = 0.0 if abs(mean) <= _ROUNDING else mean
    else:
        variance = float(given.var(ddof=1))
    return mean, math.sqrt((1 / len(given) + ratio) * variance), freedom


def _bounds(mean: float, error: float, freedom: int, confidence: float) -> tuple[float, float]:
    if math.isnan(error):
        return math.nan, math.nan
    from scipy.special import stdtrit

    half = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return mean - half, mean + half
