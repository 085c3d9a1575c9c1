"""Accuracy against training images: what was measured, and what more images would bring.

The answers of every training are compared on the same test images, so everything here begins with whether each of
them was answered rightly: bool (R, P, M), R repetitions with P numbers of training images on M test images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.evaluation.comparisons import PairedTest
from regraft.evaluation.paired import mcnemar, paired_difference_interval
from regraft.evaluation.power_laws import FEWEST, PowerLaws, fit_power_laws

Floats = npt.NDArray[np.float64]
Right = npt.NDArray[np.bool_]
Silence = Literal["few", "narrow", "perfect", "flat"]

FARTHEST = 4
"""Times the most images that were measured: nothing is said of more."""
_DRAWS = 2000
_DETERMINED = 3.84  # the 95 % point of chi-square with one degree of freedom


class MeanAccuracy(NamedTuple):
    """A mean accuracy over repetitions and the bounds of its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Prediction:
    """What so many images would give on average, with 95 % intervals.

    Attributes:
        images: how many.
        accuracy, low, high: expected accuracy.
        gain, gain_low, gain_high: how much more that is than with the most images measured, as the laws have it.
    """

    images: float
    accuracy: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True)
class Law:
    """The law that fits the mean errors: `scale · n^(-exponent) + floor`; the floor is 0 unless it is `determined`."""

    scale: float
    exponent: float
    floor: float
    determined: bool


@dataclass(frozen=True)
class Extrapolation:
    """What more images would bring, or why that cannot be said.

    Attributes:
        silence: `few` numbers of images, their range too `narrow`, all answers right with all images (`perfect`), or
            no rise of the accuracy that can be told from chance (`flat`); None where something can be said. All else
            is empty then.
        law: that fits best.
        predictions: with twice and four times the images.
        band: along the way from the fewest images to `FARTHEST` times the most.
        halving: images for half the error, expected, low and high; None for what is beyond `FARTHEST` times.
        check: with all images, from the smaller numbers of images alone; None where these say nothing.
    """

    silence: Silence | None
    law: Law | None = None
    predictions: tuple[Prediction, ...] = ()
    band: tuple[Prediction, ...] = ()
    halving: tuple[float | None, float | None, float | None] = (None, None, None)
    check: Prediction | None = None


def mean_accuracy(right: Right, confidence: float = 0.95) -> MeanAccuracy:
    """The mean accuracy over repetitions that share their test images, with an interval for both causes of chance.

    The variance of the mean is that of the draw of the training images, s² / R (0 for one repetition, which says
    nothing of it), and that of the test images, p (1 - p) / M, which are the same ones each time and do not average
    out. The interval is Wilson's for as many test images as would give this variance alone.

    Args:
        right: bool (R, M).
        confidence: above 0 and below 1.
    """
    shares = right.mean(axis=1)
    mean, images = float(shares.mean()), right.shape[1]
    drawn = float(shares.var(ddof=1)) / len(shares) if len(shares) > 1 else 0.0
    sampled = mean * (1 - mean) / images
    effective = images * sampled / (sampled + drawn) if sampled else float(images)
    return MeanAccuracy(mean, *_wilson(mean, effective, NormalDist().inv_cdf((1 + confidence) / 2)))


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """`wilson_interval` of a number of images that need not be whole."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def accuracy_difference(first: Right, second: Right, confidence: float = 0.95) -> PairedTest:
    """The difference of two mean accuracies, first minus second, in the same repetitions on the same test images.

    One repetition: Newcombe's interval and McNemar's exact test on the images. Several: a normal interval whose
    variance is that of the differences over the images, each the mean of its repetitions, plus that of the
    differences over the repetitions; what both hold is counted twice, so it errs on the wide side.

    Args:
        first, second: bool (R, M).
        confidence: above 0 and below 1.
    """
    repetitions, images = first.shape
    if repetitions == 1:
        only, other = int((first & ~second).sum()), int((second & ~first).sum())
        both = int((first & second).sum())
        interval = paired_difference_interval(both, only, other, images - both - only - other, confidence)
        return PairedTest(*interval, mcnemar(only, other))
    differences = first.astype(np.float64) - second
    mean = float(differences.mean())
    of_images = float(differences.mean(axis=0).var(ddof=1)) / images if images > 1 else 1.0
    error = math.sqrt(of_images + float(differences.mean(axis=1).var(ddof=1)) / repetitions)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    p = 2 * NormalDist().cdf(-abs(mean) / error) if error else float(mean == 0)
    return PairedTest(mean, max(-1.0, mean - half), min(1.0, mean + half), p)


def resampled_errors(right: Right, draws: int, seed: int) -> Floats:
    """Mean errors (draws, P) over repetitions and test images that were drawn again, with replacement.

    Repetitions and images are drawn apart, and whole: a repetition with all its numbers of images, an image with all
    its answers, since errors with few and with many images go together. Of R repetitions R - 1 are drawn, which gives
    their mean the right variance also where they are few.

    Args:
        right: bool (R, P, M).
        draws: how many.
        seed: of the draws.

    Source: Owen 2007, "The pigeonhole bootstrap"; Rao and Wu 1988, "Resampling inference with complex survey data".
    """
    random = np.random.default_rng((seed, 2))
    repetitions, points, images = right.shape
    chosen = max(repetitions - 1, 1)
    of_repetitions = random.multinomial(chosen, np.full(repetitions, 1 / repetitions), size=draws) / chosen
    of_images = random.multinomial(images, np.full(images, 1 / images), size=draws) / images
    errors = np.empty((draws, points))
    for point in range(points):
        by_image = (~right[:, point]).astype(np.float64)
        errors[:, point] = np.einsum("dr,dr->d", of_repetitions, of_images @ by_image.T)
    return errors


def extrapolate(images: npt.ArrayLike, right: Right, *, seed: int = 0, draws: int = _DRAWS) -> Extrapolation:
    """What twice and four times the images would bring on average, from the accuracies with fewer.

    A law is fitted to each of many resampled sets of errors (`resampled_errors`), with a floor where there are numbers
    of images enough: whether there is one can often not be told, and the laws then are of both kinds. Expected is the
    median of the laws; the interval holds the middle 95 % of them.

    Args:
        images: (P,) numbers of training images, rising.
        right: bool (R, P, M).
        seed: of the resampling.
        draws: how many sets.

    Source: as of `fit_power_laws` and `resampled_errors`.
    """
    counts = np.asarray(images, np.float64)
    errors = 1 - right.mean(axis=(0, 2))
    if len(counts) < FEWEST:
        return Extrapolation("few")
    most = float(counts[-1])
    if most < FARTHEST * counts[0]:
        return Extrapolation("narrow")
    if not errors[-1]:
        return Extrapolation("perfect")
    weights = 1 / _variances(right)
    resampled = resampled_errors(right, draws, seed)
    if float(np.quantile(_slopes(counts, resampled, weights), 0.975)) >= 0:
        return Extrapolation("flat")
    laws = fit_power_laws(counts, resampled, weights, floor=len(counts) > FEWEST)
    along = np.unique([*np.geomspace(counts[0], FARTHEST * most, 60), *counts, 2 * most])
    wanted = (laws.errors([most]) / 2)[:, 0]
    return Extrapolation(
        None,
        _law(counts, errors, weights),
        _predictions(laws, np.array([2.0, FARTHEST]) * most, most),
        _predictions(laws, along, most),
        _halving(laws.images_for(wanted), FARTHEST * most),
        _check(counts, right, resampled),
    )


def _variances(right: Right) -> Floats:
    """Of the mean error with each number of images, (P,); above 0 also where no answer was wrong."""
    repetitions, _, images = right.shape
    wrong = (~right).mean(axis=(0, 2))
    smoothed = (wrong * images + 0.5) / (images + 1)
    drawn = right.mean(axis=2).var(axis=0, ddof=1) / repetitions if repetitions > 1 else 0.0
    variances: Floats = smoothed * (1 - smoothed) / images + drawn
    return variances


def _slopes(counts: Floats, errors: Floats, weights: Floats) -> Floats:
    """How errors (B, P) change with the logarithm of the images: (B,), from weighted lines."""
    shares = weights / weights.sum()
    x = np.log(counts) - (shares * np.log(counts)).sum()
    slopes: Floats = (shares * x * errors).sum(1) / (shares * x * x).sum()
    return slopes


def _law(counts: Floats, errors: Floats, weights: Floats) -> Law:
    """The law of the mean errors: with a floor where that fits better by more than chance."""
    laws = fit_power_laws(counts, errors[None], weights, floor=False)
    determined = False
    if len(counts) > FEWEST:
        other = fit_power_laws(counts, errors[None], weights, floor=True)
        misfit, other_misfit = (float((weights * (one.errors(counts)[0] - errors) ** 2).sum()) for one in (laws, other))
        determined = misfit - other_misfit > _DETERMINED
        laws = other if determined else laws
    exponent = float(laws.exponent[0])
    return Law(float(laws.scale[0]) * laws.unit**exponent, exponent, float(laws.floor[0]), determined)


def _predictions(laws: PowerLaws, images: Floats, most: float) -> tuple[Prediction, ...]:
    accuracy = np.clip(1 - laws.errors(images), 0, 1)
    gain = accuracy - np.clip(1 - laws.errors([most]), 0, 1)
    found = []
    for place, count in enumerate(images):
        low, middle, high = (float(value) for value in np.quantile(accuracy[:, place], (0.025, 0.5, 0.975)))
        least, usual, best = (float(value) for value in np.quantile(gain[:, place], (0.025, 0.5, 0.975)))
        found.append(Prediction(float(count), middle, low, high, usual, least, best))
    return tuple(found)


def _halving(images: Floats, farthest: float) -> tuple[float | None, float | None, float | None]:
    low, middle, high = np.quantile(images, (0.025, 0.5, 0.975), method="nearest")
    kept = [float(value) if value <= farthest else None for value in (middle, low, high)]
    return kept[0], kept[1], kept[2]


def _check(counts: Floats, right: Right, resampled: Floats) -> Prediction | None:
    """What the same laws, fitted without the last number of images, would have expected there."""
    if len(counts) <= FEWEST:
        return None
    fewer, weights = counts[:-1], 1 / _variances(right[:, :-1])
    if float(np.quantile(_slopes(fewer, resampled[:, :-1], weights), 0.975)) >= 0:
        return None
    laws = fit_power_laws(fewer, resampled[:, :-1], weights, floor=len(fewer) > FEWEST)
    return _predictions(laws, counts[-1:], float(fewer[-1]))[0]
