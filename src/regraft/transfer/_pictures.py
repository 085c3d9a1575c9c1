"""Images decoded once for all networks that read them at the same size."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from regraft.backbones.base import Base
from regraft.backbones.graph import cached_graph
from regraft.errors import UnreadableImageError
from regraft.features.engines import Pixels
from regraft.images.labelled import LabelledImage
from regraft.images.reading import read_image

MEMORY = 600_000_000
"""Bytes of pixels that are held at most; more images than that are decoded anew for each network."""


class Pictures:
    """The images of a ranking as the networks take them.

    Args:
        sizes: height and width that each network reads them at, one for each network.
    """

    def __init__(self, sizes: Collection[tuple[int, int]]) -> None:
        self._left = Counter(sizes)
        self._size: tuple[int, int] | None = None
        self._pixels: dict[str, Pixels] = {}

    def begin(self, base: Base, images: Sequence[LabelledImage]) -> None:
        """Decodes all images for a base that has nothing in the cache, where that pays."""
        if cached_graph(base.identity) is None:  # without its graph no features of it can be there
            self._decode((base.height, base.width), images)

    def at(
        self, size: tuple[int, int], images: Sequence[LabelledImage], missing: Collection[str]
    ) -> list[LabelledImage]:
        """The images, with pixels of that size in place of files where that pays; to be called once a network.

        Args:
            size: height and width.
            images: all that the network is to have features of.
            missing: the hashes of those that it has to compute.
        """
        self._decode(size, [image for image in images if image.sha256 in missing])
        self._left[size] -= 1
        if self._size != size or not missing:
            return list(images)
        pixels = self._pixels
        if not self._left[size]:
            self._size, self._pixels = None, {}
        return [replace(image, source=pixels[image.sha256]) if image.sha256 in pixels else image for image in images]

    def _decode(self, size: tuple[int, int], images: Sequence[LabelledImage]) -> None:
        fits = len(images) * size[0] * size[1] * 3 <= MEMORY
        if self._size != size and images and self._left[size] > 1 and fits:
            self._size, self._pixels = size, _decoded(images, size)


def _decoded(images: Sequence[LabelledImage], size: tuple[int, int]) -> dict[str, Pixels]:
    """The pixels of the files that can be read, by hash."""

    def one(image: LabelledImage) -> Pixels | None:
        if not isinstance(image.source, Path):
            return None
        try:
            content = image.source.read_bytes()
            unchanged = hashlib.sha256(content).hexdigest() == image.sha256
            return read_image(content, size) if unchanged else None
        except (OSError, UnreadableImageError):
            return None  # whoever reads it next has the words for it

    with ThreadPoolExecutor(max(2, os.cpu_count() or 2), thread_name_prefix="decode") as pool:
        read = zip(images, pool.map(one, images), strict=True)
        return {image.sha256: pixels for image, pixels in read if pixels is not None}
