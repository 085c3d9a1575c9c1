"""The frozen forward pass through Keras: for GPUs, and the slow, obvious way that the fast one is compared with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base
from regraft.backbones.networks import base_model
from regraft.errors import InputError
from regraft.features.engines import Pixels, resolved_precision

_BATCH = 32


class KerasEngine:
    """Runs a base as a Keras model, in inference mode, in batches.

    Where Keras is not imported yet and the user has not set `KERAS_BACKEND`, it runs on the first that is installed of
    TensorFlow, PyTorch and JAX. Keras' own OpenVINO backend will not do: on a processor with bf16 it computes in that
    whatever was asked for, and the openvino engine does the same work faster.

    Args:
        base: the frozen part.
        precision: `f32` or `auto`, which is f32 here.

    Raises:
        InputError: the precision is another, Keras runs on OpenVINO, or the base cannot be built.
        MissingPackageError: none of TensorFlow, PyTorch and JAX is installed.
    """

    name = "keras"

    def __init__(self, base: Base, precision: str = "auto") -> None:
        self.precision: str = resolved_precision("keras", precision)
        undecided = "keras" not in sys.modules and not os.environ.get("KERAS_BACKEND")
        backend = choose_keras_backend(training=undecided)  # those that train are those that know GPUs
        if backend == "openvino":
            raise InputError(
                "The keras engine cannot run on Keras' openvino backend.",
                expected="KERAS_BACKEND to be tensorflow, torch or jax",
                received=backend,
                hint="leave --engine keras out: the openvino engine is the one for this backend",
            )
        self._model = base_model(base)
        self.shape: tuple[int, ...] = tuple(int(length) for length in self._model.output_shape[1:])

    def run(self, images: Iterable[Pixels]) -> npt.NDArray[np.float32]:
        """Gives the features of images in their order, (n, *shape) float32."""
        batches = [np.asarray(self._model.predict_on_batch(batch)) for batch in _stacked(images)]
        return np.concatenate(batches).astype(np.float32) if batches else np.empty((0, *self.shape), np.float32)


def _stacked(images: Iterable[Pixels]) -> Iterator[Pixels]:
    iterator = iter(images)
    while batch := list(islice(iterator, _BATCH)):
        yield np.stack(batch)
