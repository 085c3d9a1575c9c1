"""Several engines on the same images, for answers that need no store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from regraft.features.engines import Engine, Pixels, joint_precision

_AT_ONCE = 32  # decoded images held in memory


class JointEngine:
    """Runs each member of a joint base over the same images.

    Args:
        engines: one for each member, in their order; each gives vectors.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = list(engines)
        self.name = engines[0].name
        self.precision = joint_precision([engine.precision for engine in engines])
        self.shape: tuple[int, ...] = (sum(engine.shape[0] for engine in engines),)

    def run(self, images: Iterable[Pixels]) -> npt.NDArray[np.float32]:
        """Gives the members' features side by side, (n, *shape) float32, the images in their order."""
        iterator = iter(images)
        parts = []
        while some := list(islice(iterator, _AT_ONCE)):
            parts.append(np.concatenate([engine.run(some) for engine in self._engines], axis=1))
        return np.concatenate(parts) if parts else np.empty((0, *self.shape), np.float32)
