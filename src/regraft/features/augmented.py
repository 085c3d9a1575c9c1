"""The features of many views of each image: the plain one and a policy's, computed once, labels and splits intact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regraft.backbones.base import Base
from regraft.backbones.joint import JointBase
from regraft.errors import InputError
from regraft.features._filling import Target
from regraft.features.engines import Engine
from regraft.features.extraction import fill_missing, open_store, parted, rows_of
from regraft.features.precision import chosen_precision
from regraft.features.store import Features, FeatureStore
from regraft.features.view import View
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage, SkippedFile


@dataclass(frozen=True)
class ExtractedViews:
    """Where the features of all views of a collection are, and which of its images could not be read.

    Attributes:
        stores: one for each view, the plain one first; each holds a row for every image that is not in `skipped`.
        images: the readable ones, in their order.
        skipped: the others, with the reason.
        computed: how many rows were in no store before and are now.
        precision: what the engine computes in.
    """

    stores: tuple[FeatureStore, ...]
    images: tuple[LabelledImage, ...]
    skipped: tuple[SkippedFile, ...]
    computed: int
    precision: str

    def view(self, number: int) -> Features:
        """One view of all images, (len(images), *shape of one image's features) in the stores' dtype; 0 is the plain.

        Raises:
            InputError: some have gone since: the cache was pruned, or a shard is damaged.
        """
        return rows_of(self.stores[number], self.images)

    def features(self) -> Features:
        """All views, (views + 1, len(images), *shape): at every place of the second axis the same image.

        Raises:
            InputError: some have gone since: the cache was pruned, or a shard is damaged.
        """
        plain = self.view(0)
        result: Features = np.empty((len(self.stores), *plain.shape), plain.dtype)
        result[0] = plain
        for number in range(1, len(self.stores)):
            result[number] = self.view(number)
        return result


def extract_views(
    images: Sequence[LabelledImage],
    base: Base,
    augmentation: Augmentation,
    views: int,
    *,
    engine: str | Engine = "openvino",
    precision: str = "auto",
    dtype: str = "float32",
) -> ExtractedViews:
    """Computes what is not in the stores yet of the plain images and of so many augmented views of each.

    Finished shards survive a kill; the next call goes on from there. More views later add to those that are there.

    Args:
        images: with their hashes; their labels play no part.
        base: the frozen part; of several backbones each has stores of its own.
        augmentation: the policy.
        views: how many augmented ones, numbered from 1; 0 for the plain images alone.
        engine, precision, dtype: as for `extract`.

    Raises:
        InputError: as for `extract`; or the number of views is negative, or the policy would give mere copies.
    """
    if views < 0 or (views and augmentation.changes_nothing):
        raise InputError(
            "Such views cannot be made.",
            expected="0 views, or more of an augmentation that changes something",
            received=f"{views} of the augmentation: {augmentation.label}",
        )
    if isinstance(base, JointBase):
        from regraft.features.joint import extract_members  # which calls this for each of them

        return extract_members(images, base, augmentation, views, engine=engine, precision=precision, dtype=dtype)
    name = engine if isinstance(engine, str) else engine.name
    precision = chosen_precision(engine, precision, base) if isinstance(engine, str) else engine.precision
    hashes = {image.sha256 for image in images}
    targets = []
    for number in range(views + 1):
        view = View(augmentation, number)
        store = open_store(base, name, precision, view, dtype)
        targets.append(Target(view, store, store.missing(hashes)))
    unreadable = fill_missing(targets, images, base, engine, precision)
    readable, skipped = parted(images, unreadable)
    computed = sum(len(target.missing - unreadable.keys()) for target in targets)
    return ExtractedViews(tuple(target.store for target in targets), readable, skipped, computed, precision)
