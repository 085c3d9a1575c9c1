"""What a run works on: its images, their features, their splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base, open_base
from regraft.errors import InputError
from regraft.features.augmented import ExtractedViews, extract_views
from regraft.features.joint import JointViews
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile, Split
from regraft.images.opening import open_images
from regraft.images.splitting import assign_splits
from regraft.images.subsets import take_per_class
from regraft.runs.config import BackboneConfig, TrainConfig


@dataclass(frozen=True, eq=False)
class RunData:
    """The images of a run with the rows of their features and their splits.

    Attributes:
        images: those that could be read, N of them.
        classes: sorted names.
        labels: int64 (N,), positions in `classes`.
        features: float32 (N, width), of the plain images.
        splits: (N,), `train`, `validation` or `test`.
        base: what computed the features, in `precision`.
        skipped: every file that was left out, with its reason.
        computed: how many different images were not in the cache before.
        collection: what was found, as it was found.
        augmentation: the policy of the views.
        views: float32 (V, N, width), the features of all views that were wanted, the plain one first; None where none
            were.
        widths: how many features come from each of several backbones; one number for a single one, or none.
    """

    images: tuple[LabelledImage, ...]
    classes: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]
    splits: npt.NDArray[np.str_]
    base: Base
    precision: str
    skipped: tuple[SkippedFile, ...]
    computed: int
    collection: ImageCollection
    augmentation: Augmentation = field(default_factory=Augmentation)
    views: npt.NDArray[np.float32] | None = None
    widths: tuple[int, ...] = ()

    def rows(self, *names: str) -> npt.NDArray[np.int64]:
        """The rows of some splits."""
        return np.flatnonzero(np.isin(self.splits, names))

    def chosen(self, rows: npt.NDArray[np.int64]) -> list[LabelledImage]:
        """The images of some rows."""
        return [self.images[row] for row in rows]

    def seen(self, rows: npt.NDArray[np.int64], views: int) -> npt.NDArray[np.float32]:
        """Features of some rows, plain and in so many augmented views: (views + 1, len(rows), width)."""
        everything = self.features[None] if self.views is None else self.views
        return everything[: views + 1, rows]

    def split_anew(self, config: TrainConfig) -> RunData:
        """The same images and features with the splits of another config."""
        return replace(self, splits=np.array(draw_splits(self.images, config)))


def find_images(config: TrainConfig) -> ImageCollection:
    """The collection a config names."""
    collection, images = open_collection(config), config.images
    if images.per_class is None:
        return collection
    # Where the runs of a study share their test images, they share the subset.
    seed = config.seed if images.test_seed is None else images.test_seed
    return take_per_class(collection, images.per_class, seed=seed)


def open_collection(config: TrainConfig) -> ImageCollection:
    """All that is there of what a config names, whatever part of it is asked for."""
    images = config.images
    return open_images(images.source, path=images.path, classes=images.classes)


def find_base(backbone: BackboneConfig, *, fetch: bool = True) -> Base:
    """The base a config names; without `fetch` an InputError where its weights would have to be downloaded."""
    return open_base(
        backbone.name, weights=backbone.weights, scaling=backbone.scaling, pooling=backbone.pooling, fetch=fetch
    )


def draw_splits(images: Sequence[LabelledImage], config: TrainConfig) -> list[Split]:
    """The splits a config asks for.

    Raises:
        InputError: they cannot be had (`assign_splits`).
    """
    wanted = config.images
    return assign_splits(
        images,
        seed=config.seed,
        validation=wanted.validation,
        test=wanted.test,
        exact=wanted.exact,
        test_seed=wanted.test_seed,
        folds=wanted.folds,
        fold=wanted.fold,
    )


def check_activation(classes: Sequence[str], config: TrainConfig) -> None:
    """Refuses a sigmoid for anything but two classes.

    Raises:
        InputError: there are more.
    """
    if config.head.activation == "sigmoid" and len(classes) != 2:
        raise InputError(
            "A sigmoid head tells two classes apart.",
            expected="2 classes",
            received=f"{len(classes)}: {', '.join(classes)}",
            hint="leave --activation out, or keep two classes with --classes A,B",
        )


def load_data(collection: ImageCollection, base: Base, config: TrainConfig) -> RunData:
    """Computes or reads the features, and splits what could be read.

    By hash no image moves when others turn out unreadable; with `exact` some may.

    Raises:
        InputError: nothing, or only one class, can be read; or an error of `extract` or `assign_splits`.
    """
    backbone, wanted = config.backbone, config.augmentation
    policy = wanted.policy(collection.name, collection.classes)
    extracted: ExtractedViews = extract_views(
        collection.images,
        base,
        policy,
        max(wanted.views or 0, wanted.test_views),
        engine=backbone.engine,
        precision=backbone.precision,
    )
    if not extracted.images:
        raise InputError(
            f"None of the {len(collection.images)} images can be read.",
            received="; ".join(dict.fromkeys(file.reason for file in extracted.skipped[:5])),
        )
    classes = tuple(sorted({image.label for image in extracted.images}))
    if len(classes) < 2:
        raise InputError(
            "Only one class has images that can be read: there is nothing to tell apart.",
            expected="readable images of at least two classes",
            received="; ".join(f"{file.name}: {file.reason}" for file in extracted.skipped[:5]),
        )
    splits = draw_splits(extracted.images, config)
    index = {name: number for number, name in enumerate(classes)}
    features = extracted.features()
    return RunData(
        images=extracted.images,
        classes=classes,
        labels=np.array([index[image.label] for image in extracted.images], np.int64),
        features=features[0],
        splits=np.array(splits),
        base=base,
        precision=extracted.precision,
        skipped=(*collection.skipped, *extracted.skipped),
        computed=extracted.computed,
        collection=collection,
        augmentation=policy,
        views=features if len(features) > 1 else None,
        widths=extracted.widths() if isinstance(extracted, JointViews) else (features.shape[-1],),
    )
