"""How well features suit a labelling, from the features alone: LogME and the H-score, in a second, without training.

Both look at the features through their principal axes, which are found once for each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.training._stacked import fitting_threads

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]

_ROUNDS = 1000  # the fixed point is found in 5 to 30
_CLOSE_ENOUGH = 1e-6  # relative change of alpha/beta in one round
_LEAST = 1e-10  # of a squared length: labels that features explain to the last digit would be infinitely likely


def log_me(features: npt.NDArray[np.floating[Any]], labels: Labels) -> float:
    """LogME: the logarithm of the maximum evidence an image, of a linear model of each class against the rest.

    A Bayesian linear regression without intercept predicts 0 or 1 from the features; the precisions of its weights
    (alpha) and of its noise (beta) are those under which the labels are likeliest. The mean over the classes of the
    logarithm of that likelihood, divided by the number of images: larger is better, and negative as a rule.

    Args:
        features: (n, d) finite floats, of at least two classes.
        labels: (n,) class indices; which number stands for which class plays no part.

    Raises:
        InputError: the arrays do not fit together, hold numbers that are not finite, or there is one class only.

    Source: You et al. 2021, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning" (arXiv
    2102.11005), by the fixed-point iteration of You et al. 2022, "Ranking and Tuning Pre-trained Models" (JMLR 23,
    arXiv 2110.10545), until it moves no more. Where there are more features than images, the evidence is the exact one
    of the first paper; in the authors' later program the axes that the images do not reach still count in one of its
    terms and not in the other.
    """
    features, indicators = _checked(features, labels)
    images = len(features)
    variances, along = _axes(features, indicators)
    variances = variances / (variances.mean() if len(variances) else 1.0)  # which changes the weights' scale alone
    squares = along**2  # (k, C): of each class's indicator along each axis
    rest = np.maximum(indicators.sum(axis=0) - squares.sum(axis=0), 0.0)  # beyond all axes; a 0/1 square is itself
    ratio = np.ones(indicators.shape[1])  # alpha / beta, of each class
    column = variances[:, None]
    for _ in range(_ROUNDS):
        effective = (column / (column + ratio)).sum(axis=0)  # parameters that the labels decide, not the prior
        length = (column * squares / (column + ratio) ** 2).sum(axis=0)  # squared, of the mean weights
        residual = (squares * (ratio / (column + ratio)) ** 2).sum(axis=0) + rest
        length, residual = np.maximum(length, _LEAST), np.maximum(residual, _LEAST * images)
        alpha, beta = np.maximum(effective, _LEAST) / length, np.maximum(images - effective, _LEAST) / residual
        before, ratio = ratio, alpha / beta
        if (np.abs(ratio - before) <= _CLOSE_ENOUGH * before).all():
            break
    evidence = (
        len(variances) / 2 * np.log(alpha)
        + images / 2 * np.log(beta / (2 * np.pi))
        - np.log(alpha + beta * column).sum(axis=0) / 2
        - beta / 2 * residual
        - alpha / 2 * length
    )
    return float(evidence.mean() / images)


def h_score(features: npt.NDArray[np.floating[Any]], labels: Labels) -> float:
    """H-score: how much of the features' spread lies between the classes, tr(cov(f)⁻¹ cov(E[f|y])).

    From 0 (the classes' means are the same) to their number less one (the classes are points). Where there are not
    more images than features it says nothing: the classes of any images look like points then, and the score is the
    number of classes less one. `regularised_h_score` is for those.

    Args:
        features, labels: as for `log_me`; the inverse is the pseudo-inverse where features depend on each other.

    Raises:
        InputError: as `log_me`.

    Source: Bao et al. 2019, "An Information-Theoretic Approach to Transferability in Task Transfer Learning" (ICIP).
    """
    return h_scores(features, labels)[0]


def regularised_h_score(features: npt.NDArray[np.floating[Any]], labels: Labels) -> float:
    """H-score with the covariance of the features shrunk towards a sphere: also for more features than images.

    `tr(cov_a(f)⁻¹ (1 - a) cov(E[f|y]))`, where cov_a is `(1 - a) cov + a (tr cov / d) I` and the shrinkage a is Ledoit
    and Wolf's, which grows as images become few.

    Args:
        features, labels: as for `log_me`.

    Raises:
        InputError: as `log_me`.

    Source: Ibrahim, Ponomareva and Mazumder 2022, "Newer is not always better: Rethinking transferability metrics,
    their peculiarities, stability and performance" (ECML PKDD, arXiv 2110.06893); Ledoit and Wolf 2004, "A
    well-conditioned estimator for large-dimensional covariance matrices".
    """
    return h_scores(features, labels)[1]


def h_scores(features: npt.NDArray[np.floating[Any]], labels: Labels) -> tuple[float, float]:
    """`h_score` and `regularised_h_score` in the time of one of them."""
    features, indicators = _checked(features, labels)
    images, width = features.shape
    variances, between = _between(features, indicators)
    plain = float(between.sum())
    variances = variances / images
    if not len(variances):
        return plain, 0.0
    mean = variances.sum() / width
    lengths = ((features - features.mean(axis=0)) ** 2).sum(axis=1)
    squared = (variances**2).sum()
    far = squared - width * mean**2  # of the covariance from the sphere, squared and times d
    noise = ((lengths**2).sum() / images - squared) / images  # of the covariance as it is estimated, likewise
    shrinkage = min(max(noise / far, 0.0), 1.0) if far > 0 else 0.0
    kept = (1 - shrinkage) * variances
    # The spread between the classes is divided by n - 1 and the whole one by n, as the authors' program has it.
    return plain, float((kept / (kept + shrinkage * mean) * between).sum() * images / (images - 1))


def _checked(features: npt.NDArray[np.floating[Any]], labels: Labels) -> tuple[Floats, Floats]:
    """The features in float64 and the classes' indicators (n, C), 0 or 1."""
    exact, labels = np.asarray(features, np.float64), np.asarray(labels)
    if exact.ndim != 2 or labels.shape != exact.shape[:1] or not exact.size:
        raise InputError(
            "These features and labels cannot be scored.",
            expected="features (n, d) and labels (n,), n and d at least 1",
            received=f"{exact.shape} and {labels.shape}",
        )
    if not np.isfinite(exact).all():
        raise InputError("Some of the features are no finite numbers.", hint="look for what computed them")
    classes, positions = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise InputError("There is nothing to tell apart.", expected="two classes or more", received="one class")
    return exact, np.eye(len(classes))[positions]


def _axes(features: Floats, columns: Floats) -> tuple[Floats, Floats]:
    """The squared singular values (k,) other than 0, and columns (n, C) along the left singular vectors: (k, C).

    Through the smaller of the two matrices of inner products: many times as fast as a singular value decomposition,
    and what it loses in small singular values is far below what the images can tell.
    """
    images, width = features.shape
    wide = width >= images
    with fitting_threads(features.size):
        values, vectors = np.linalg.eigh(features @ features.T if wide else features.T @ features)
    known = values > max(float(values[-1]), 0.0) * max(images, width) * np.finfo(np.float64).eps
    values, vectors = values[known], vectors[:, known]
    if wide:
        return values, vectors.T @ columns
    return values, (vectors.T @ (features.T @ columns)) / np.sqrt(values)[:, None]


def _between(features: Floats, indicators: Floats) -> tuple[Floats, Floats]:
    """Of the centred features: squared singular values (k,), and the part between the classes of each axis's spread."""
    shares = indicators / np.sqrt(indicators.sum(axis=0))  # columns of length 1, one for each class
    variances, along = _axes(features - features.mean(axis=0), shares)
    return variances, (along**2).sum(axis=1)
