"""The activations of hidden layers, and their slopes, as in `keras.activations`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def activated(name: str, values: Floats) -> Floats:
    """`relu`, `tanh`, `sigmoid` or `swish` of values of any shape, **in place**; given back for convenience."""
    if name == "relu":
        return np.maximum(values, 0, out=values)
    if name == "tanh":
        return np.tanh(values, out=values)
    curve = _sigmoid(values)
    if name == "sigmoid":
        values[...] = curve
    elif name == "swish":
        values *= curve
    else:
        raise ValueError(f"no activation is called {name!r}")
    return values


def activated_with_slope(name: str, values: Floats) -> tuple[Floats, npt.NDArray[Any]]:
    """The same, with the derivative at each value (of `relu` as booleans, False at 0)."""
    if name == "swish":
        curve = _sigmoid(values)
        slope = values * (1 - curve)
        slope += 1
        slope *= curve
        values *= curve
        return values, slope
    activated(name, values)
    if name == "relu":
        return values, values > 0
    if name == "tanh":
        return values, 1 - values * values
    return values, values * (1 - values)


def _sigmoid(values: Floats) -> Floats:
    """1 / (1 + exp(-x)) by way of tanh, which overflows nowhere."""
    curve: Floats = np.tanh(values * np.float32(0.5))
    curve += 1
    curve *= np.float32(0.5)
    return curve
