"""What `train_heads` is given, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.training._order import Sampling
from regraft.training.settings import HeadSettings
from regraft.training.trained import Activation
from regraft.training.weights import HeadWeights

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def outputs_of(classes: int, activation: Activation) -> int:
    """How many outputs a head for so many classes has."""
    if classes < 2:
        raise InputError("A classifier needs classes.", expected="at least 2", received=str(classes))
    if activation == "softmax":
        return classes
    if activation != "sigmoid":
        raise InputError("The activation is not known.", expected="softmax or sigmoid", received=str(activation))
    if classes != 2:
        raise InputError(
            "A sigmoid head tells two classes apart.", expected="2 classes", received=str(classes), hint="use softmax"
        )
    return 1


def checked_options(
    settings: Sequence[HeadSettings],
    epochs: int,
    batch_size: int,
    scale: float,
    sampling: Sampling,
    epoch_images: int | None = None,
) -> None:
    """Numbers that must be large enough, and a sampling that must be known."""
    if not settings:
        raise InputError("There is no head to train.", expected="at least one setting")
    for name, number in (("epochs", epochs), ("batch_size", batch_size), ("epoch_images", epoch_images)):
        if number is not None and number < 1:
            raise InputError(f"{name} is too small.", expected="at least 1", received=str(number))
    if not (math.isfinite(scale) and scale > 0):
        raise InputError("The scale cannot be used.", expected="a finite number above 0", received=str(scale))
    if sampling not in get_args(Sampling):
        raise InputError("The sampling is not known.", expected="plain or balanced", received=str(sampling))


def checked_views(features: Floats, labels: Labels, classes: int) -> tuple[Floats, Labels]:
    """Training features (V, N, D), one view where they come as (N, D), and labels (N,)."""
    features = np.asarray(features)
    if features.ndim != 3:
        checked, labels = checked_set(features, labels, classes, "training")
        return checked[None], labels
    views, count, width = features.shape
    if not features.size or np.shape(labels) != (count,):
        raise InputError(
            "The training features and labels do not fit together.",
            expected="features (views, images, width) and one label per image, at least one of each",
            received=f"features {features.shape}, labels {np.shape(labels)}",
        )
    flat, repeated = checked_set(features.reshape(-1, width), np.tile(labels, views), classes, "training")
    return flat.reshape(features.shape), repeated[:count]


def checked_set(features: Floats, labels: Labels, classes: int, what: str) -> tuple[Floats, Labels]:
    """Features (N, D) float32 and labels (N,) int64 that fit together."""
    features = np.ascontiguousarray(features, np.float32)
    labels = np.asarray(labels)
    if features.ndim != 2 or not features.size or labels.shape != (len(features),):
        raise InputError(
            f"The {what} features and labels do not fit together.",
            expected="features (images, width) and one label per image, at least one image",
            received=f"features {features.shape}, labels {labels.shape}",
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"A {what} label is no class index.",
            expected=f"whole numbers from 0 to {classes - 1}",
            received=f"{labels.dtype} from {labels.min()} to {labels.max()}",
        )
    with np.errstate(all="ignore"):
        finite = np.isfinite(features.sum(dtype=np.float64))  # no array of N * D booleans
    if not finite:
        raise InputError(
            f"The {what} features are not all finite numbers.",
            hint="extract them again, with --precision f32 if they were extracted in less",
        )
    return features, labels.astype(np.int64, copy=False)


def checked_validation(
    validation: tuple[Floats, Labels] | None, classes: int, width: int
) -> tuple[Floats, Labels] | None:
    """Validation features (M, width) and labels (M,), where there are any."""
    if validation is None:
        return None
    validation = checked_set(*validation, classes, "validation")
    if validation[0].shape[1] != width:
        raise InputError(
            "Training and validation features differ in width.",
            expected=f"{width} features per image",
            received=str(validation[0].shape[1]),
        )
    return validation


def checked_start(
    initial: Sequence[HeadWeights], settings: Sequence[HeadSettings], width: int, outputs: int
) -> Sequence[HeadWeights]:
    """Weights to start from that have the shapes of the settings."""
    received = [_widths(head) for head in initial]
    expected = [[width, *setting.hidden, outputs] for setting in settings]
    if received != expected:
        wrong = next((i for i, pair in enumerate(zip(expected, received, strict=False)) if pair[0] != pair[1]), None)
        raise InputError(
            "The initial weights do not fit.",
            expected=f"{len(expected)} heads" if wrong is None else f"layers {_arrows(expected[wrong])}",
            received=str(len(received)) if wrong is None else f"{_arrows(received[wrong])}, of head {wrong}",
        )
    return initial


def checked_class_weight(class_weight: Sequence[float] | Floats | None, classes: int) -> Floats | None:
    """Class weights as float32 (classes,)."""
    if class_weight is None:
        return None
    weights = np.asarray(class_weight, np.float32)
    if weights.shape != (classes,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise InputError(
            "The class weights cannot be used.",
            expected=f"{classes} finite numbers of at least 0, not all of them 0",
            received=str(np.asarray(class_weight).tolist()),
        )
    return weights


def _widths(head: HeadWeights) -> list[int]:
    widths = [head.layers[0][0].shape[0]]
    for kernel, bias in head.layers:
        if kernel.shape != (widths[-1], len(bias)):
            raise InputError(
                "The initial weights do not fit.",
                expected=f"a kernel ({widths[-1]}, {len(bias)})",
                received=str(kernel.shape),
            )
        widths.append(len(bias))
    return widths


def _arrows(widths: Sequence[int]) -> str:
    return " → ".join(map(str, widths))
