"""The digits study's options, tasks and results: what its trainings (`digits`) and its report share."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from regraft._keras_backend import check_keras_backend
from regraft.errors import InputError
from regraft.images.labelled import ImageCollection
from regraft.images.opening import open_images
from regraft.runs.environment import describe_environment
from regraft.studies._runs_file import read_lines, write_lines
from regraft.studies.digit_networks import Effort
from regraft.studies.digit_tasks import DigitTask, digit_tasks, whole_batches
from regraft.studies.folder import StudyFolder, absolute_images, open_study_folder

KIND = "digits"
Way = Literal["source", "scratch", "fixed", "throughout"]
WAYS: tuple[Way, ...] = ("scratch", "fixed", "throughout")
"""Of learning the target task: from random weights; with the convolutions of the source network, fixed; from all
weights of the source network, trained throughout."""


@dataclass(frozen=True)
class Plan:
    """What is trained, and how long.

    Attributes:
        proportions: of the target task's training images.
        batch_size: images an update.
        every: images from one measurement to the next.
        source: measurements of each training of the source network.
        target: measurements of each training on the target task, for each proportion.
        repeats: runs of each setting.
    """

    proportions: tuple[float, ...]
    batch_size: int
    every: int
    source: int
    target: tuple[int, ...]
    repeats: int

    def effort(self, measurements: int) -> Effort:
        """The effort of one training."""
        return Effort(self.batch_size, self.every, measurements)


PROPORTIONS = (0.005, 0.01, 0.1, 1.0)
PLANS = {
    "mnist": Plan(PROPORTIONS, 100, 1000, 144, (6, 10, 46, 120), 3),
    "quick mnist": Plan(PROPORTIONS, 100, 1000, 36, (3, 5, 10, 24), 1),
    "small": Plan((0.02, 0.05, 0.2, 1.0), 10, 100, 60, (4, 8, 25, 60), 3),
    "quick small": Plan((0.02, 0.05, 0.2, 1.0), 10, 100, 40, (4, 6, 12, 30), 1),
}
"""By the number of images: `mnist` from 20,000 on, `small` for less, such as the embedded digits."""


@dataclass(frozen=True)
class DigitRun:
    """One training.

    Attributes:
        way: `source`, or one of `WAYS`.
        dropout: whether the network, and the source network it began with, have dropout.
        proportion: of the task's training images.
        images: how many these are.
        repeat: which repetition; it seeds the draw of the images, the weights and the batches.
        accuracies: on the test images, after every so many images.
        training, measuring, computing: seconds; the last of the features of fixed convolutions.
    """

    way: Way
    dropout: bool
    proportion: float
    images: int
    repeat: int
    accuracies: tuple[float, ...]
    training: float
    measuring: float
    computing: float = 0.0

    @property
    def key(self) -> tuple[Way, bool, float, int]:
        """What tells it from the others of a study."""
        return self.way, self.dropout, self.proportion, self.repeat


class DigitsStudy:
    """One study: where its images and results are.

    Args:
        images: digits, by name or in a file; grey images of one size.
        output: the study folder, new or empty; None takes the next free name under `studies/`.
        resume: a study folder to go on with; all else is then read from it.
        path: a local copy of a named set.
        seed: of the first repetition; the others take the numbers after it.
        seeds: runs of each setting, in place of the plan's.
        quick: one run of each setting, and short ones.
    """

    def __init__(
        self,
        images: str | Path = "digits",
        output: Path | None = None,
        *,
        resume: Path | None = None,
        path: Path | None = None,
        seed: int = 0,
        seeds: int | None = None,
        quick: bool = False,
    ) -> None:
        self.started = time.perf_counter()
        if resume is not None:
            self.folder = StudyFolder(resume)
            self.options = {name: value for name, value in self.folder.settings().items() if name != "kind"}
        else:
            if seeds is not None and seeds < 1:
                raise InputError("The study needs runs.", expected="at least 1 of --seeds", received=str(seeds))
            self.options = {
                "images": absolute_images(images),
                **({} if path is None else {"path": str(path.absolute())}),
                "seed": seed,
                **({} if seeds is None else {"seeds": seeds}),
                "quick": quick,
            }
        # What cannot be done is refused before there is a folder.
        check_keras_backend(training=True)
        self.tasks  # noqa: B018
        if resume is None:
            import tomli_w

            self.folder = open_study_folder(output, self.collection.name)
            self.folder.write_settings(tomli_w.dumps({"kind": KIND, **self.options}))
        facts = self.folder.facts()
        digest = self._digest()
        if facts.get("images_digest", digest) != digest:
            raise InputError(
                "The images are not those that the study began with.",
                expected="the same images and labels",
                hint="put the images back as they were, or begin a new study",
            )
        self._before = float(facts.get("seconds", {}).get("trainings", 0.0))
        environment = facts.get("environment") or describe_environment()
        self.folder.write_facts(
            kind=KIND, environment=environment, complete=False, resumed=resume is not None, images_digest=digest
        )
        self.runs: list[DigitRun] = read_runs(self.folder)

    @cached_property
    def collection(self) -> ImageCollection:
        """All images."""
        path = self.options.get("path")
        return open_images(self.options["images"], path=None if path is None else Path(path))

    @cached_property
    def tasks(self) -> tuple[DigitTask, DigitTask]:
        """The source and the target task."""
        return digit_tasks(self.collection)

    def _digest(self) -> str:
        """Of all images and labels, whatever their order."""
        lines = sorted(f"{image.sha256} {image.label} {image.split}" for image in self.collection.images)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def plan(self) -> Plan:
        """What is trained."""
        size = "mnist" if len(self.collection.images) >= 20_000 else "small"
        plan = PLANS[f"quick {size}" if self.options["quick"] else size]
        return replace(plan, repeats=self.options.get("seeds", plan.repeats))

    @property
    def repeats(self) -> Sequence[int]:
        """The seeds of the repetitions."""
        first = int(self.options["seed"])
        return range(first, first + self.plan.repeats)

    def images_of(self, proportion: float) -> int:
        """Images of the target task in a proportion of them."""
        return whole_batches(len(self.tasks[1].labels), proportion, self.plan.batch_size)

    def find(self, way: Way, dropout: bool, proportion: float, repeat: int) -> DigitRun | None:
        """A run that is done; None where it is not."""
        return next((run for run in self.runs if run.key == (way, dropout, proportion, repeat)), None)

    def record(self, run: DigitRun) -> None:
        """Keeps a run, and the time: a study that is stopped goes on behind it."""
        self.folder.write_facts(seconds=self.spent())
        self.runs.append(run)
        write_lines(self.folder.path, self.runs)

    def spent(self) -> dict[str, float]:
        """Seconds so far, of earlier sessions too."""
        seconds = round(self._before + time.perf_counter() - self.started, 3)
        return {"trainings": seconds, "total": seconds}

    def source_file(self, dropout: bool, repeat: int) -> Path:
        """Where the source network of a repetition is kept."""
        return self.folder.path / "sources" / f"{'dropout' if dropout else 'plain'}-{repeat}.keras"


def read_runs(folder: StudyFolder) -> list[DigitRun]:
    """The runs that a study has done, in the order they were.

    Raises:
        InputError: their file is damaged.
    """
    return read_lines(folder.path, lambda row: DigitRun(**{**row, "accuracies": tuple(row["accuracies"])}))
