"""The MobileNet study's options, images, network and folder: what its work (`mobilenet`) and its report share."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from regraft._keras_backend import check_keras_backend, choose_keras_backend
from regraft.backbones.base import Base, open_base
from regraft.backbones.names import parse_backbone
from regraft.backbones.weights import local_weights
from regraft.errors import InputError
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import ImageCollection
from regraft.runs.config import BackboneConfig, ImagesConfig, TrainConfig
from regraft.runs.data import RunData, draw_splits, find_images, load_data
from regraft.runs.environment import describe_environment
from regraft.studies.folder import StudyFolder, absolute_images, open_study_folder
from regraft.studies.mobilenet_dogs import check_flowers, dogs_and_flowers, dogs_config, find_dogs

KIND = "mobilenet"
IMAGES = "flowers"
LIMIT = 1000
"""The study is of fewer images than this."""
BACKBONES = ("MobileNet", "MobileNet-0.75")
"""The usual network, and the one that takes its place where the weights of the first are not to be had."""
SIZE = 160
"""Pixels of the images: training all layers takes half as long as at the usual 224."""
QUICK_SIZE, QUICK_PER_CLASS = 96, 30

POLICY = Augmentation(horizontal_flip=True, rotation=45, zoom=(0.8, 1.0))
"""The textbook's augmentation."""


@dataclass(frozen=True)
class Plan:
    """How long everything is trained.

    Attributes:
        scratch: epochs from random weights.
        trial: epochs for which each learning rate from random weights is tried first.
        rates: the learning rates from random weights; empty for the usual ones.
        steps: most epochs of each of the four steps of fine-tuning.
        patience: a step ends after so many epochs without a lower validation loss.
        views: augmented versions of each image in the second step, whose features are computed once.
        tuned_views: likewise in the third step, of the activations.
        dogs: most images of each of the two classes of dogs against flowers.
    """

    scratch: int
    trial: int
    rates: tuple[float, ...]
    steps: tuple[int, int, int, int]
    patience: int
    views: int
    tuned_views: int
    dogs: int


PLAN = Plan(scratch=40, trial=4, rates=(), steps=(60, 60, 30, 30), patience=6, views=8, tuned_views=4, dogs=400)
QUICK = Plan(scratch=3, trial=1, rates=(0.001,), steps=(30, 20, 3, 2), patience=4, views=2, tuned_views=1, dogs=60)


class MobileNetStudy:
    """One study: where its images and results are.

    Args:
        images: a folder of class folders, a manifest, or a named set.
        output: the study folder, new or empty; None takes the next free name under `studies/`.
        resume: a study folder to go on with; all else is then read from it.
        path: a local copy of a named set.
        backbone: the network, as it is spelled; None for the first of `BACKBONES` whose weights are to be had, at
            `SIZE`.
        seed: of the choice of images, the splits, all weights and batches.
        scratch_epochs: from random weights; 0 leaves that training out.
        dogs: a folder of photographs of dogs; None takes those of `cats-and-dogs`, if that is on this machine.
        quick: few and small images, few epochs.

    Raises:
        InputError: options, images or a network that cannot be used; images or a network that are not those of the
            study that is gone on with.
        MissingPackageError: nothing that trains is installed.
    """

    def __init__(
        self,
        images: str | Path = IMAGES,
        output: Path | None = None,
        *,
        resume: Path | None = None,
        path: Path | None = None,
        backbone: str | None = None,
        seed: int = 0,
        scratch_epochs: int | None = None,
        dogs: str | Path | None = None,
        quick: bool = False,
    ) -> None:
        self.started = time.perf_counter()
        check_keras_backend(training=True)
        missing: str | None = None
        if resume is not None:
            self.folder = StudyFolder(resume)
            self.options = {name: value for name, value in self.folder.settings().items() if name != "kind"}
        else:
            if scratch_epochs is not None and scratch_epochs < 0:
                raise InputError(
                    "The network cannot be trained from scratch for that number of epochs.",
                    expected="a whole number of epochs, or 0 to leave it out",
                    received=str(scratch_epochs),
                )
            chosen, missing = usual_backbone() if backbone is None else (absolute_images(backbone), None)
            self.options = {
                # A study called without images is called by its own name.
                "images": absolute_images(IMAGES if str(images) == KIND else images),
                **({} if path is None else {"path": str(path.absolute())}),
                "backbone": _small(chosen) if quick else chosen,
                "seed": seed,
                **({} if scratch_epochs is None else {"scratch_epochs": scratch_epochs}),
                **({} if dogs is None else {"dogs": absolute_images(dogs)}),
                "quick": quick,
            }
        # What cannot be used is refused before there is a folder: images, their splits, the network, the dogs.
        draw_splits(self.collection.images, self.config)
        self.base  # noqa: B018
        if not isinstance(self.dogs, str):
            both = dogs_and_flowers(self.dogs, self.collection, self.plan.dogs, self.seed)
            draw_splits(both.images, dogs_config(self.base, self.seed))
        if resume is None:
            import tomli_w

            self.folder = open_study_folder(output, KIND)
            self.folder.write_settings(tomli_w.dumps({"kind": KIND, **self.options}))
            self.folder.write_facts(missing=missing)
        facts = self.folder.facts()
        begun = {"images_digest": self._digest(), "base_identity": self.base.identity}
        for name, value in begun.items():
            if facts.get(name, value) != value:
                raise InputError(
                    "The images or the network are not those that the study began with.",
                    expected="the same images and labels, and the same weights",
                    received="other images" if name == "images_digest" else "another network",
                    hint="put them back as they were, or begin a new study",
                )
        self.seconds: dict[str, float] = dict(facts.get("seconds", {}))
        # Of the first start: a study that was resumed is repeated by the command that began it.
        environment = facts.get("environment") or describe_environment()
        self.folder.write_facts(
            kind=KIND, environment=environment, complete=False, resumed=resume is not None, plan=asdict(self.plan),
            **begun,
        )  # fmt: skip

    @property
    def plan(self) -> Plan:
        """How long everything is trained."""
        plan = QUICK if self.options["quick"] else PLAN
        return replace(plan, scratch=self.options.get("scratch_epochs", plan.scratch))

    @property
    def seed(self) -> int:
        """That of everything."""
        return int(self.options["seed"])

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the seconds of the block to a stage of the study."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)
            self.folder.write_facts(seconds=self.seconds)

    @cached_property
    def whole_collection(self) -> ImageCollection:
        """All images that there are."""
        return find_images(self._config(None))

    @cached_property
    def collection(self) -> ImageCollection:
        """The images of the study."""
        return find_images(self.config)

    @cached_property
    def config(self) -> TrainConfig:
        """The config of every training: of the images, a part of each class where there are too many."""
        found = self.whole_collection
        counts = [sum(image.label == name for image in found.images) for name in found.classes]
        most = QUICK_PER_CLASS if self.options["quick"] else (LIMIT - 1) // len(counts)
        enough = max(counts) <= most if self.options["quick"] else sum(counts) < LIMIT
        return self._config(None if enough else min(most, *counts))

    def _config(self, per_class: int | None) -> TrainConfig:
        path = Path(self.options["path"]) if "path" in self.options else None
        images = ImagesConfig(
            source=self.options["images"], path=path, exact=True, per_class=per_class, test_seed=self.seed
        )
        backbone = BackboneConfig(name=self.options["backbone"], precision="f32")
        return TrainConfig(images=images, backbone=backbone, seed=self.seed)

    @cached_property
    def base(self) -> Base:
        """The pretrained network."""
        return open_base(self.options["backbone"])

    @cached_property
    def data(self) -> RunData:
        """Images, features and splits, with the augmentation of the study."""
        choose_keras_backend(training=True)
        return replace(load_data(self.collection, self.base, self.config), augmentation=POLICY)

    @cached_property
    def dogs(self) -> ImageCollection | str:
        """The photographs of dogs, or why dogs against flowers is left out."""
        path = Path(self.options["dogs"]) if "dogs" in self.options else None
        return check_flowers(self.collection.classes, path) or find_dogs(path)

    def _digest(self) -> str:
        """Of all images and labels, whatever their order."""
        lines = sorted(f"{image.sha256} {image.label} {image.split}" for image in self.collection.images)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def counts(self) -> dict[str, int]:
        """How many images of each class the study has."""
        labels, numbers = np.unique([image.label for image in self.collection.images], return_counts=True)
        return {str(label): int(count) for label, count in zip(labels, numbers, strict=True)}


def usual_backbone() -> tuple[str, str | None]:
    """The network where none is named, at `SIZE`, and the one whose place it takes, if it does.

    Raises:
        InputError: the weights of neither are to be had.
    """
    first, second = (f"{name}@{SIZE}" for name in BACKBONES)
    try:
        open_base(first)
    except InputError as error:
        if local_weights(parse_backbone(second)) is None:
            raise error from None
        return second, first
    return first, None


def _small(backbone: str) -> str:
    """A network of the catalogue at the size of a quick study; a saved model, which has one size, as it is."""
    if backbone.endswith(".keras") or Path(backbone).is_dir():
        return backbone
    name = parse_backbone(backbone)
    return str(replace(name, size=min(name.size, QUICK_SIZE)))
