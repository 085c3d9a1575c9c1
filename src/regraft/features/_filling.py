"""Rows computed and written into stores: decoding and inference overlapped, shard by shard, resumable."""

from __future__ import annotations

import hashlib
import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from regraft._progress import progress
from regraft.errors import UnreadableImageError
from regraft.features.engines import Engine, Pixels
from regraft.features.store import FeatureStore
from regraft.features.view import View
from regraft.images.labelled import LabelledImage

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

SHARD = 256
"""Images a shard: what a killed process loses at most, and what is held in memory at once."""

_AHEAD = 32  # decoded pictures waiting for the engine, at most
_MEMORY = 64_000_000  # bytes of features held in memory at once: where that is less than a shard's, shards are smaller


class Target(NamedTuple):
    """One view, its store, and the content hashes that are not in there yet."""

    view: View
    store: FeatureStore
    missing: set[str]


class _Decoded(NamedTuple):
    """The missing views of one image: which targets they are for, and their pixels or why there are none."""

    sha256: str
    targets: list[int]
    views: list[Pixels] | UnreadableImageError


def fill(
    targets: Sequence[Target], images: Iterable[LabelledImage], size: tuple[int, int], engine: Engine
) -> dict[str, str]:
    """Computes what is missing in stores of one base and writes it; gives why images could not be read, by hash.

    The views of an image are computed one after another, its file read once. An image that cannot be read gets a row
    in none of the stores.

    Args:
        targets: what is missing where.
        images: all that is missing is among them; the same content may be there many times.
        size: height and width of the base's input.
        engine: of the base.
    """
    wanted = set[str]().union(*(target.missing for target in targets))
    todo = list({image.sha256: image for image in images if image.sha256 in wanted}.values())
    one_image = 4 * math.prod(engine.shape) * len(targets)  # bytes of its features in all views
    shard = max(1, min(SHARD, _MEMORY // one_image))
    ahead = max(decoding_threads(), _AHEAD // len(targets)) if len(targets) > 1 else _AHEAD
    unreadable: dict[str, str] = {}

    def decode(image: LabelledImage) -> _Decoded:
        return _decoded(image, targets, size)

    with (
        progress("Features", sum(len(target.missing) for target in targets), _unit(targets)) as advance,
        ThreadPoolExecutor(decoding_threads(), thread_name_prefix="decode") as pool,
        closing(in_order(pool, decode, todo, ahead)) as decoded,
    ):
        for _ in range(0, len(todo), shard):
            rows: list[tuple[int, str]] = []  # which target, and the image's hash

            def readable(rows: list[tuple[int, str]] = rows) -> Iterator[Pixels]:
                for image in islice(decoded, shard):
                    if isinstance(image.views, UnreadableImageError):
                        unreadable[image.sha256] = str(image.views)
                        advance(len(image.targets))
                        continue
                    for target, pixels in zip(image.targets, image.views, strict=True):
                        advance(1)
                        rows.append((target, image.sha256))
                        yield pixels

            features = engine.run(readable())
            for number, target in enumerate(targets):
                chosen = [row for row, (of, _) in enumerate(rows) if of == number]
                if chosen:
                    target.store.write([rows[row][1] for row in chosen], features[chosen])
    return unreadable


def _unit(targets: Sequence[Target]) -> str:
    return "images" if len(targets) == 1 else "views"


def _decoded(image: LabelledImage, targets: Sequence[Target], size: tuple[int, int]) -> _Decoded:
    missing = [number for number, target in enumerate(targets) if image.sha256 in target.missing]
    try:
        source = _unchanged(image)
        return _Decoded(
            image.sha256, missing, [targets[number].view.read(source, size, image.sha256) for number in missing]
        )
    except UnreadableImageError as error:
        return _Decoded(image.sha256, missing, error)


def _unchanged(image: LabelledImage) -> bytes | Pixels | Path:
    """What is to be decoded, only if it is still what the hash was taken of: the hash names the features."""
    if not isinstance(image.source, Path):
        return image.source
    try:
        content = image.source.read_bytes()
    except OSError:
        return image.source  # read_image has the words for it
    if hashlib.sha256(content).hexdigest() != image.sha256:
        raise UnreadableImageError("its content changed after it was found")
    return content


def decoding_threads() -> int:
    """How many threads decode images."""
    return max(2, os.cpu_count() or 2)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Iterable[_Item], ahead: int
) -> Generator[_Result]:
    """Like `pool.map`, but never more than `ahead` results wait, and Ctrl-C drops what has not begun."""
    waiting: deque[Future[_Result]] = deque()
    iterator = iter(items)
    try:
        while True:
            for item in islice(iterator, ahead - len(waiting)):
                waiting.append(pool.submit(work, item))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
