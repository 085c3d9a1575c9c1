"""From images to features in the store: decoding and inference overlapped, shard by shard, resumable."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._progress import progress
from regraft.backbones.base import Base
from regraft.errors import InputError, UnreadableImageError
from regraft.features.engines import Engine, Pixels, open_engine
from regraft.features.precision import chosen_precision
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
        computed: how many different images were not in the store before and are now.
        precision: what the engine computes in.
    """

    store: FeatureStore
    images: tuple[LabelledImage, ...]
    skipped: tuple[SkippedFile, ...]
    computed: int
    precision: str

    def features(self) -> npt.NDArray[np.float32]:
        """(len(images), width) float32.

        Raises:
            InputError: some have gone since: the cache was pruned, or a shard is damaged.
        """
        try:
            return self.store.read([image.sha256 for image in self.images])
        except KeyError as error:
            raise InputError(
                "Features that were in the cache are no longer there.",
                received=str(error.args[0]),
                hint="run the same command again: what is missing is computed anew",
            ) from error


def extract(
    images: Sequence[LabelledImage],
    base: Base,
    *,
    engine: str | Engine = "openvino",
    precision: str = "auto",
) -> Extracted:
    """Computes the features of the images that are not in the store yet.

    Memory does not grow with the number of images. Finished shards survive a kill; the next call goes on from there.

    Args:
        images: with their hashes; their labels play no part.
        base: the frozen part.
        engine: `openvino` or `keras`; or one of this base that is open already, which then decides the precision.
        precision: `auto`, `f32` or `bf16`.

    Raises:
        InputError: no such engine or precision, the weights are not to be had, or the disk is full.
    """
    name = engine if isinstance(engine, str) else engine.name
    precision = chosen_precision(engine, precision, base) if isinstance(engine, str) else engine.precision
    store = open_store(base, name, precision)
    missing = store.missing(image.sha256 for image in images)
    unreadable: dict[str, str] = {}
    if missing:
        todo = list({image.sha256: image for image in images if image.sha256 in missing}.values())
        opened = open_engine(engine, base, precision) if isinstance(engine, str) else engine
        unreadable = _fill(store, todo, base, opened)
    skipped = [SkippedFile(image.name, unreadable[image.sha256]) for image in images if image.sha256 in unreadable]
    readable = tuple(image for image in images if image.sha256 not in unreadable)
    return Extracted(store, readable, tuple(skipped), len(missing) - len(unreadable), precision)


def open_store(base: Base, engine: str, precision: str, view: str = "plain") -> FeatureStore:
    """The store of one base, engine, precision and view. The engines agree only nearly, so they share no store."""
    about = {**base.description(), "engine": engine, "precision": precision, "view": view}
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return FeatureStore.for_key(key, {"backbone": base.spelling, **about})


def _fill(store: FeatureStore, images: list[LabelledImage], base: Base, engine: Engine) -> dict[str, str]:
    """Writes shards for the images; gives the reasons of those that could not be read, by hash."""
    unreadable: dict[str, str] = {}
    size = (base.height, base.width)

    def decode(image: LabelledImage) -> Pixels | UnreadableImageError:
        try:
            return read_image(_unchanged(image), size)
        except UnreadableImageError as error:
            return error

    with (
        progress("Features", len(images)) as advance,
        ThreadPoolExecutor(_threads(), thread_name_prefix="decode") as pool,
        closing(_in_order(pool, decode, images)) as decoded,
    ):
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


def _unchanged(image: LabelledImage) -> bytes | Pixels | Path:
    """What `read_image` is to read, only if it is still what the hash was taken of: the hash names the features."""
    if not isinstance(image.source, Path):
        return image.source
    try:
        content = image.source.read_bytes()
    except OSError:
        return image.source  # read_image has the words for it
    if hashlib.sha256(content).hexdigest() != image.sha256:
        raise UnreadableImageError("its content changed after it was found")
    return content


def _threads() -> int:
    return max(2, os.cpu_count() or 2)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Any], Any], items: Iterable[LabelledImage]
) -> Generator[tuple[LabelledImage, Any]]:
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
