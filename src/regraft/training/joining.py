"""The winner joined back: N∘F as one Keras model, from pixels to class probabilities."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regraft._files import atomic_path
from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base
from regraft.training._keras_head import keras_head
from regraft.training.weights import HeadWeights


def join(base: Base, weights: HeadWeights, activation: str, *, dropout: float = 0.0) -> Any:
    """Puts a head on a base.

    Args:
        base: F.
        weights: N, for features as the base gives them.
        activation: `softmax`, or `sigmoid` for one output.
        dropout: what N was trained with. It does nothing in use; who trains the model on finds it there.

    Returns:
        A `keras.Model` of plain Keras layers, the base frozen: uint8 RGB pixels (batch, height, width, 3) → class
        probabilities (batch, outputs); with `sigmoid` the probability of the second class. The layers of the head are
        `head_hidden1`, `head_dropout1` … and `head`.
    """
    choose_keras_backend(training=False)
    import keras

    from regraft.backbones.networks import base_model

    features = base_model(base)
    answer, _ = keras_head(features.output, weights, activation, dropout=dropout)
    return keras.Model(features.input, answer, name="regraft")


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
