"""From images to features in the store: what is there already is not computed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regraft.backbones.base import Base
from regraft.errors import InputError
from regraft.features._filling import Target, fill
from regraft.features.engines import Engine, open_engine
from regraft.features.precision import chosen_precision
from regraft.features.space import bytes_needed, check_disk
from regraft.features.store import Features, FeatureStore, checked_dtype
from regraft.features.view import PLAIN, View
from regraft.images.labelled import LabelledImage, SkippedFile


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

    def features(self) -> Features:
        """(len(images), *shape of one image's features) in the store's dtype.

        Raises:
            InputError: some have gone since: the cache was pruned, or a shard is damaged.
        """
        return rows_of(self.store, self.images)


def extract(
    images: Sequence[LabelledImage],
    base: Base,
    *,
    engine: str | Engine = "openvino",
    precision: str = "auto",
    view: View = PLAIN,
    dtype: str = "float32",
) -> Extracted:
    """Computes the features of the images that are not in the store yet.

    Memory does not grow with the number of images. Finished shards survive a kill; the next call goes on from there.

    Args:
        images: with their hashes; their labels play no part.
        base: the frozen part.
        engine: `openvino` or `keras`; or one of this base that is open already, which then decides the precision.
        precision: `auto`, `f32` or `bf16`.
        view: which version of each image.
        dtype: what the features are stored in, `float32` or `float16`.

    Raises:
        InputError: no such engine, precision or dtype, the weights are not to be had, the disk has no room, or a
            number is too large for `float16`.
    """
    base.refuse_several("Their features lie in a store each, which `extract_views` reads")
    name = engine if isinstance(engine, str) else engine.name
    precision = chosen_precision(engine, precision, base) if isinstance(engine, str) else engine.precision
    store = open_store(base, name, precision, view, dtype)
    target = Target(view, store, store.missing(image.sha256 for image in images))
    unreadable = fill_missing([target], images, base, engine, precision)
    readable, skipped = parted(images, unreadable)
    return Extracted(store, readable, skipped, len(target.missing) - len(unreadable), precision)


def open_store(base: Base, engine: str, precision: str, view: View = PLAIN, dtype: str = "float32") -> FeatureStore:
    """The store of one base, engine, precision, view and dtype.

    The engines agree only nearly, so they share no store.

    Raises:
        InputError: no such dtype, or the cache cannot be written.
    """
    kind = checked_dtype(dtype)
    about = {**base.description(), "engine": engine, "precision": precision, "view": view.name}
    if kind != "float32":
        about["dtype"] = kind  # what was stored before there was a choice keeps its key
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    words = {} if view.name == PLAIN.name or view.augmentation is None else {"augmentation": view.augmentation.label}
    return FeatureStore.for_key(key, {"backbone": base.spelling, **about, **words}, kind)


def fill_missing(
    targets: Sequence[Target], images: Sequence[LabelledImage], base: Base, engine: str | Engine, precision: str
) -> dict[str, str]:
    """Computes what is missing in stores of one base, if the disk has room; gives why images cannot be read, by hash.

    The engine is opened only where something is missing.
    """
    targets = [target for target in targets if target.missing]
    if not targets:
        return {}
    opened = open_engine(engine, base, precision) if isinstance(engine, str) else engine
    rows = sum(len(target.missing) for target in targets)
    check_disk(bytes_needed(rows, 1, opened.shape, targets[0].store.dtype))
    return fill(targets, images, (base.height, base.width), opened)


def parted(
    images: Sequence[LabelledImage], unreadable: Mapping[str, str]
) -> tuple[tuple[LabelledImage, ...], tuple[SkippedFile, ...]]:
    """The images that can be read, in their order, and the others with the reason, which is known by hash."""
    skipped = [SkippedFile(image.name, unreadable[image.sha256]) for image in images if image.sha256 in unreadable]
    return tuple(image for image in images if image.sha256 not in unreadable), tuple(skipped)


def rows_of(store: FeatureStore, images: Sequence[LabelledImage]) -> Features:
    """The images' rows in a store, (len(images), *shape).

    Raises:
        InputError: some have gone since they were computed.
    """
    try:
        return store.read([image.sha256 for image in images])
    except KeyError as error:
        raise InputError(
            "Features that were in the cache are no longer there.",
            received=str(error.args[0]),
            hint="run the same command again: what is missing is computed anew",
        ) from error
