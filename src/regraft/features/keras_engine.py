"""The frozen forward pass through Keras: for GPUs, and the slow, obvious way that the fast one is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base
from regraft.backbones.networks import base_model
from regraft.errors import InputError
from regraft.features.engines import Pixels, Precision

_BATCH = 32


class KerasEngine:
    """Runs a base as a Keras model, in inference mode, in batches.

    Args:
        base: the frozen part.
        precision: `f32` or `auto`, which is f32 here.
    """

    def __init__(self, base: Base, precision: str = "auto") -> None:
        if precision == "bf16":
            raise InputError("The keras engine computes in f32.", hint="use --engine openvino, or --precision f32")
        self.precision: Precision = "f32"
        self._model = base_model(base)

    def run(self, images: Iterable[Pixels]) -> npt.NDArray[np.float32]:
        """Gives the features of images in their order, (n, features) float32."""
        width = int(self._model.output_shape[-1])
        batches = [np.asarray(self._model.predict_on_batch(batch)) for batch in _stacked(images)]
        return np.concatenate(batches).astype(np.float32) if batches else np.empty((0, width), np.float32)


def _stacked(images: Iterable[Pixels]) -> Iterator[Pixels]:
    iterator = iter(images)
    while batch := list(islice(iterator, _BATCH)):
        yield np.stack(batch)
