from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from regraft.evaluation.intervals import wilson_interval
from regraft.evaluation.learning_curves import (
    FARTHEST,
    accuracy_difference,
    extrapolate,
    mean_accuracy,
    resampled_errors,
)
from regraft.evaluation.paired import mcnemar, paired_difference_interval

COUNTS = np.array([40.0, 80.0, 200.0, 400.0, 800.0])


def answers(shares: npt.ArrayLike, images: int) -> npt.NDArray[np.bool_]:
    """(*shares.shape, images): the first images right, as many as each share says."""
    return np.arange(images) < np.rint(np.asarray(shares) * images)[..., None]


def made(
    random: np.random.Generator, errors: npt.NDArray[np.float64], repeats: int, images: int
) -> npt.NDArray[np.bool_]:
    """Answers with these errors on average: images differ in difficulty, repetitions in luck."""
    luck = random.normal(size=(repeats, len(errors))) * 0.02 * np.sqrt(40 / COUNTS)
    hard = np.where(random.random(images) < 0.6, random.random(images), random.random((repeats, len(errors), images)))
    return np.asarray(hard >= (errors + luck)[..., None])


def test_one_repetition_has_wilsons_interval() -> None:
    right = answers([[0.83]], 200)[0]
    low, high = wilson_interval(166, 200)
    assert mean_accuracy(right) == pytest.approx((0.83, low, high), abs=1e-12)
    assert mean_accuracy(answers([1.0], 20)) == pytest.approx((1.0, wilson_interval(20, 20)[0], 1.0))


def test_the_spread_over_repetitions_widens_the_interval() -> None:
    same, spread = answers([0.8, 0.8, 0.8], 100), answers([0.7, 0.8, 0.9], 100)
    assert mean_accuracy(same) == pytest.approx((0.8, *wilson_interval(80, 100)))
    # Variance of the mean: 0.01 / 3 of the draw and 0.8 * 0.2 / 100 of the images: that of 32.4 images.
    effective = 0.16 / (0.01 / 3 + 0.0016)
    near = wilson_interval(26, 32)[0]
    assert 30 < effective < 33
    assert mean_accuracy(spread).low == pytest.approx(near, abs=0.02)
    assert mean_accuracy(spread).mean == pytest.approx(0.8)


def test_a_difference_in_one_repetition_is_paired_by_image() -> None:
    random = np.random.default_rng(0)
    first, second = random.random((1, 50)) < 0.9, random.random((1, 50)) < 0.6
    only, other = int((first & ~second).sum()), int((second & ~first).sum())
    found = accuracy_difference(first, second)
    both = int((first & second).sum())
    assert found[:3] == paired_difference_interval(both, only, other, 50 - both - only - other)
    assert found.p == mcnemar(only, other)


def test_a_difference_over_repetitions_has_a_normal_interval_that_holds_zero_where_p_says_so() -> None:
    random = np.random.default_rng(1)
    for shift in (0.0, 0.05, 0.3):
        first, second = random.random((4, 80)) < 0.6 + shift, random.random((4, 80)) < 0.6
        found = accuracy_difference(first, second)
        assert found.difference == pytest.approx(first.mean() - second.mean())
        assert (found.low <= 0 <= found.high) == (found.p > 0.05)
        opposite = accuracy_difference(second, first)
        assert (opposite.difference, opposite.p) == pytest.approx((-found.difference, found.p))
    same = answers([0.5, 0.5], 10)
    assert accuracy_difference(same, same).p == 1


def test_resampling_has_the_mean_and_the_variance_of_the_mean() -> None:
    random = np.random.default_rng(3)
    right = random.random((4, 2, 60)) < 0.8
    drawn = resampled_errors(right, 2000, 0)
    assert drawn.mean(0) == pytest.approx(1 - right.mean((0, 2)), abs=0.006)
    one = answers([[0.8, 0.5]], 100)
    single = resampled_errors(one, 4000, 0)
    assert single.std(0) == pytest.approx(np.sqrt([0.2 * 0.8 / 100, 0.25 / 100]), rel=0.05)
    # The same images in both columns: those wrong in the first are wrong in the second too.
    assert (single[:, 1] >= single[:, 0]).all()
    repeats = answers([[0.6], [0.8]], 1000)
    assert resampled_errors(repeats, 4000, 0).std() == pytest.approx(np.sqrt(0.02 / 2), rel=0.06)


@pytest.mark.parametrize(("exponent", "floor"), [(0.5, 0.0), (0.3, 0.06)])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(exponent: float, floor: float) -> None:
    random = np.random.default_rng(4)
    errors = 0.07 * (COUNTS / 800) ** -exponent + floor
    truth = 1 - (0.07 * 4**-exponent + floor)
    held = 0
    for seed in range(30):
        (_, far) = extrapolate(COUNTS, made(random, errors, 5, 200), seed=seed, draws=150).predictions
        held += far.low <= truth <= far.high
    assert held >= 25


def test_what_is_expected_lies_within_its_interval_and_rises() -> None:
    right = made(np.random.default_rng(5), 0.1 * (COUNTS / 800) ** -0.4, 3, 150)
    found = extrapolate(COUNTS, right, seed=1, draws=200)
    assert found.silence is None
    assert found.law is not None
    assert [one.images for one in found.predictions] == [1600, 3200]
    assert found.band[0].images == 40
    assert found.band[-1].images == FARTHEST * 800
    for one in found.band:
        assert 0 <= one.low <= one.accuracy <= one.high <= 1
        assert one.gain_low <= one.gain <= one.gain_high
    assert (np.diff([one.accuracy for one in found.band]) >= 0).all()
    assert found.check is not None
    assert found.check.low < 1 - 0.1 < found.check.high
    assert found == extrapolate(COUNTS, right, seed=1, draws=200)
    middle, low, high = found.halving
    bounds = [3201 if value is None else value for value in (low, middle, high)]
    assert bounds == sorted(bounds)


@pytest.mark.parametrize(
    ("counts", "shares", "silence"),
    [
        ([100, 800], [0.5, 0.8], "few"),
        ([400, 600, 800], [0.5, 0.7, 0.8], "narrow"),
        ([40, 200, 800], [0.5, 0.9, 1.0], "perfect"),
        ([40, 200, 800], [0.8, 0.8, 0.8], "flat"),
        ([40, 200, 800], [0.9, 0.8, 0.7], "flat"),
    ],
)
def test_where_nothing_can_be_said_the_reason_is_given(counts: list[int], shares: list[float], silence: str) -> None:
    found = extrapolate(counts, answers([shares, shares], 100), draws=100)
    assert (found.silence, found.law, found.predictions) == (silence, None, ())
    assert found.halving == (None, None, None)


def test_three_numbers_of_images_give_laws_without_a_floor_and_no_check() -> None:
    found = extrapolate([50, 200, 800], answers([[0.6, 0.8, 0.9]] * 2, 100), draws=100)
    assert found.law is not None
    assert found.law.exponent == pytest.approx(0.5, abs=0.01)
    assert (found.law.floor, found.law.determined, found.check) == (0, False, None)
    assert found.predictions[1].accuracy == pytest.approx(0.95, abs=0.01)
