"""What the trainings of a proportions study say together: means, differences, what more images would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.evaluation.comparisons import PairedTest, holm
from regraft.evaluation.learning_curves import (
    Extrapolation,
    MeanAccuracy,
    accuracy_difference,
    extrapolate,
    mean_accuracy,
)
from regraft.studies.folder import StudyFolder
from regraft.studies.proportions_runs import ProportionRun, Way, read_runs
from regraft.transfer.verdict import ALPHA


@dataclass(frozen=True, eq=False)
class Curve:
    """The accuracies of one way of training.

    Attributes:
        images: (P,) numbers of training images, rising.
        right: bool (R, P, M), whether each test image was answered rightly, in the repetitions that are whole.
        repeats: their seeds.
        epochs: (P,), the least and the most epochs of the trainings.
        seconds: of all its trainings.
    """

    images: tuple[int, ...]
    right: npt.NDArray[np.bool_]
    repeats: tuple[int, ...]
    epochs: tuple[tuple[int, int], ...]
    seconds: float

    @property
    def accuracies(self) -> npt.NDArray[np.float64]:
        """(R, P)."""
        return np.asarray(self.right.mean(axis=2), np.float64)

    @cached_property
    def means(self) -> tuple[MeanAccuracy, ...]:
        """For each number of images."""
        return tuple(mean_accuracy(self.right[:, point]) for point in range(len(self.images)))


@dataclass(frozen=True)
class Comparison:
    """Transfer against scratch with one number of images.

    Attributes:
        images: how many.
        test: transfer minus scratch, in the repetitions that both have.
        p: its p value, adjusted for the number of comparisons (Holm).
    """

    images: int
    test: PairedTest
    p: float

    @property
    def verdict(self) -> int:
        """1 where transfer was found better, -1 where it was found worse, 0 where no difference was found.

        As in `transfer_verdict`, the test must say so at 95 %, and the interval must leave out 0.
        """
        if self.p >= ALPHA or self.test.low <= 0 <= self.test.high:
            return 0
        return 1 if self.test.low > 0 else -1


@dataclass(frozen=True, eq=False)
class ProportionResults:
    """All of a finished study.

    Attributes:
        facts, settings: `study.json` and `study.toml`.
        transfer: heads on frozen features.
        scratch: the same network from random weights; None where there is no such training that can be used.
        comparisons: of the two, for the numbers of images that both have.
        ahead: what more images would bring with transfer.
        ahead_scratch: what they would bring from random weights.
        diverged: the numbers of images, rising, with which a training from random weights diverged: left out of
            `scratch`.
    """

    facts: dict[str, Any]
    settings: dict[str, Any]
    transfer: Curve
    scratch: Curve | None
    comparisons: tuple[Comparison, ...]
    ahead: Extrapolation
    ahead_scratch: Extrapolation | None = None
    diverged: tuple[int, ...] = ()

    @property
    def most(self) -> int:
        """The images of the largest part."""
        return self.transfer.images[-1]

    @property
    def is_whole(self) -> bool:
        """Whether the largest part is all training images."""
        return self.most == int(self.facts["training"])

    @property
    def meeting(self) -> float | None:
        """The images beyond the largest part at which the laws of both ways give one accuracy; None for none.

        Where the two are in another order than with that part.
        """
        band, other = self.ahead.band, self.ahead_scratch.band if self.ahead_scratch else ()
        beyond = [point for point in band if point.images >= self.most]
        if not beyond or not other:
            return None
        images, accuracies = [point.images for point in other], [point.accuracy for point in other]
        lead = [point.accuracy - float(np.interp(np.log(point.images), np.log(images), accuracies)) for point in beyond]
        crossed = (point.images for point, size in zip(beyond, lead, strict=True) if size * lead[0] < 0)
        return next(crossed, None)

    @property
    def rates_diverged(self) -> bool:
        """Whether learning rates were tried for the training from random weights, and all diverged."""
        tried = self.facts.get("scratch", {}).get("tried", [])
        return bool(tried) and all(one["loss"] is None for one in tried)

    @property
    def quick(self) -> bool:
        """Whether the study was a quick one."""
        return bool(self.settings["quick"])


def gather_results(folder: StudyFolder) -> ProportionResults:
    """Reads a finished study and works out what it says; the same folder gives the same numbers.

    Raises:
        InputError: a file is damaged.
    """
    facts, settings, runs = folder.facts(), folder.settings(), read_runs(folder)
    transfer = curve_of(runs, "transfer", facts["test"])
    assert transfer is not None
    scratch = curve_of(runs, "scratch", facts["test"])
    ahead = extrapolate(transfer.images, transfer.right, seed=settings["seed"])
    compared = () if scratch is None else compare(transfer, scratch)
    without = None if scratch is None else extrapolate(scratch.images, scratch.right, seed=settings["seed"])
    diverged = tuple(sorted({run.images for run in runs if run.diverged}))
    return ProportionResults(facts, settings, transfer, scratch, compared, ahead, without, diverged)


def curve_of(runs: Sequence[ProportionRun], way: Way, test_images: int) -> Curve | None:
    """The curve of a way of training, without the numbers of images with which one diverged.

    Returns:
        None where there is no training of that way, or none that can be used.
    """
    lost = {run.images for run in runs if run.way == way and run.diverged}
    found = {(run.images, run.repeat): run for run in runs if run.way == way and run.images not in lost}
    images = tuple(sorted({count for count, _ in found}))
    repeats = tuple(
        repeat
        for repeat in sorted({repeat for _, repeat in found})
        if all((count, repeat) in found for count in images)
    )
    if not repeats or not images:
        return None
    right = np.array(
        [[found[count, repeat].answers(test_images) for count in images] for repeat in repeats], bool
    )  # fmt: skip
    of_part = [[found[count, repeat].epochs for repeat in repeats] for count in images]
    return Curve(
        images,
        right,
        repeats,
        tuple((min(epochs), max(epochs)) for epochs in of_part),
        sum(run.seconds for run in found.values()),
    )


def compare(transfer: Curve, scratch: Curve) -> tuple[Comparison, ...]:
    """Transfer against scratch, for each number of images that both have, in the repetitions that both have."""
    shared = [repeat for repeat in scratch.repeats if repeat in transfer.repeats]
    counts = [count for count in scratch.images if count in transfer.images]
    tests = []
    for count in counts:
        first, second = (
            curve.right[[curve.repeats.index(repeat) for repeat in shared], curve.images.index(count)]
            for curve in (transfer, scratch)
        )
        tests.append(accuracy_difference(first, second))
    adjusted = holm([test.p for test in tests])
    return tuple(
        Comparison(count, test, float(p)) for count, test, p in zip(counts, tests, adjusted, strict=True)
    )  # fmt: skip


def images_for(curve: Curve, accuracy: float) -> float | None:
    """The images with which a curve first reaches an accuracy, between its points along log images.

    Returns:
        0 where the fewest reach it already; None where it is not reached.
    """
    means = [point.mean for point in curve.means]
    if means[0] >= accuracy:
        return 0.0
    for place in range(1, len(means)):
        low, high = means[place - 1], means[place]
        if high >= accuracy:
            share = (accuracy - low) / (high - low)
            fewer, more = curve.images[place - 1 : place + 1]
            return float(fewer * (more / fewer) ** share)
    return None
