from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_digits import PROPORTIONS, TESTED, digit_runs, found_digits, made_digits
from scipy import stats

from regraft.errors import InputError
from regraft.reports.digits_found import Setting, gather_digits, paired_difference


def spread(way: str, dropout: bool, proportion: float) -> tuple[float, ...]:
    if way == "fixed" and not dropout and proportion == 0.02:
        return (0.92, 0.94, 0.96)
    return (0.9, 0.91, 0.92)


def test_the_interval_of_a_paired_difference_is_that_of_the_t_distribution_by_hand(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "study", spread)
    # Differences 0.02, 0.03, 0.04: mean 0.03, standard deviation 0.01, error 0.01 / √3, t of 2 degrees 4.302653.
    gain = found.gain("fixed", False, 0.02)
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.03, 0.03 - half, 0.03 + half), abs=1e-7)
    assert gain.status == "higher"
    assert found.mean(Setting("fixed", False, 0.02)) == pytest.approx(0.94)
    assert found.accuracies(Setting("scratch", True, 1.0)) == pytest.approx([0.9, 0.91, 0.92])
    assert found.course(Setting("fixed", False, 0.02)) == pytest.approx([0.47, 0.94])
    assert found.change("fixed", 0.02).mean == pytest.approx(-0.03)
    assert found.between(False, 0.02).mean == pytest.approx(-0.03)
    assert found.between(False, 0.02).status == "lower"


@given(st.lists(st.integers(-500, 500), min_size=2, max_size=6))
def test_it_agrees_with_scipy(counts: list[int]) -> None:
    differences = np.array(counts) / 1000
    found = paired_difference(differences, 1000)
    assert found.mean == pytest.approx(differences.mean(), abs=1e-12)
    if len(set(counts)) > 1:
        low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((max(low, -1), min(high, 1)))
    else:
        # All the same: as if it were so many images of a thousand, which is not without doubt.
        assert (found.low < found.mean < found.high) == (counts[0] != 0)


def test_the_same_single_image_in_every_run_shows_nothing() -> None:
    assert paired_difference([1 / 131] * 3, 131).status == "open"
    assert paired_difference([80 / 131] * 3, 131).status == "higher"
    one = paired_difference([0.3], 131)
    assert one.mean == 0.3
    assert math.isnan(one.low)
    assert one.status == "open"


def test_what_matters_until_which_proportion(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "study", spread)
    assert found.matters_until(False) == 0
    assert found.matters_until(True) is None
    assert found.repeats == range(3)
    assert [found.images(proportion) for proportion in found.proportions] == [10, 110, 580]


def test_the_best_are_all_that_are_equal(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "study", spread)
    assert found.best(0.02) == [Setting("fixed", False, 0.02)]
    assert len(found.best(1.0)) == 6


def test_rounded_accuracies_are_counts_again(tmp_path: Path) -> None:
    def finals(way: str, dropout: bool, proportion: float) -> tuple[float, ...]:
        return (0.9333333, 0.8)

    found = found_digits(tmp_path / "study", finals)
    assert found.accuracies(Setting("scratch", False, 1.0)).tolist() == [933 / TESTED, 0.8]


def test_times_are_those_of_all_runs_of_a_way(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "study")
    fixed, scratch = found.times("fixed"), found.times("scratch")
    runs = 3 * 2 * len(PROPORTIONS)
    assert fixed.images == scratch.images == runs * 2 * 100
    assert (fixed.training, fixed.measuring, fixed.computing) == pytest.approx((0.2 * runs, 0, 0.1 * runs))
    assert scratch.each / fixed.each == pytest.approx(2.5 / 0.3)


def test_a_study_whose_runs_are_missing_is_refused(tmp_path: Path) -> None:
    runs = digit_runs(spread)
    study = made_digits(tmp_path / "study", spread, runs=runs[:-1])
    with pytest.raises(InputError, match="missing") as caught:
        gather_digits(study)
    assert caught.value.expected == "60 runs in runs.jsonl"
    assert caught.value.received == "59 of them"
    moved = made_digits(tmp_path / "moved", spread, runs=[replace(run, repeat=run.repeat + 5) for run in runs], seed=5)
    assert gather_digits(moved).repeats == range(5, 8)
