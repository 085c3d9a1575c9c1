"""The two tasks of the digits study: 0 to 5 to learn on, 6 to 9 to transfer to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.images.labelled import ImageCollection, LabelledImage
from regraft.images.splitting import assign_splits

SOURCE = ("0", "1", "2", "3", "4", "5")
TARGET = ("6", "7", "8", "9")
LEAST_SIZE = 6
"""Pixels: two convolutions 3 × 3 and a pooling 2 × 2 make one of them."""
TEST_SHARE = 0.2
"""Of the images, where none are set aside for the test."""

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DigitTask:
    """Some of the digits, to train on and to test on.

    Attributes:
        classes: the digits; a label is a position in them.
        pixels, labels: (N, height, width) grey values and (N,), to train on.
        test_pixels, test_labels: likewise, to test on.
    """

    classes: tuple[str, ...]
    pixels: Pixels
    labels: Labels
    test_pixels: Pixels
    test_labels: Labels

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every image, in pixels."""
        return self.pixels.shape[1], self.pixels.shape[2]


def digit_tasks(collection: ImageCollection, seed: int = 0) -> tuple[DigitTask, DigitTask]:
    """The source task, digits 0 to 5, and the target task, 6 to 9, of any collection of handwritten digits.

    Args:
        collection: classes `0` to `9`, grey pixels of one size in memory. Its test images are those of the split
            `test`; where it has none, a fifth of the images, by the hash of their content.
        seed: of that fifth.

    Raises:
        InputError: it is no such collection.
    """
    if collection.classes != SOURCE + TARGET:
        raise InputError(
            "The digits study needs digits.",
            expected="the classes 0 to 9",
            received=", ".join(collection.classes),
            hint="regraft study digits, or --images FILE with labelled digits",
        )
    shapes = {image.source.shape if isinstance(image.source, np.ndarray) else None for image in collection.images}
    if len(shapes) > 1 or len(next(iter(shapes)) or ()) != 2:
        raise InputError(
            "The digits study needs grey images of one size.",
            expected="mnist, digits, or arrays of grey images in an .npz or a .mat file",
            received=f"{len(shapes)} sizes" if len(shapes) > 1 else "image files or colour",
        )
    size = next(iter(shapes)) or ()
    if min(size) < LEAST_SIZE:
        raise InputError(
            "The digits are too small for the network of the study: its convolutions leave nothing to pool.",
            expected=f"at least {LEAST_SIZE} × {LEAST_SIZE} pixels",
            received=" × ".join(map(str, size)),
        )
    splits = [image.split for image in collection.images]
    if "test" not in splits:
        splits = list(assign_splits(collection.images, seed=seed, test=TEST_SHARE))
    learn = [image for image, split in zip(collection.images, splits, strict=True) if split != "test"]
    test = [image for image, split in zip(collection.images, splits, strict=True) if split == "test"]
    return _task(SOURCE, learn, test), _task(TARGET, learn, test)


def _task(classes: tuple[str, ...], learn: list[LabelledImage], test: list[LabelledImage]) -> DigitTask:
    return DigitTask(classes, *_arrays(classes, learn), *_arrays(classes, test))


def _arrays(classes: tuple[str, ...], images: list[LabelledImage]) -> tuple[Pixels, Labels]:
    kept = [image for image in images if image.label in classes]
    pixels = np.stack([np.asarray(image.source, np.uint8) for image in kept])
    return pixels, np.array([classes.index(image.label) for image in kept], np.int64)


def nested_part(labels: Labels, count: int, seed: int) -> Labels:
    """So many of some images, (count,) positions in random order: each class with nearly its share.

    A smaller part of the same seed is in every larger one.

    Args:
        labels: (N,) of all images.
        count: from 1 to N.
        seed: of the draw.
    """
    random = np.random.default_rng((seed, 1))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        place[random.permutation(rows)] = (np.arange(len(rows)) + random.random()) / len(rows)
    return random.permutation(np.argsort(place, kind="stable")[:count])


def whole_batches(count: int, proportion: float, batch_size: int) -> int:
    """Images in a proportion of so many, in whole batches, at least one: of MNIST's 23,983, 100 in 0.005 of them."""
    return max(1, int(count * proportion) // batch_size) * batch_size
