from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_proportions import FLAT, LOW, RISING, TEST, made_proportions

from regraft.evaluation.comparisons import PairedTest
from regraft.evaluation.intervals import wilson_interval
from regraft.studies.proportions_results import Comparison, Curve, curve_of, gather_results, images_for
from regraft.studies.proportions_runs import read_runs
from regraft.transfer.verdict import transfer_verdict


def curve(accuracies: dict[int, float]) -> Curve:
    right = np.array([[np.arange(100) < round(100 * share) for share in accuracies.values()]], bool)
    return Curve(tuple(accuracies), right, (0,), ((1, 1),) * len(accuracies), 1.0)


def test_the_folder_alone_gives_the_results(tmp_path: Path) -> None:
    study = made_proportions(tmp_path, RISING, LOW)
    found = gather_results(study)
    assert found.transfer.images == tuple(RISING)
    assert found.transfer.repeats == (0, 1)
    np.testing.assert_allclose(found.transfer.accuracies.T, list(RISING.values()))
    assert found.scratch is not None
    assert found.scratch.repeats == (0,)
    assert found.scratch.means[-1] == pytest.approx((0.6, *wilson_interval(120, 200)))
    assert (found.most, found.quick) == (800, False)
    # In the repetition that both have: 0.89 and 0.6.
    assert [one.images for one in found.comparisons] == list(RISING)
    assert found.comparisons[-1].test.difference == pytest.approx(0.29)
    assert {one.verdict for one in found.comparisons} == {1}
    assert found.ahead.silence is None
    assert gather_results(study).ahead == found.ahead


def test_verdicts_say_better_worse_or_nothing(tmp_path: Path) -> None:
    found = gather_results(made_proportions(tmp_path, FLAT, {40: (0.5,), 80: (0.795,), 800: (0.95,)}))
    assert [(one.images, one.verdict) for one in found.comparisons] == [(40, 1), (80, 0), (800, -1)]
    assert found.ahead.silence == "flat"
    assert found.comparisons[1].p >= found.comparisons[1].test.p


@pytest.mark.parametrize(
    ("low", "high", "p", "verdict"),
    [
        (0.01, 0.05, 0.049, 1),
        (-0.05, -0.01, 0.049, -1),
        (0.01, 0.05, 0.05, 0),
        (-0.001, 0.05, 0.04, 0),  # the test alone says so
        (-0.05, 0.0, 0.04, 0),
    ],
)
def test_a_difference_is_found_where_test_and_interval_say_so(low: float, high: float, p: float, verdict: int) -> None:
    one = Comparison(40, PairedTest((low + high) / 2, low, high, p), p)
    assert one.verdict == verdict
    judged = transfer_verdict(200, 0.9, 0.9 - one.test.difference, one.test.difference, (low, high), p)
    assert {"helps": 1, "hurts": -1, "no difference": 0}[judged.kind] == verdict


def test_where_a_training_diverged_the_others_are_compared(tmp_path: Path) -> None:
    found = gather_results(made_proportions(tmp_path / "some", RISING, {80: (0.3,), 800: (0.6,)}, diverged=(200, 40)))
    assert found.scratch is not None
    assert (found.scratch.images, found.diverged) == ((80, 800), (40, 200))
    assert [one.images for one in found.comparisons] == [80, 800]
    assert not found.rates_diverged
    none = gather_results(made_proportions(tmp_path / "all", diverged=(40, 80, 200, 400, 800)))
    assert (none.scratch, none.comparisons, none.transfer.images) == (None, (), tuple(RISING))


def test_the_largest_part_is_not_always_all_there_is(tmp_path: Path) -> None:
    assert gather_results(made_proportions(tmp_path / "all")).is_whole
    some = gather_results(made_proportions(tmp_path / "some", training=3200))
    assert (some.most, some.is_whole) == (800, False)


def test_without_training_from_scratch_there_is_nothing_to_compare(tmp_path: Path) -> None:
    found = gather_results(made_proportions(tmp_path))
    assert (found.scratch, found.comparisons) == (None, ())


def test_a_repetition_that_lacks_a_part_is_left_out(tmp_path: Path) -> None:
    runs = read_runs(made_proportions(tmp_path))
    whole = curve_of(runs[:-1], "transfer", TEST)
    assert whole is not None
    assert whole.repeats == (0,)
    assert curve_of(runs, "scratch", TEST) is None


def test_images_for_an_accuracy_lie_between_the_points() -> None:
    measured = curve({100: 0.5, 400: 0.7, 1600: 0.8})
    assert images_for(measured, 0.6) == pytest.approx(200)
    assert images_for(measured, 0.8) == pytest.approx(1600)
    assert images_for(measured, 0.4) == 0
    assert images_for(measured, 0.9) is None
    assert images_for(curve({100: 0.5, 400: 0.5, 1600: 0.6}), 0.55) == pytest.approx(800)
