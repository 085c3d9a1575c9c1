"""What goes into the top: activations cached at the cut, or, where the cut is the input, pixels read anew each time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from regraft.images.augmentation import Augmentation, read_view
from regraft.images.labelled import LabelledImage

Rows = npt.NDArray[np.int64]


class TopInputs(Protocol):
    """The inputs of a top for N images.

    Attributes:
        views: how many of each image training draws from, the plain one included.
    """

    views: int

    def view(self, rows: Rows, number: int) -> npt.NDArray[Any]:
        """The inputs of some images in one view, (len(rows), ...); 0 is the plain one."""
        ...

    def drawn(self, rows: Rows, views: Rows, epoch: int) -> npt.NDArray[Any]:
        """The inputs of some images for training, (len(rows), ...).

        Args:
            rows: which images.
            views: (len(rows),), the view that was drawn for each.
            epoch: from 1.
        """
        ...


class CachedActivations:
    """Activations at the cut, in memory.

    Args:
        activations: (V, N, *shape), the plain view first; float16 or float32.
        drawn: how many of the views training draws from, the first ones; None for all.
    """

    def __init__(self, activations: npt.NDArray[Any], drawn: int | None = None) -> None:
        self._activations = activations
        self.views = len(activations) if drawn is None else drawn

    def view(self, rows: Rows, number: int) -> npt.NDArray[np.float32]:
        """(len(rows), *shape) float32."""
        taken: npt.NDArray[np.float32] = self._activations[number, rows].astype(np.float32)
        return taken

    def drawn(self, rows: Rows, views: Rows, epoch: int) -> npt.NDArray[np.float32]:
        """(len(rows), *shape) float32; the epoch makes no difference."""
        taken: npt.NDArray[np.float32] = self._activations[views, rows].astype(np.float32)
        return taken


class ImagePixels:
    """The pixels themselves, decoded and augmented whenever they are asked for, in several threads.

    Args:
        images: N of them, which can be read.
        size: height and width of the network's input.
        augmentation: every epoch sees a view of its own; one that changes nothing leaves the images plain.
    """

    views = 1

    def __init__(self, images: Sequence[LabelledImage], size: tuple[int, int], augmentation: Augmentation) -> None:
        self._images, self._size, self._augmentation = images, size, augmentation
        self._pool = ThreadPoolExecutor(thread_name_prefix="decode")

    def view(self, rows: Rows, number: int) -> npt.NDArray[np.uint8]:
        """(len(rows), height, width, 3) uint8."""
        return self._read(rows, number)

    def drawn(self, rows: Rows, views: Rows, epoch: int) -> npt.NDArray[np.uint8]:
        """(len(rows), height, width, 3) uint8, augmented anew in every epoch."""
        return self._read(rows, 0 if self._augmentation.changes_nothing else epoch)

    def _read(self, rows: Rows, number: int) -> npt.NDArray[np.uint8]:
        def read(row: int) -> npt.NDArray[np.uint8]:
            image = self._images[row]
            return read_view(image.source, self._size, self._augmentation, image.sha256, number)

        return np.stack(list(self._pool.map(read, rows.tolist())))
