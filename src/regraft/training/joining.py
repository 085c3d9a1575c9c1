"""The winner joined back: N∘F as one Keras model, from pixels to class probabilities."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._files import atomic_path
from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base


def join(base: Base, kernel: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], activation: str) -> Any:
    """Puts a linear head on a base.

    Args:
        base: F.
        kernel, bias: N, (features, outputs) and (outputs,), for features as the base gives them.
        activation: `softmax`, or `sigmoid` for one output.

    Returns:
        A `keras.Model` of plain Keras layers, the base frozen: uint8 RGB pixels (batch, height, width, 3) → class
        probabilities (batch, outputs); with `sigmoid` the probability of the second class.
    """
    choose_keras_backend(training=False)
    import keras

    from regraft.backbones.networks import base_model

    features = base_model(base)
    head = keras.layers.Dense(len(bias), activation=activation, name="head")
    model = keras.Model(features.input, head(features.output), name="regraft")
    head.set_weights([kernel, bias])
    return model


def save_model(model: Any, path: Path) -> None:
    """Writes a `.keras` file, whole or not at all."""
    with atomic_path(path) as temporary, _without_tensorflow():
        model.save(temporary)


@contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Keeps Keras' serializer from importing TensorFlow (three seconds) only to ask whether a value is one of its own.

    Where TensorFlow is imported already, or is Keras' backend, nothing is done.
    """
    import keras

    if "tensorflow" in sys.modules or keras.backend.backend() == "tensorflow":
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # Python's own sign for "cannot be imported"
    try:
        yield
    finally:
        del sys.modules["tensorflow"]
