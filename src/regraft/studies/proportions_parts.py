"""The parts of the training images that the proportions study learns from: nested and stratified.

A part may divide a group of images; between the images of a part that train and those that validate none is divided.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.studies.digit_tasks import nested_part

Rows = npt.NDArray[np.int64]

VALIDATION = 0.2
"""About so many of the images of a part choose setting and epoch."""


@dataclass(frozen=True)
class Part:
    """A part of the training images.

    Attributes:
        fraction: of all of them.
        images: how many these are.
        problem: why nothing can be learnt from it; empty where something can.
    """

    fraction: float
    images: int
    problem: str = ""


def parts_of(
    labels: Rows, groups: Sequence[str], fractions: Sequence[float], seeds: Sequence[int], classes: int
) -> tuple[Part, ...]:
    """A part for each fraction, of those of equal size the first one.

    A part is of use where, in every repetition, each class has an image to train on and one to validate on.

    Args:
        labels: (N,) of all training images.
        groups: (N,), images of one group train or validate together.
        fractions: rising.
        seeds: of the repetitions.
        classes: how many there are.
    """
    parts: dict[int, Part] = {}
    for fraction in fractions:
        count = max(1, math.floor(fraction * len(labels) + 0.5))
        if count not in parts:
            parts[count] = Part(fraction, count, _problem(labels, groups, count, seeds, classes))
    return tuple(parts.values())


def _problem(labels: Rows, groups: Sequence[str], count: int, seeds: Sequence[int], classes: int) -> str:
    for seed in seeds:
        for rows, what in zip(divided(labels, groups, count, seed), ("train", "validate"), strict=True):
            lacking = classes - len(np.unique(labels[rows]))
            if lacking:
                return f"{'a class has' if lacking == 1 else f'{lacking} classes have'} no image to {what} on"
    return ""


def divided(labels: Rows, groups: Sequence[str], count: int, seed: int) -> tuple[Rows, Rows]:
    """The images of a part to train on and to validate on: positions in `labels`.

    The part is `nested_part`, which knows nothing of groups. Of each class of it, all images of a group together, the
    groups in random order, validate until they are a fifth, at least one image, of the class; a group of several
    classes goes with the first of them.

    Args:
        labels: (N,) of all training images.
        groups: (N,).
        count: images of the part.
        seed: of the draw.
    """
    part = nested_part(labels, count, seed)
    random = np.random.default_rng((seed, 3))
    held: dict[str, bool] = {}
    for label in np.unique(labels[part]):
        rows = part[labels[part] == label]
        sizes = Counter(groups[row] for row in rows)
        wanted = max(1, math.floor(VALIDATION * len(rows) + 0.5))
        taken = sum(held.get(groups[row], False) for row in rows)
        for row in random.permutation(rows).tolist():
            if groups[row] not in held:
                held[groups[row]] = taken < wanted
                taken += sizes[groups[row]] if taken < wanted else 0
    validates = np.array([held[groups[row]] for row in part], bool)
    return part[~validates], part[validates]


def epochs_of(epochs: int, images: int, most: int) -> int:
    """Epochs for a part of the images, √(most / images) times those for all of them.

    A small part gets more epochs, so that the network is updated often enough to learn at all, and yet sees fewer
    images in all: halfway, on a logarithmic scale, between equal epochs and equal updates.
    """
    return max(1, round(epochs * math.sqrt(most / images)))
