"""From images to features in the store: decoding and inference overlapped, shard by shard, resumable."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._progress import progress
from regraft.backbones.base import Base
from regraft.errors import UnreadableImageError
from regraft.features.engines import Engine, Pixels, open_engine
from regraft.features.store import FeatureStore
from regraft.images.labelled import LabelledImage, SkippedFile
from regraft.images.reading import read_image

SHARD = 256
"""Images a shard: what a killed process loses at most, and what is held in memory at once."""

_AHEAD = 32  # decoded images waiting for the engine, at most


@dataclass(frozen=True)
class Extracted:
    """Where the features of a collection are, and which of its images could not be read.

    Attributes:
        store: holds a row for every image that is not in `skipped`.
        images: the readable ones, in their order.
        skipped: the others, with the reason.
        computed: how many were not in the store before.
        precision: what the engine computes in.
    """

    store: FeatureStore
    images: tuple[LabelledImage, ...]
    skipped: tuple[SkippedFile, ...]
    computed: int
    precision: str

    def features(self) -> npt.NDArray[np.float32]:
        """(len(images), width) float32."""
        return self.store.read([image.sha256 for image in self.images])


def extract(
    images: Sequence[LabelledImage],
    base: Base,
    *,
    engine: str = "openvino",
    precision: str = "auto",
) -> Extracted:
    """Computes the features of the images that are not in the store yet.

    Memory does not grow with the number of images. Finished shards survive a kill; the next call goes on from there.

    Args:
        images: with their hashes; their labels play no part.
        base: the frozen part.
        engine: `openvino` or `keras`.
        precision: `auto`, `f32` or `bf16`.

    Raises:
        InputError: the weights or the engine are not to be had, or the disk is full.
    """
    precision = _resolved(engine, precision)
    store = open_store(base, engine, precision)
    missing = store.missing(image.sha256 for image in images)
    skipped: list[SkippedFile] = []
    if missing:
        todo = list({image.sha256: image for image in images if image.sha256 in missing}.values())
        unreadable = _fill(store, todo, base, open_engine(engine, base, precision))
        skipped = [SkippedFile(image.name, unreadable[image.sha256]) for image in images if image.sha256 in unreadable]
        images = [image for image in images if image.sha256 not in unreadable]
    return Extracted(store, tuple(images), tuple(skipped), len(missing) - len(skipped), precision)


def open_store(base: Base, engine: str, precision: str, view: str = "plain") -> FeatureStore:
    """The store of one base, engine, precision and view. The engines agree only nearly, so they share no store."""
    about = {**base.description(), "engine": engine, "precision": precision, "view": view}
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return FeatureStore.for_key(key, {"backbone": base.spelling, **about})


def _resolved(engine: str, precision: str) -> str:
    if engine == "openvino":
        from regraft.features.openvino_engine import resolve_precision

        return resolve_precision(precision)
    return "f32" if precision == "auto" else precision


def _fill(store: FeatureStore, images: list[LabelledImage], base: Base, engine: Engine) -> dict[str, str]:
    """Writes shards for the images; gives the reasons of those that could not be read, by hash."""
    unreadable: dict[str, str] = {}
    size = (base.height, base.width)

    def decode(image: LabelledImage) -> Pixels | UnreadableImageError:
        try:
            return read_image(image.source, size)
        except UnreadableImageError as error:
            return error

    with (
        progress("Features", len(images)) as advance,
        ThreadPoolExecutor(_threads(), thread_name_prefix="decode") as pool,
    ):
        decoded = _in_order(pool, decode, images)
        for _ in range(0, len(images), SHARD):
            hashes: list[str] = []

            def readable(hashes: list[str] = hashes) -> Iterator[Pixels]:
                for image, pixels in islice(decoded, SHARD):
                    advance(1)
                    if isinstance(pixels, UnreadableImageError):
                        unreadable[image.sha256] = str(pixels)
                    else:
                        hashes.append(image.sha256)
                        yield pixels

            features = engine.run(readable())
            if hashes:
                store.write(hashes, features)
    return unreadable


def _threads() -> int:
    return max(2, os.cpu_count() or 2)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Any], Any], items: Iterable[LabelledImage]
) -> Iterator[tuple[LabelledImage, Any]]:
    """Like `pool.map`, but never more than `_AHEAD` results wait, and Ctrl-C drops what has not begun."""
    waiting: deque[tuple[LabelledImage, Future[Any]]] = deque()
    iterator = iter(items)
    try:
        while True:
            for item in islice(iterator, _AHEAD - len(waiting)):
                waiting.append((item, pool.submit(work, item)))
            if not waiting:
                return
            item, future = waiting.popleft()
            yield item, future.result()
    finally:
        for _, future in waiting:
            future.cancel()
