"""Keras fixes its backend when it is imported: this decides which, once, before that."""

from __future__ import annotations

import importlib.util
import os
import sys

from regraft.errors import InputError, MissingPackageError

_TRAINING = ("tensorflow", "torch", "jax")


def choose_keras_backend(*, training: bool) -> str:
    """Sets `KERAS_BACKEND` where the user has not, and gives the backend's name.

    Args:
        training: whether Keras is to train. If not, `openvino` serves, which every install has.

    Raises:
        MissingPackageError: Keras is to train and none of TensorFlow, PyTorch and JAX is installed.
        InputError: Keras is to train and was imported with (or told to use) a backend that cannot.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" in sys.modules:
        import keras

        backend = str(keras.backend.backend())
    else:
        if not os.environ.get("KERAS_BACKEND"):
            installed = [name for name in _TRAINING if training and importlib.util.find_spec(name)]
            if training and not installed:
                raise MissingPackageError("Training through Keras", "tensorflow")
            os.environ["KERAS_BACKEND"] = installed[0] if training else "openvino"
        backend = os.environ["KERAS_BACKEND"]
    if training and backend not in _TRAINING:
        raise InputError(
            f"Keras cannot train with its {backend} backend.",
            expected=" or ".join(_TRAINING),
            received=backend,
            hint="set KERAS_BACKEND=tensorflow before Keras is imported",
        )
    return backend
