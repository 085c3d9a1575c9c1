"""The features of several backbones side by side, each computed by itself and kept in a store of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regraft.backbones.joint import JointBase
from regraft.errors import InputError
from regraft.features.augmented import ExtractedViews, extract_views
from regraft.features.engines import Engine, joint_precision, member_precisions
from regraft.features.extraction import rows_of
from regraft.features.store import Features
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage, SkippedFile


@dataclass(frozen=True)
class JointViews(ExtractedViews):
    """`ExtractedViews` of several backbones: the features of an image are those of the members, one after another.

    Attributes:
        stores: of the first member, then of the next …
        images: that every member could read.
        computed: by the member that had the fewest.
        precision: one for all, or one for each, as in `bf16+f32`.
        members: how many there are.
    """

    members: int = 1

    def view(self, number: int) -> Features:
        """One view of all images, (len(images), features of all members).

        Raises:
            InputError: some have gone since: the cache was pruned, or a shard is damaged.
        """
        views = len(self.stores) // self.members
        return np.concatenate([rows_of(store, self.images) for store in self.stores[number::views]], axis=-1)

    def widths(self) -> tuple[int, ...]:
        """How many features each member gives."""
        views = len(self.stores) // self.members
        return tuple(rows_of(store, self.images[:1]).shape[-1] for store in self.stores[::views])

    def features(self) -> Features:
        """All views, (views + 1, len(images), features of all members).

        Raises:
            InputError: some have gone since: the cache was pruned, or a shard is damaged.
        """
        return np.stack([self.view(number) for number in range(len(self.stores) // self.members)])


def extract_members(
    images: Sequence[LabelledImage],
    base: JointBase,
    augmentation: Augmentation,
    views: int,
    *,
    engine: str | Engine = "openvino",
    precision: str = "auto",
    dtype: str = "float32",
) -> JointViews:
    """`extract_views` for each member, on the images that the members before it could read.

    Raises:
        InputError: as for `extract_views`; or an open engine is given, which is of one backbone only.
    """
    if not isinstance(engine, str):
        raise InputError("An open engine computes one backbone.", expected="an engine's name", received=engine.name)
    parts: list[ExtractedViews] = []
    readable, skipped = tuple(images), list[SkippedFile]()
    for member, wanted in zip(base.members, member_precisions(precision, len(base.members)), strict=True):
        part = extract_views(readable, member, augmentation, views, engine=engine, precision=wanted, dtype=dtype)
        readable = part.images
        skipped += part.skipped
        parts.append(part)
    return JointViews(
        stores=tuple(store for part in parts for store in part.stores),
        images=readable,
        skipped=tuple(skipped),
        computed=max(part.computed for part in parts),
        precision=joint_precision([part.precision for part in parts]),
        members=len(parts),
    )
