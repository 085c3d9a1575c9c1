"""Which sources of features go together: a set chosen greedily, by cross-validation in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.training.scaling import rms_norm

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]

STRENGTHS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
"""Ridge penalties that are tried, for one image: with n images of mean squared length 1 the penalty is n times that."""

AT_MOST = 4
"""Sources in a set: every one of them costs its forward pass for every image, for ever."""


@dataclass(frozen=True, eq=False)
class Held:
    """How well a set of sources classifies images that were left out.

    Attributes:
        right: bool (n,), whether each image got its own class.
        error: the mean over the images of the squared distance between scores and the class's indicator.
        strength: the ridge penalty with the lowest error.
    """

    right: npt.NDArray[np.bool_]
    error: float
    strength: float

    @property
    def accuracy(self) -> float:
        """The share of the images that got their own class."""
        return float(self.right.mean())


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the choice.

    Attributes:
        added: the source that makes the best set with those chosen before.
        accuracy: of that set, each image left out with its group.
        gain: over the set before; over nothing in the first step.
        standard_error: of the gain, from the differences on the same images.
        taken: whether it was; a last step that was not shows why the choice ended.
        tried: the accuracy of the set with each source that could be added.
    """

    added: str
    accuracy: float
    gain: float
    standard_error: float
    taken: bool
    tried: dict[str, float]


def gram_matrix(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Inner products (n, n) of features (n, D) that are divided by their RMS length, so that the mean diagonal is 1."""
    product: npt.NDArray[np.float32] = features @ features.T
    product /= np.float32(rms_norm(features) ** 2)
    return product


def held_out(gram: Floats, labels: Labels, groups: Sequence[str], classes: int) -> Held:
    """Classifies every image by ridge regression on all images but those of its group, exactly and without refitting.

    Scores are least squares on the classes' indicators with an intercept that is not penalised; with H the matrix that
    takes targets to fitted values, the residuals of a group G that is left out are (I - H_GG)^-1 (y - H y)_G (for one
    image: Allen 1974, "The relationship between variable selection and data augmentation"; for a fold: Cook and
    Weisberg 1982, "Residuals and Influence in Regression", section 3.6). One eigendecomposition serves every penalty.

    Args:
        gram: (n, n), inner products of the images' features.
        labels: (n,), from 0 to `classes` - 1.
        groups: (n,) names: images of one group are left out together.
        classes: how many there are.

    Raises:
        InputError: there are fewer than two groups, so nothing is left to learn from.
    """
    if len(set(groups)) < 2:
        raise InputError("There is only one group of images.", expected="at least 2", received=str(len(set(groups))))
    count = len(labels)
    targets = np.eye(classes)[labels]
    residual_targets = targets - targets.mean(axis=0)
    centred = gram - gram.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(centred)
    values, vectors = np.maximum(values.astype(np.float64), 0), vectors.astype(np.float64)
    rotated, squares = vectors.T @ residual_targets, vectors**2
    together = _larger_groups(groups)
    best: Held | None = None
    for strength in STRENGTHS:
        shrunk = values / (values + strength * count)
        residuals = residual_targets - vectors @ (shrunk[:, None] * rotated)
        left = residuals / (1 - squares @ shrunk - 1 / count)[:, None]
        for rows in together:
            own = (vectors[rows] * shrunk) @ vectors[rows].T + 1 / count
            left[rows] = np.linalg.solve(np.eye(len(rows)) - own, residuals[rows])
        error = float((left**2).sum(axis=1).mean())
        if best is None or error < best.error:
            best = Held((targets - left).argmax(axis=1) == labels, error, strength)
    assert best is not None
    return best


def _larger_groups(groups: Sequence[str]) -> list[npt.NDArray[np.intp]]:
    """The rows of each group of more than one image."""
    names, inverse, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return [np.flatnonzero(inverse == name) for name in range(len(names)) if counts[name] > 1]


def choose_set(
    grams: Mapping[str, Floats],
    labels: Labels,
    groups: Sequence[str],
    classes: int,
    *,
    at_most: int = AT_MOST,
    progress: Callable[[int], None] | None = None,
) -> list[Step]:
    """Chooses a set of sources: first the best one, then the one that helps most, as long as it helps.

    A set's features are those of its sources side by side, each with the same mean squared length, so its matrix is the
    mean of theirs. Of sets with the same accuracy the one with the smaller error counts as better. A source is taken if
    the accuracy grows by more than one standard error of that growth. The accuracy of what is chosen is somewhat too
    good, being the best of many: it is to choose by, not to report.

    Args:
        grams: of each source by its name, (n, n), from `gram_matrix`.
        labels, groups, classes: as for `held_out`.
        at_most: sources in the set.
        progress: called with 1 after each set that was tried.

    Returns:
        The steps, the first of which is always taken; the last may not be.

    Raises:
        InputError: there is no source, or only one group.
    """
    if not grams:
        raise InputError("There is no source of features to choose from.", expected="at least one")
    steps: list[Step] = []
    chosen: list[str] = []
    total: Floats = np.zeros(1)
    before = np.zeros(len(labels), bool)
    while len(chosen) < min(at_most, len(grams)):
        tried: dict[str, Held] = {}
        for name in grams:
            if name not in chosen:
                tried[name] = held_out((total + grams[name]) / (len(chosen) + 1), labels, groups, classes)
                if progress is not None:
                    progress(1)
        best = max(tried, key=lambda name: (tried[name].accuracy, -tried[name].error))
        change = tried[best].right.astype(np.int64) - before
        gain, error = float(change.mean()), float(change.std()) / math.sqrt(len(labels))
        taken = not chosen or gain > error
        steps.append(
            Step(best, tried[best].accuracy, gain, error, taken, {name: held.accuracy for name, held in tried.items()})
        )
        if not taken:
            break
        chosen.append(best)
        total, before = total + grams[best], tried[best].right
    return steps
