"""The proportions study's options, images, parts and trainings: what its work (`proportions`) and its report share."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base, open_base
from regraft.errors import InputError, RegraftError
from regraft.images.labelled import ImageCollection
from regraft.runs.config import BackboneConfig, HeadConfig, ImagesConfig, TrainConfig
from regraft.runs.data import RunData, draw_splits, find_base, find_images, load_data
from regraft.runs.environment import describe_environment
from regraft.studies.folder import StudyFolder, absolute_images, open_study_folder
from regraft.studies.proportions_parts import Part, divided, parts_of
from regraft.studies.proportions_runs import ProportionRun, Way, read_runs, write_runs
from regraft.training.settings import DEFAULT_EPOCHS

KIND = "proportions"
FRACTIONS = (0.05, 0.1, 0.25, 0.5, 1.0)
QUICK_SIZE = 96
"""Pixels of the images for the training from scratch in a quick study."""
QUICK_PARTS = 2
"""So many of the largest parts are trained on from scratch in a quick study."""

_NUMBERS = {  # of a whole study and of a quick one
    "seeds": (5, 2),
    "scratch_seeds": (1, 1),
    "epochs": (DEFAULT_EPOCHS, DEFAULT_EPOCHS),
    "scratch_epochs": (20, 4),
}


class ProportionsStudy:
    """One study: where its images and results are.

    Args:
        images: a folder of class folders, a manifest, or a named set.
        output: the study folder, new or empty; None takes the next free name under `studies/`.
        resume: a study folder to go on with; all else is then read from it.
        path: a local copy of a named set.
        backbone: the network; None for the usual one.
        seed: of the test images; the repetitions take it and the numbers after it.
        seeds: repetitions with transfer.
        epochs: of the heads on cached features.
        scratch_epochs: of the training from random weights on the largest part; 0 leaves it out. Smaller ones get
            more (`proportions_parts.epochs_of`).
        scratch_seeds: repetitions from random weights.
        fractions: of the training images, above 0 and at most 1.
        quick: few repetitions; from random weights few epochs, on small images, with the largest parts alone.

    Raises:
        InputError: options, images or a network that cannot be used; images or a network that are not those of
            the study that is gone on with.
    """

    def __init__(
        self,
        images: str | Path = "",
        output: Path | None = None,
        *,
        resume: Path | None = None,
        path: Path | None = None,
        backbone: str | None = None,
        seed: int = 0,
        seeds: int | None = None,
        epochs: int | None = None,
        scratch_epochs: int | None = None,
        scratch_seeds: int | None = None,
        fractions: Sequence[float] = FRACTIONS,
        quick: bool = False,
    ) -> None:
        self.started = time.perf_counter()
        if resume is not None:
            self.folder = StudyFolder(resume)
            self.options = {name: value for name, value in self.folder.settings().items() if name != "kind"}
        else:
            given = {
                "seeds": seeds, "scratch_seeds": scratch_seeds, "epochs": epochs, "scratch_epochs": scratch_epochs,
            }  # fmt: skip
            self.options = {
                "images": absolute_images(images),
                **({} if path is None else {"path": str(path.absolute())}),
                **({} if backbone is None else {"backbone": _absolute_backbone(str(backbone))}),
                "seed": seed,
                **{name: numbers[quick] for name, numbers in _NUMBERS.items()},
                **{name: value for name, value in given.items() if value is not None},
                "fractions": _checked_fractions(fractions),
                "quick": quick,
            }
            _check_numbers(self.options)
        # What cannot be used is refused before there is a folder: images, their splits, the network.
        draw_splits(self.collection.images, self.config())
        self.base  # noqa: B018
        if resume is None:
            import tomli_w

            self.folder = open_study_folder(output, KIND)
            self.folder.write_settings(tomli_w.dumps({"kind": KIND, **self.options}))
        facts = self.folder.facts()
        if facts.get("base_identity", self.base.identity) != self.base.identity:
            raise InputError(
                "The network is not the one that the study began with.",
                expected="the same backbone with the same weights",
                received=f"{self.base.spelling}, which computes other features now",
                hint="put back the model or the weight file that it began with, or begin a new study",
            )
        self.seconds: dict[str, float] = dict(facts.get("seconds", {}))
        # Of the first start: a study that was resumed is repeated by the command that began it.
        environment = facts.get("environment") or describe_environment()
        self.folder.write_facts(
            kind=KIND,
            environment=environment,
            complete=False,
            resumed=resume is not None,
            base_identity=self.base.identity,
        )
        self.runs: list[ProportionRun] = read_runs(self.folder)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the seconds of the block to a stage of the study."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)
            self.folder.write_facts(seconds=self.seconds)

    def config(self, repeat: int | None = None) -> TrainConfig:
        """The config of a repetition; they all share their test images."""
        path = Path(self.options["path"]) if "path" in self.options else None
        seed = int(self.options["seed"])
        return TrainConfig(
            images=ImagesConfig(source=self.options["images"], path=path, exact=True, test_seed=seed),
            backbone=BackboneConfig(name=self.options["backbone"]) if "backbone" in self.options else BackboneConfig(),
            head=HeadConfig(epochs=self.options["epochs"]),
            seed=seed if repeat is None else repeat,
        )

    @cached_property
    def collection(self) -> ImageCollection:
        """The images."""
        return find_images(self.config())

    @cached_property
    def base(self) -> Base:
        """The network."""
        return find_base(self.config().backbone)

    @cached_property
    def scratch_base(self) -> Base:
        """What is trained from random weights: the network, in a quick study at a small input size where it can be."""
        network = self.base.network
        if not self.options["quick"] or network is None or network.size <= QUICK_SIZE:
            return self.base
        return open_base(str(replace(network, size=QUICK_SIZE)))

    @cached_property
    def refused(self) -> str | None:
        """Why nothing can be trained through Keras; None where it can."""
        try:
            choose_keras_backend(training=True)
        except RegraftError as error:
            return str(error)
        return None

    @cached_property
    def data(self) -> RunData:
        """Images, features and splits: of these, the test images alone are used as they are."""
        data = load_data(self.collection, self.base, self.config())
        digest = hashlib.sha256()
        for image, split in zip(data.images, data.splits, strict=True):
            digest.update(f"{image.sha256} {image.label} {split == 'test'}\n".encode())
        before = self.folder.facts().get("images_digest")
        if before not in (None, digest.hexdigest()):
            raise InputError(
                "The images are not those that the study began with.",
                expected="the same images, labels and splits",
                hint="put the images back as they were, or begin a new study",
            )
        self.folder.write_facts(images_digest=digest.hexdigest())
        return data

    @cached_property
    def pool(self) -> npt.NDArray[np.int64]:
        """The rows of all images that are not test images: those that the parts are drawn from."""
        return self.data.rows("train", "validation")

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the training images, from the smallest, and why some are left out."""
        labels = self.data.labels[self.pool]
        groups = [image.group or image.sha256 for image in self.data.chosen(self.pool)]
        seeds = self.repeats("transfer")
        parts = parts_of(labels, groups, self.options["fractions"], seeds, len(self.data.classes))
        if all(part.problem for part in parts):
            raise InputError(
                "There are too few images for every fraction.",
                expected=f"at least 2 images of each of the {len(self.data.classes)} classes in one of the parts",
                received="; ".join(f"{part.images} images in {part.fraction:g}: {part.problem}" for part in parts[:5]),
                hint="add images, or ask for larger fractions",
            )
        return parts

    def usable(self, way: Way) -> list[Part]:
        """The parts that are trained on in some way."""
        parts = [part for part in self.parts if not part.problem]
        return parts[-QUICK_PARTS:] if way == "scratch" and self.options["quick"] else parts

    def repeats(self, way: Way) -> range:
        """The seeds of the repetitions of some way."""
        first = int(self.options["seed"])
        return range(first, first + int(self.options["seeds" if way == "transfer" else "scratch_seeds"]))

    def of_part(self, part: Part, repeat: int) -> RunData:
        """The data of a part: its training and validation images, the test images, and all others in no split."""
        labels = self.data.labels[self.pool]
        groups = [image.group or image.sha256 for image in self.data.chosen(self.pool)]
        train, validation = divided(labels, groups, part.images, repeat)
        splits = np.where(self.data.splits == "test", "test", "unused").astype("<U10")
        splits[self.pool[train]] = "train"
        splits[self.pool[validation]] = "validation"
        return replace(self.data, splits=splits)

    def find(self, way: Way, part: Part, repeat: int) -> ProportionRun | None:
        """A training that is done; None where it is not."""
        wanted = way, part.images, repeat
        return next((run for run in self.runs if (run.way, run.images, run.repeat) == wanted), None)

    def record(self, run: ProportionRun) -> None:
        """Keeps a training: a study that is stopped goes on behind it."""
        self.runs.append(run)
        write_runs(self.folder, self.runs)


def _absolute_backbone(name: str) -> str:
    """The path of a saved model or of a run in full, so that the study goes on from every folder; else the name."""
    path = Path(name).expanduser()
    with suppress(OSError):  # a text too long for a path is a name
        if (path / "model.keras").is_file() or (path.suffix == ".keras" and path.is_file()):
            return str(path.absolute())
    return name


def _checked_fractions(fractions: Sequence[float]) -> list[float]:
    """In rising order, each once."""
    found = sorted({float(fraction) for fraction in fractions})
    if not found or not all(0 < fraction <= 1 for fraction in found):
        raise InputError(
            "These are no fractions of the training images.",
            expected="numbers above 0 and at most 1, such as 0.05, 0.25 and 1",
            received=", ".join(f"{fraction:g}" for fraction in fractions) or "none",
        )
    return found


def _check_numbers(options: dict[str, Any]) -> None:
    for name, least, what in (
        ("seeds", 1, "repetitions"),
        ("scratch_seeds", 1, "repetitions from scratch"),
        ("epochs", 1, "epochs"),
        ("scratch_epochs", 0, "epochs from scratch"),
    ):
        if options[name] < least:
            raise InputError(
                f"The study cannot be done with this number of {what}.",
                expected=f"at least {least}" + (", which leaves the training from scratch out" if not least else ""),
                received=str(options[name]),
            )
    if options["scratch_seeds"] > options["seeds"]:
        raise InputError(
            "Each repetition from scratch is compared with one with transfer.",
            expected=f"at most {options['seeds']} repetitions from scratch",
            received=str(options["scratch_seeds"]),
        )
