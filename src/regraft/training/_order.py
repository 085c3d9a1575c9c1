"""Which images an epoch sees, in which order, and which view of each."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Sampling = Literal["plain", "balanced"]
Rows = npt.NDArray[np.int64]


class EpochOrder:
    """Draws the images of one epoch after the other; the same for all heads, and for training in any way.

    Args:
        labels: (N,) of the images.
        seed: of the order, the views and the sampling.
        sampling: `plain`: every image once, in random order. `balanced`: as many images, each class that occurs
            equally often (but for a remainder, which falls to random classes); an image comes again only where its
            class has fewer images than its share.
        views: how many there are of each image; one of them is drawn for each image seen. A single view takes no
            random number.
        size: so many images S are an epoch, whatever N is: each epoch goes on where the last one ended, in one random
            order of all images after the other. None: all images, once.
    """

    def __init__(
        self, labels: Rows, seed: int, sampling: Sampling = "plain", views: int = 1, size: int | None = None
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._count, self._views, self._sampling, self._size = len(labels), views, sampling, size
        self._classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self._left = np.zeros(0, np.int64)

    def next_epoch(self) -> tuple[Rows, Rows]:
        """The images, positions (S,) in 0 ... N - 1, and the view of each, (S,) in 0 ... views - 1."""
        images = self._all() if self._size is None else self._next(self._size)
        if self._views == 1:
            return images, np.zeros(len(images), np.int64)
        return images, self._random.integers(self._views, size=len(images))

    def _next(self, size: int) -> Rows:
        parts = [self._left]
        while sum(map(len, parts)) < size:
            parts.append(self._all())
        images = np.concatenate(parts)
        self._left = images[size:]
        return images[:size]

    def _all(self) -> Rows:
        return self._random.permutation(self._count) if self._sampling == "plain" else self._balanced()

    def _balanced(self) -> Rows:
        share, remainder = divmod(self._count, len(self._classes))
        more = self._random.permutation(len(self._classes)) < remainder
        drawn = [self._some(rows, share + int(extra)) for rows, extra in zip(self._classes, more, strict=True)]
        return self._random.permutation(np.concatenate(drawn))

    def _some(self, rows: Rows, count: int) -> Rows:
        rounds = -(-count // len(rows))
        return np.concatenate([self._random.permutation(rows) for _ in range(rounds)] or [rows[:0]])[:count]
