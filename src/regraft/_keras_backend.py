"""Keras fixes its backend when it is imported: this decides which, once, before that."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from regraft.errors import InputError, MissingPackageError

_TRAINING = ("tensorflow", "torch", "jax")
# What Keras imports for each of its backends; its numpy backend borrows from JAX.
_PACKAGES = {"tensorflow": "tensorflow", "torch": "torch", "jax": "jax", "numpy": "jax", "openvino": "openvino"}


def choose_keras_backend(*, training: bool) -> str:
    """Sets `KERAS_BACKEND` where the user has not, and gives the backend's name.

    TensorFlow, if it is the one, is imported here, because it writes to stderr when it is, whatever it is told.

    Args:
        training: whether Keras is to train. If not, `openvino` serves, which every install has.

    Raises:
        MissingPackageError: Keras is to train and none of TensorFlow, PyTorch and JAX is installed.
        InputError: Keras was told to use a backend that there is not or that is not installed; or it is to train and
            was imported with (or told to use) one that cannot.
    """
    backend = _backend(training)
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = backend
    if backend == "tensorflow" and "tensorflow" not in sys.modules:
        _import_tensorflow()
    return backend


def prefer_training_backend() -> None:
    """Has Keras imported with a backend that trains, where one is installed and nothing is decided yet.

    For Python sessions: a first run needs none, but Keras cannot change its backend when a later step trains with it.
    """
    if "keras" not in sys.modules and not os.environ.get("KERAS_BACKEND"):
        installed = [name for name in _TRAINING if importlib.util.find_spec(name)]
        choose_keras_backend(training=bool(installed))


def check_keras_backend(*, training: bool) -> None:
    """Raises what `choose_keras_backend` would, in no time: nothing is imported, nothing is set."""
    _backend(training)


def _backend(training: bool) -> str:
    if "keras" in sys.modules:
        import keras

        backend = str(keras.backend.backend())
    elif chosen := os.environ.get("KERAS_BACKEND"):
        backend = chosen
        _check_installed(backend)
    else:
        installed = [name for name in _TRAINING if training and importlib.util.find_spec(name)]
        if training and not installed:
            raise MissingPackageError("Training through Keras", "tensorflow")
        backend = installed[0] if training else "openvino"
    if training and backend not in _TRAINING:
        raise InputError(
            f"Keras cannot train with its {backend} backend.",
            expected=" or ".join(_TRAINING),
            received=backend,
            hint="set KERAS_BACKEND=tensorflow before Keras is imported",
        )
    return backend


def _check_installed(backend: str) -> None:
    package = _PACKAGES.get(backend)
    if package is None:
        raise InputError(
            "KERAS_BACKEND names no backend of Keras.",
            expected=" or ".join(_TRAINING),
            received=repr(backend),
            hint="unset KERAS_BACKEND: regraft then chooses one that is installed",
        )
    if importlib.util.find_spec(package) is None:
        install = 'pip install "regraft[tensorflow]"' if package == "tensorflow" else f"pip install {package}"
        raise InputError(
            f"KERAS_BACKEND asks for Keras' {backend} backend, which needs a package that is not installed.",
            received=backend,
            hint=f"unset KERAS_BACKEND: regraft then chooses one that is installed; or {install}",
        )


def _import_tensorflow() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        with quiet_stderr():
            import tensorflow

            tensorflow.constant(0.0)  # the first operation looks for devices, and may report about them
    except ImportError as error:
        raise InputError(
            "TensorFlow is installed but cannot be imported.",
            received=str(error).strip()[:300],
            hint="pip install --force-reinstall tensorflow-cpu, or set KERAS_BACKEND to another backend",
        ) from error


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what the block writes to file descriptor 2, native code included; shown only if the block fails."""
    try:
        kept = os.dup(2)
    except OSError:  # this process has no stderr
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
