"""Everything that the report of the digits study looks at: its runs, means over them, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.evaluation.comparisons import corrected_resampled_t_test, least_variance
from regraft.studies.digits_study import WAYS, DigitRun, Way, read_runs
from regraft.studies.folder import StudyFolder

TRANSFERS: tuple[Way, ...] = WAYS[1:]
"""The ways that begin with the source network."""
CONFIDENCE = 0.95

Floats = npt.NDArray[np.float64]
Status = Literal["higher", "lower", "open"]


class Setting(NamedTuple):
    """What is compared: a way of learning, with or without dropout, on a proportion of the images."""

    way: Way
    dropout: bool
    proportion: float


@dataclass(frozen=True)
class Difference:
    """One setting's accuracy minus another's in runs that share their images and batches. Shares of 1.

    Attributes:
        mean: over the runs.
        low, high: the 95 % t interval of that mean, within -1 and 1; NaN for one run.
    """

    mean: float
    low: float
    high: float

    @property
    def status(self) -> Status:
        """Whether the interval leaves out 0, and on which side; `open` for one run."""
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "open"


@dataclass(frozen=True)
class Times:
    """What all runs of a way took together.

    Attributes:
        images: trained on, each as often as it was.
        training, measuring, computing: seconds; the last of the features of fixed convolutions.
    """

    images: int
    training: float
    measuring: float
    computing: float

    @property
    def total(self) -> float:
        """All of it, in seconds."""
        return self.training + self.measuring + self.computing

    @property
    def each(self) -> float:
        """Seconds for every image trained on, all included."""
        return self.total / self.images


@dataclass(frozen=True, eq=False)
class DigitsFound:
    """The results of a finished study.

    Attributes:
        facts: `study.json`.
        settings: `study.toml`.
        runs: its trainings.
    """

    facts: dict[str, Any]
    settings: dict[str, Any]
    runs: tuple[DigitRun, ...]

    @property
    def plan(self) -> dict[str, Any]:
        """What was trained, as the study planned it."""
        plan: dict[str, Any] = self.facts["plan"]
        return plan

    @property
    def proportions(self) -> tuple[float, ...]:
        """Of the target task's training images, rising."""
        return tuple(sorted(self.plan["proportions"]))

    @property
    def repeats(self) -> range:
        """The seeds of the repetitions."""
        first = int(self.plan["seed"])
        return range(first, first + int(self.plan["repeats"]))

    @property
    def repeated(self) -> bool:
        """Whether there is more than one run of each setting, so that intervals can be had."""
        return len(self.repeats) > 1

    @property
    def tested(self) -> int:
        """Test images of the target task."""
        return int(self.facts["collection"]["target"]["test"])

    @property
    def decimals(self) -> int:
        """How many an accuracy in percent is given with: as few as tell one image from the next, 1 or 2."""
        return 1 if self.tested < 1000 else 2

    @cached_property
    def _runs(self) -> dict[tuple[Way, bool, float, int], DigitRun]:
        return {run.key: run for run in self.runs}

    def of(self, setting: Setting) -> list[DigitRun]:
        """The runs of a setting, by repetition."""
        return [self._runs[(*setting, repeat)] for repeat in self.repeats]

    def images(self, proportion: float) -> int:
        """Training images of the target task in a proportion."""
        return self.of(Setting("scratch", False, proportion))[0].images

    def measurements(self, proportion: float) -> int:
        """How often each training on a proportion was measured."""
        return len(self.of(Setting("scratch", False, proportion))[0].accuracies)

    def accuracies(self, setting: Setting) -> Floats:
        """On the test images after the last image of each run, (repetitions,)."""
        images = int(self.facts["collection"]["source" if setting.way == "source" else "target"]["test"])
        # They are written rounded: as counts again, equal ones are equal.
        return np.rint([run.accuracies[-1] * images for run in self.of(setting)]) / images

    def mean(self, setting: Setting) -> float:
        """Their mean."""
        return float(self.accuracies(setting).mean())

    def course(self, setting: Setting) -> Floats:
        """The mean accuracy during learning, (measurements,)."""
        course: Floats = np.array([run.accuracies for run in self.of(setting)], np.float64).mean(axis=0)
        return course

    def difference(self, first: Setting, second: Setting) -> Difference:
        """The first setting's accuracy minus the second's, over paired runs."""
        return paired_difference(self.accuracies(first) - self.accuracies(second), self.tested)

    def gain(self, way: Way, dropout: bool, proportion: float) -> Difference:
        """Of a way of transfer over training from scratch."""
        return self.difference(Setting(way, dropout, proportion), Setting("scratch", dropout, proportion))

    def between(self, dropout: bool, proportion: float) -> Difference:
        """Of training throughout over fixed convolutions."""
        return self.difference(Setting("throughout", dropout, proportion), Setting("fixed", dropout, proportion))

    def change(self, way: Way, proportion: float) -> Difference:
        """Of dropout over none."""
        return self.difference(Setting(way, True, proportion), Setting(way, False, proportion))

    def best(self, proportion: float) -> list[Setting]:
        """The settings with the highest mean accuracy on a proportion: more than one where these are equal."""
        settings = [Setting(way, dropout, proportion) for dropout in (False, True) for way in WAYS]
        highest = max(self.mean(setting) for setting in settings)
        return [setting for setting in settings if highest - self.mean(setting) < 1e-9]

    def matters_until(self, dropout: bool) -> int | None:
        """Place of the largest proportion at which transfer was shown to differ from scratch; None where at none."""
        shown = [
            index
            for index, proportion in enumerate(self.proportions)
            if any(self.gain(way, dropout, proportion).status != "open" for way in TRANSFERS)
        ]
        return shown[-1] if shown else None

    def times(self, way: Way) -> Times:
        """What all its runs took."""
        runs = [run for run in self.runs if run.way == way]
        images = sum(len(run.accuracies) for run in runs) * int(self.plan["every"])
        sums = (sum(part) for part in zip(*((r.training, r.measuring, r.computing) for r in runs), strict=True))
        return Times(images, *sums)


def paired_difference(differences: Sequence[float] | Floats, images: int) -> Difference:
    """The mean of paired differences with its t interval.

    Where all differences are the same, their variance is taken to be the least that they can have on so many images:
    three runs that differ by the same one image prove little.

    Args:
        differences: (repetitions,) shares.
        images: that each was counted on.
    """
    least = least_variance(float(np.asarray(differences, np.float64).mean()), [images])
    found = corrected_resampled_t_test(differences, 0.0, CONFIDENCE, constant_variance=least)
    return Difference(found.difference, *(float(np.clip(bound, -1, 1)) for bound in (found.low, found.high)))


def gather_digits(folder: StudyFolder) -> DigitsFound:
    """Reads the results of a finished digits study.

    Raises:
        InputError: runs are missing.
    """
    found = DigitsFound(folder.facts(), folder.settings(), tuple(read_runs(folder)))
    wanted = {
        (way, dropout, proportion, repeat)
        for dropout in (False, True)
        for repeat in found.repeats
        for way, proportion in (("source", 1.0), *((way, p) for way in WAYS for p in found.proportions))
    }
    missing = len(wanted - {run.key for run in found.runs})
    if missing:
        raise InputError(
            f"Runs of {folder.path} are missing.",
            expected=f"{len(wanted)} runs in runs.jsonl",
            received=f"{len(wanted) - missing} of them",
            hint=f"regraft study --resume {folder.path}",
        )
    return found
