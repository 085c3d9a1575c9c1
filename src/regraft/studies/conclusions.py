"""What a study's numbers allow one to say: the best setting, which are worse, and for which no difference was found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.evaluation.comparisons import (
    MeanInterval,
    PairedTest,
    corrected_interval,
    corrected_resampled_t_test,
    holm,
    least_variance,
)
from regraft.evaluation.intervals import wilson_interval
from regraft.studies.results import Floats, Results

Status = Literal["best", "worse", "no difference", "diverged", "at chance"]
Edge = Literal["low", "high"]

_RESAMPLES = 10_000
_NOTHING = PairedTest(math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Verdict:
    """What was concluded of one setting. Accuracies and differences are shares of 1.

    Attributes:
        setting: its index.
        label: its name.
        mean, low, high: mean validation accuracy over the repetitions and its interval, kept within 0 and 1; NaN
            where it diverged, NaN bounds for one repetition.
        deviation: sample standard deviation over the repetitions; NaN where it diverged or for one repetition.
        difference, difference_low, difference_high: its mean minus the best's, with the interval of this one
            comparison, within -1 and 1, not adjusted for their number. 0 for the best, NaN where it diverged.
        p: of the paired test against the best, adjusted for the number of comparisons (Holm); NaN where none was
            made: for the best, for what diverged, for one repetition.
        status: `diverged` in at least one repetition, whatever else it did; `best`; `at chance`: not shown to do
            better than the baseline; `worse` than the best; or `no difference` from the best was found.
        diverged: in how many repetitions.
        wins: in how many repetitions it was the best, by the rule that chooses the best; they add up to `repetitions`.
        reliability: share of the bootstrap resamples of the repetitions in which this setting would be the best; NaN
            for one repetition.
        repetitions: how many there were.
    """

    setting: int
    label: str
    mean: float
    low: float
    high: float
    deviation: float
    difference: float
    difference_low: float
    difference_high: float
    p: float
    status: Status
    diverged: int
    wins: int
    reliability: float
    repetitions: int


@dataclass(frozen=True)
class Conclusion:
    """What was concluded of all settings; each is the best, or in just one of the four groups of indices.

    Attributes:
        verdicts: in the order of the settings.
        best: index of the setting with the highest mean accuracy; None where every setting diverged or nothing was
            repeated.
        ties: those for which no difference from the best was found.
        worse: those worse than the best.
        at_chance: the others that were not shown to do better than the baseline.
        diverged: those that diverged in at least one repetition, and so were not compared.
        repetitions: R.
        ratio: validation images over training images, the mean over the repetitions.
        baseline: accuracy of always answering the training images' most frequent class, the mean over the repetitions.
        confidence: of the intervals; p values below 1 - confidence count as a difference found.
        testable: there are at least two repetitions, so that intervals and tests can be had.
        learned: the best was shown to do better than the baseline.
        test: name of the test, and why it.
    """

    verdicts: tuple[Verdict, ...]
    best: int | None
    ties: tuple[int, ...]
    worse: tuple[int, ...]
    at_chance: tuple[int, ...]
    diverged: tuple[int, ...]
    repetitions: int
    ratio: float
    baseline: float
    confidence: float
    testable: bool
    learned: bool
    test: str


class AxisEffect(NamedTuple):
    """Mean accuracy at one value of an axis, its interval, and how many diverged cells are left out of it."""

    value: Any
    mean: float
    low: float
    high: float
    diverged: int


def conclude(results: Results, *, seed: int = 0, confidence: float = 0.95) -> Conclusion:
    """Names the best setting and compares every other one with it.

    Of the settings that diverged in no repetition, the best has the highest mean validation accuracy, then the lowest
    mean validation loss, then the first place. Each other one is compared with it by the corrected resampled t-test
    on the differences in accuracy, paired by repetition, and the p values are adjusted by Holm's method. Where the
    difference is the same in every repetition, its variance is taken to be the least that it can have on so many
    images (`evaluation.comparisons.least_variance`).

    A setting does better than the baseline if the interval of (accuracy - baseline) lies above 0, or if in every
    repetition the Wilson interval of the accuracy lies above the baseline. The second way serves one and two
    repetitions, of which a t interval shows nothing or little, however many images were answered rightly.

    What the numbers do not say:

    - The best is picked by its mean and then compared. So its mean is a little too high, the differences to it are a
      little too large, and the tests find a little more than they would against a setting named beforehand. Hsu's
      multiple comparisons with the best (Hsu 1981, "Simultaneous confidence intervals for all distances from the
      'best'") allow for that; they need a model of the variance that all settings share, which settings that
      learn and settings that fail do not. The numbers to report of the setting chosen are those of the test images.
    - The correction is made for repetitions that draw their training and validation images anew. If the split is the
      same in all of them, they tell how much the start and the batches matter, and nothing of other images.
    - The reliability takes the repetitions to be independent, so it is rather too high.

    Args:
        seed: of the bootstrap.
        confidence: of the intervals, above 0 and below 1.

    Raises:
        InputError: the confidence is out of its range.
    """
    diverged = results.diverged | ~np.isfinite(results.accuracy)
    repetitions = len(results.repetitions)
    compared = np.flatnonzero(~diverged.any(axis=1)) if repetitions else np.array([], np.int64)
    ratio = float(np.mean(results.images / results.train_images)) if repetitions else math.nan
    accuracy, loss = results.accuracy[compared], results.loss[compared]

    best, wins, reliability = None, {}, {}
    tests: dict[int, PairedTest] = {}
    if len(compared):
        best = int(compared[_choice(accuracy.mean(axis=1), loss.mean(axis=1))])
        tests = _tests(results, best, [int(setting) for setting in compared], ratio, confidence)
        wins = _counts(compared, _choice(accuracy, loss))
        if repetitions > 1:
            resampled = _counts(compared, _resampled_choices(accuracy, loss, seed))
            reliability = {setting: times / _RESAMPLES for setting, times in resampled.items()}
    learned = {setting: _is_above_baseline(results, setting, ratio, confidence) for setting in tests}

    verdicts = []
    for setting, cells in enumerate(diverged):
        test = tests.get(setting, _NOTHING)
        mean, low, high, deviation = _accuracy(results, setting, ratio, confidence) if setting in tests else _NOTHING
        status: Status = "worse" if test.p < 1 - confidence else "no difference"
        if cells.any():
            status = "diverged"
        elif setting == best:
            status = "best"
        elif not learned.get(setting, True):
            status = "at chance"
        verdicts.append(
            Verdict(
                setting=setting,
                label=results.settings[setting].label,
                mean=mean,
                low=low,
                high=high,
                deviation=deviation,
                difference=test.difference,
                difference_low=test.low,
                difference_high=test.high,
                p=test.p,
                status=status,
                diverged=int(cells.sum()),
                wins=wins.get(setting, 0),
                reliability=reliability.get(setting, 0.0) if repetitions > 1 else math.nan,
                repetitions=repetitions,
            )
        )
    return Conclusion(
        verdicts=tuple(verdicts),
        best=best,
        ties=_of_status(verdicts, "no difference") if repetitions else (),
        worse=_of_status(verdicts, "worse"),
        at_chance=_of_status(verdicts, "at chance"),
        diverged=_of_status(verdicts, "diverged"),
        repetitions=repetitions,
        ratio=ratio,
        baseline=float(results.baseline.mean()) if repetitions else math.nan,
        confidence=confidence,
        testable=repetitions > 1,
        learned=best is not None and learned[best],
        test=_test_name(repetitions, max(0, len(tests) - 1)),
    )


def at_edge(results: Results, axis: str, conclusion: Conclusion) -> Edge | None:
    """Whether the best setting has the lowest or the highest value of a numeric axis, so that a wider grid may help.

    None where there is no best, the axis has one value, its values are not numbers, or the value is 0: no setting of
    a training is negative, so nothing is left to try below it.
    """
    values = results.axes[axis]
    if conclusion.best is None or len(values) < 2 or not all(_is_number(value) for value in values):
        return None
    value = results.settings[conclusion.best].values[axis]
    if value == max(values):
        return "high"
    return "low" if value == min(values) and value != 0 else None


def axis_effects(results: Results, axis: str, confidence: float = 0.95) -> list[AxisEffect]:
    """The mean accuracy at each value of an axis over all the other axes, in the order the values were declared.

    The cells of one value are averaged within each repetition first, so that the interval, that of
    `corrected_interval`, is over the repetitions. Diverged cells are left out and counted: a value at which many
    diverged looks better than it is. NaN where nothing is left, and NaN bounds where one repetition is left.
    """
    diverged = results.diverged | ~np.isfinite(results.accuracy)
    effects = []
    for value in results.axes[axis]:
        rows = [row for row, setting in enumerate(results.settings) if setting.values.get(axis) == value]
        kept = ~diverged[rows]
        repeated = kept.any(axis=0)
        means = np.array([results.accuracy[rows, r][kept[:, r]].mean() for r in np.flatnonzero(repeated)])
        interval = MeanInterval(math.nan, math.nan, math.nan)
        if repeated.any():
            ratio = float(np.mean(results.images[repeated] / results.train_images[repeated]))
            interval = _within_0_and_1(corrected_interval(means, ratio, confidence))
        effects.append(AxisEffect(value, *interval, diverged=int((~kept).sum())))
    return effects


def _choice(accuracy: Floats, loss: Floats) -> npt.NDArray[np.int64]:
    """Index along the first axis of the highest accuracy, the lowest loss among equals, the first among those."""
    rounded = np.round(accuracy, 12)  # means of the same counts in another order are equal
    worst = np.finfo(np.float64).max
    known = np.nan_to_num(loss, nan=worst, posinf=worst)
    return np.asarray(np.where(rounded == rounded.max(axis=0), known, np.inf).argmin(axis=0))


def _resampled_choices(accuracy: Floats, loss: Floats, seed: int) -> npt.NDArray[np.int64]:
    """The best of each bootstrap resample of the repetitions, (resamples,)."""
    repetitions = accuracy.shape[1]
    weights = np.random.default_rng(seed).multinomial(repetitions, np.full(repetitions, 1 / repetitions), _RESAMPLES).T
    return _choice(accuracy @ weights / repetitions, loss @ weights / repetitions)


def _counts(compared: npt.NDArray[np.int64], choices: npt.NDArray[np.int64]) -> dict[int, int]:
    """How often each setting was chosen; `choices` are indices into `compared`."""
    times = np.bincount(choices, minlength=len(compared))
    return {int(setting): int(number) for setting, number in zip(compared, times, strict=True)}


def _tests(results: Results, best: int, compared: list[int], ratio: float, confidence: float) -> dict[int, PairedTest]:
    """Of every compared setting against the best, p adjusted for their number; of the best itself without a p."""
    tests = {}
    for setting in compared:
        differences = results.accuracy[setting] - results.accuracy[best]
        tests[setting] = _paired_test(differences, results, ratio, confidence)
    tests[best] = PairedTest(0.0, 0.0, 0.0, math.nan)
    adjusted = holm([test.p for test in tests.values()])
    return {setting: test._replace(p=float(p)) for (setting, test), p in zip(tests.items(), adjusted, strict=True)}


def _paired_test(differences: Floats, results: Results, ratio: float, confidence: float) -> PairedTest:
    least = least_variance(float(differences.mean()), results.images)
    test = corrected_resampled_t_test(differences, ratio, confidence, constant_variance=least)
    return test._replace(low=float(np.maximum(test.low, -1)), high=float(np.minimum(test.high, 1)))  # NaN stays NaN


def _accuracy(results: Results, setting: int, ratio: float, confidence: float) -> tuple[float, float, float, float]:
    """Mean, interval and standard deviation."""
    accuracy = results.accuracy[setting]
    least = least_variance(float(accuracy.mean()), results.images)
    interval = _within_0_and_1(corrected_interval(accuracy, ratio, confidence, constant_variance=least))
    return *interval, float(accuracy.std(ddof=1)) if len(accuracy) > 1 else math.nan


def _within_0_and_1(interval: MeanInterval) -> MeanInterval:
    return MeanInterval(interval.mean, *(float(bound) for bound in np.clip(interval[1:], 0, 1)))  # NaN stays NaN


def _is_above_baseline(results: Results, setting: int, ratio: float, confidence: float) -> bool:
    accuracy = results.accuracy[setting]
    if _paired_test(accuracy - results.baseline, results, ratio, confidence).low > 0:
        return True
    return all(
        wilson_interval(round(share * images), int(images), confidence)[0] > baseline
        for share, images, baseline in zip(accuracy, results.images, results.baseline, strict=True)
    )


def _of_status(verdicts: list[Verdict], status: Status) -> tuple[int, ...]:
    return tuple(verdict.setting for verdict in verdicts if verdict.status == status)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _test_name(repetitions: int, comparisons: int) -> str:
    if repetitions < 2:
        return "none: a test needs at least two repetitions"
    if not comparisons:
        return "none: there was nothing to compare"
    return (
        "corrected resampled t-test, two-sided and paired by repetition, p values adjusted by Holm's method for the "
        f"number of comparisons ({comparisons}). All settings share the images, batches and start of a repetition, "
        "and the training sets of the repetitions overlap, for which the plain paired t-test makes no allowance."
    )
