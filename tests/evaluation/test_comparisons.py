from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regraft.errors import InputError
from regraft.evaluation.comparisons import corrected_interval, corrected_resampled_t_test, holm, least_variance

# Differences in accuracy on 200 images that are not all the same.
differences = (
    st.lists(st.integers(-200, 200), min_size=2, max_size=20)
    .filter(lambda counts: len(set(counts)) > 1)
    .map(lambda counts: np.array(counts) / 200)
)
ratios = st.floats(0.01, 10)
p_values = st.lists(st.floats(0, 1), max_size=12)


@given(differences, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_without_overlap_it_is_the_paired_t_test(values, confidence):
    expected = stats.ttest_1samp(values, 0)
    low, high = expected.confidence_interval(confidence)
    test = corrected_resampled_t_test(values, 0, confidence)
    assert test == pytest.approx((values.mean(), low, high, expected.pvalue), abs=1e-12)
    assert corrected_interval(values, 0, confidence) == pytest.approx(test[:3])


def test_a_case_worked_by_hand():
    # s = 0.1, standard error 0.1 * sqrt(1/3 + 1/4) = 0.07638; t(0.975, 2) = 4.30265, so half the interval is 0.32862
    assert corrected_interval([0.8, 1.0, 0.9], 0.25) == pytest.approx((0.9, 0.571380, 1.228620), abs=1e-6)
    # With 2 degrees of freedom P(|T| > t) = 1 - t / sqrt(2 + t²); t² = 0.04 / (0.01 * 7/12) = 48/7
    test = corrected_resampled_t_test([0.1, 0.2, 0.3], 0.25)
    assert test == pytest.approx((0.2, -0.128620, 0.528620, 1 - math.sqrt(48 / 62)), abs=1e-6)


@given(differences, ratios, ratios)
def test_more_overlap_makes_it_harder_to_find_a_difference(values, ratio, more):
    test, wider = (corrected_resampled_t_test(values, overlap) for overlap in (ratio, ratio + more))
    assert wider.p >= test.p
    assert wider.high - wider.low > test.high - test.low
    assert wider.difference == test.difference


@given(differences, ratios, st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_direction_matters(values, ratio, random):
    shuffled = random.sample(list(values), len(values))
    test = corrected_resampled_t_test(values, ratio)
    assert corrected_resampled_t_test(shuffled, ratio) == pytest.approx(test)
    turned = corrected_resampled_t_test(-values, ratio)
    assert turned == pytest.approx((-test.difference, -test.high, -test.low, test.p))


@given(differences, ratios, st.sampled_from([0.8, 0.95]))
def test_the_interval_holds_0_where_the_test_finds_nothing(values, ratio, confidence):
    test = corrected_resampled_t_test(values, ratio, confidence)
    assert 0 <= test.p <= 1
    if abs(test.p - (1 - confidence)) > 1e-9:
        assert (test.low <= 0 <= test.high) == (test.p > 1 - confidence)


def test_the_correction_keeps_the_error_that_the_plain_test_does_not():
    """Two classifiers, equally good, measured 20 times on 60 of the same 300 images, drawn anew."""
    rng = np.random.default_rng(0)
    found = np.zeros(2)
    for _ in range(300):
        better = rng.integers(-1, 2, 300)  # image by image: the second is right, no difference, the first is right
        splits = [better[rng.choice(300, 60, replace=False)].mean() for _ in range(20)]
        found += [corrected_resampled_t_test(splits, ratio).p < 0.05 for ratio in (0, 60 / 240)]
    assert found[0] > 0.3 * 300
    assert found[1] < 0.08 * 300


def test_one_repetition_has_a_mean_and_nothing_else():
    mean, *bounds = corrected_interval([0.7], 0.25)
    assert mean == 0.7
    assert np.isnan(bounds).all()
    assert np.isnan(corrected_resampled_t_test([0.1], 0.25)[1:]).all()


def test_differences_that_are_all_the_same():
    assert corrected_resampled_t_test([0.0, 0.0, 0.0], 0.25) == (0, 0, 0, 1)
    by_rounding = np.array([0.3, 0.7]) - np.array([0.1 + 0.2, 0.7])
    assert by_rounding.any()
    assert corrected_resampled_t_test(by_rounding, 0.25) == (0, 0, 0, 1)
    assert corrected_resampled_t_test([0.1, 0.1, 0.1], 0.25)[1:] == pytest.approx((0.1, 0.1, 0))
    assert corrected_interval([0.9, 0.9], 0.25) == pytest.approx((0.9, 0.9, 0.9))
    # One image of 100 in each of three repetitions is no proof, 80 images are.
    one, many = (
        corrected_resampled_t_test([size] * 3, 0.25, constant_variance=least_variance(size, [100] * 3))
        for size in (0.01, 0.8)
    )
    assert one.p > 0.2
    assert one.low < 0 < one.high
    assert many.p < 0.01
    # Where they are not all the same, the variance is their own.
    assert corrected_resampled_t_test([0.1, 0.2], 0.25, constant_variance=9) == corrected_resampled_t_test(
        [0.1, 0.2], 0.25
    )


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=2, max_size=60))
def test_no_difference_of_two_shares_has_less_than_the_least_variance(images):
    mean = float(np.mean(images))
    assert least_variance(mean, [len(images)]) <= np.var(images) / len(images) + 1e-12
    only_wins = np.abs(images)
    assert least_variance(only_wins.mean(), [10, 10]) == pytest.approx(only_wins.var() / 10)


@pytest.mark.parametrize(
    ("values", "ratio", "confidence", "message"),
    [([], 0.25, 0.95, "no mean"), ([0.1, math.nan], 0.25, 0.95, "1 not finite"), ([[0.1]], 0.25, 0.95, "no mean"),
     ([0.1], -0.1, 0.95, "ratio"), ([0.1], math.inf, 0.95, "ratio"), ([0.1], 0.25, 1.0, "confidence")],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(values, ratio, confidence, message):
    with pytest.raises(InputError, match=message):
        corrected_interval(values, ratio, confidence)
    with pytest.raises(InputError, match=message):
        corrected_resampled_t_test(values, ratio, confidence)


def test_holm_worked_by_hand():
    # 4 * 0.005 = 0.02, 3 * 0.01 = 0.03, 2 * 0.03 = 0.06; then 1 * 0.04 is not let below the one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert holm([]).shape == (0,)


def test_what_was_not_tested_is_not_counted_by_holm():
    assert holm([math.nan, 0.01, math.nan, 0.04]) == pytest.approx([math.nan, 0.02, math.nan, 0.04], nan_ok=True)
    assert np.isnan(holm([math.nan])).all()
    with pytest.raises(InputError, match="p value"):
        holm([0.5, 1.5])


@given(p_values)
def test_holm_lies_between_no_adjustment_and_bonferroni(values):
    given_p, adjusted = np.array(values), holm(values)
    assert (adjusted >= given_p).all()
    assert (adjusted <= np.minimum(1, given_p * len(values)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(given_p)]) >= 0).all()
    assert holm(values[::-1]) == pytest.approx(adjusted[::-1])
