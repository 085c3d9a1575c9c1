"""By what features are divided before a head is trained on them, and how that is folded into its weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.training.weights import HeadWeights

Floats = npt.NDArray[np.float32]


def rms_norm(features: Floats) -> float:
    """The root mean square over the images of the length of their feature vectors (N, D); 1 where all are zero.

    As `scale` of `train_heads`, it makes the features' mean squared length 1. Of views (V, N, D), over all of them.
    """
    flat = features.reshape(-1, features.shape[-1])
    squares = np.einsum("nd,nd->n", flat, flat)
    return math.sqrt(float(squares.mean(dtype=np.float64))) or 1.0


def source_scale(features: Floats, widths: Sequence[int]) -> Floats:
    """By what to divide the features of several backbones, so that each has the same mean squared length, in all 1.

    Without it, the backbone with the largest numbers decides alone. One number for each backbone and not for each
    feature: within one, what varies little is seldom worth as much as what varies much.

    Args:
        features: (N, D), of the training images.
        widths: how many features come from each backbone, in their order; D in all.

    Returns:
        float32 (D,), for `scale` of `train_heads`.
    """
    ends = np.cumsum(widths)
    if not len(widths) or ends[-1] != features.shape[-1]:
        raise ValueError(f"Expected widths that add up to {features.shape[-1]}, received {list(widths)}.")
    norms = [rms_norm(part) for part in np.split(features, ends[:-1], axis=-1)]
    return np.repeat(math.sqrt(len(widths)) * np.array(norms), widths).astype(np.float32)


def folded(head: HeadWeights, divisors: Floats) -> HeadWeights:
    """The head for features as they are that answers as the given one does for features divided by numbers (D,)."""
    (kernel, bias), *later = head.layers
    return HeadWeights(((kernel / divisors[:, None], bias), *later), head.hidden_activation)


def unfolded(head: HeadWeights, divisors: Floats) -> HeadWeights:
    """The head for features divided by numbers (D,) that answers as the given one does for features as they are."""
    (kernel, bias), *later = head.layers
    return HeadWeights(((kernel * divisors[:, None], bias), *later), head.hidden_activation)


def checked_scale(scale: Floats, width: int) -> Floats:
    """One finite number above 0 for each feature, as float32.

    Raises:
        InputError: there are too few or too many, or one of them will not do.
    """
    divisors = np.asarray(scale, np.float32)
    if divisors.shape != (width,) or not np.isfinite(divisors).all() or (divisors <= 0).any():
        raise InputError(
            "The scale cannot be used.",
            expected=f"a finite number above 0, or {width} of them",
            received=f"{divisors.shape}: {np.asarray(scale).ravel()[:5].tolist()}",
        )
    return divisors
