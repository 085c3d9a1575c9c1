"""Where in an image a classifier finds its evidence for a class: the arithmetic, on maps and gradients.

A class activation map (Zhou et al. 2016, "Learning deep features for discriminative localization") for a linear head on
averaged maps; HiResCAM (Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of
convolutional neural networks"), which is the same there, for any other head; and occlusion (Zeiler and Fergus 2014,
"Visualizing and understanding convolutional networks") where there are no maps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from regraft.training._activations import activated_with_slope
from regraft.training.weights import HeadWeights

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

Pooled = Literal["average", "max"]
"""How maps became features."""


def class_logit(weights: HeadWeights, features: Floats, index: int) -> tuple[float, Floats]:
    """The logit of a class and its gradient at the features.

    Args:
        weights: of the head. With the one output of a sigmoid, the logit of the second class is that output and the
            logit of the first its negative: the log odds either way.
        features: (features,).
        index: of the class.

    Returns:
        The logit, and its gradient, float32 (features,).
    """
    values = np.asarray(features, np.float32)
    slopes = []
    for kernel, bias in weights.layers[:-1]:
        values, slope = activated_with_slope(weights.hidden_activation, values @ kernel + bias)
        slopes.append(slope)
    kernel, bias = weights.layers[-1]
    sign, column = (1 if index else -1, 0) if weights.outputs == 1 else (1, index)
    logit = sign * float(values @ kernel[:, column] + bias[column])
    gradient = sign * kernel[:, column]
    for (hidden, _), slope in zip(reversed(weights.layers[:-1]), reversed(slopes), strict=True):
        gradient = hidden @ (gradient * slope)
    return logit, np.asarray(gradient, np.float32)


def evidence(maps: Floats, gradient: Floats, pooled: Pooled) -> Floats:
    """How much each place adds to the logit of a class: maps × gradient, summed over the channels.

    Scaled so that the **mean** over the places is what the maps add to the logit of a linear head; for another head it
    is that of its tangent at the features.

    Args:
        maps: float32 (rows, columns, channels).
        gradient: (channels,), of the logit at the features pooled from these maps.
        pooled: `average`; or `max`, where only the places of a channel's greatest value count (in equal parts).

    Returns:
        float32 (rows, columns); negative where a place speaks against the class.
    """
    if pooled == "max":
        rows, columns, _ = maps.shape
        greatest = maps == maps.max(axis=(0, 1))
        maps = np.where(greatest, maps, np.float32(0)) * (rows * columns / greatest.sum(axis=(0, 1), dtype=np.float32))
    return np.asarray(maps @ gradient, np.float32)


def summed(parts: Sequence[Floats]) -> Floats:
    """Several evidences of one image, (rows, columns) each, as one: on the finest of their grids, added.

    A coarser one is brought to it by bilinear interpolation; its mean stays.
    """
    rows, columns = (max(part.shape[axis] for part in parts) for axis in (0, 1))
    total = np.zeros((rows, columns), np.float32)
    for part in parts:
        if part.shape == total.shape:
            total += part
            continue
        fine = _between(rows, part.shape[0]) @ part @ _between(columns, part.shape[1]).T
        total += fine + (part.mean() - fine.mean())
    return total


def _between(new: int, old: int) -> Floats:
    """The matrix (new, old) of linear interpolation between the centres of cells."""
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(places[:, None] - np.arange(old))), np.float32)


def occluded(pixels: Pixels, rows: int, columns: int) -> Iterator[Pixels]:
    """The image with one part after another hidden behind its mean colour, row by row.

    Each part is a cell of the grid and half of those around it, so that an object on a border is hidden as well.

    Args:
        pixels: uint8 (height, width, 3).
        rows, columns: of the grid.
    """
    height, width = pixels.shape[:2]
    grey = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
    for row in range(rows):
        for column in range(columns):
            hidden = pixels.copy()
            hidden[_around(row, rows, height), _around(column, columns, width)] = grey
            yield hidden


def _around(cell: int, cells: int, length: int) -> slice:
    """From half a cell before to half a cell behind one of some cells, at least a pixel."""
    start = max(0, int((cell - 0.5) * length / cells))
    return slice(start, max(start + 1, min(length, round((cell + 1.5) * length / cells))))


def log_odds(probabilities: Floats, index: int) -> npt.NDArray[np.float64]:
    """The log odds (n,) of a class, from probabilities (n, classes)."""
    least = float(np.finfo(np.float32).tiny)
    others = np.delete(probabilities, index, axis=1).sum(axis=1, dtype=np.float64)
    own = probabilities[:, index].astype(np.float64)
    return np.asarray(np.log(np.maximum(own, least)) - np.log(np.maximum(others, least)))


def occlusion_evidence(whole: Floats, hidden: Floats, index: int, rows: int, columns: int) -> Floats:
    """By how much hiding each part lowers the log odds of a class, float32 (rows, columns).

    Args:
        whole: probabilities of the image, (classes,).
        hidden: of what `occluded` gave, (rows · columns, classes).
        index: of the class.
        rows, columns: of the grid.
    """
    drop = log_odds(whole[None], index) - log_odds(hidden, index)
    return np.asarray(drop.reshape(rows, columns), np.float32)
