from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.evaluation.intervals import wilson_interval
from regraft.evaluation.paired import difference_interval, fisher, mcnemar, paired_difference_interval

COUNT = st.integers(0, 300)
Interval = tuple[float, float, float]


@given(first_only=st.integers(0, 2000), second_only=st.integers(0, 2000))
def test_mcnemar_equals_scipys_binomial_test(first_only: int, second_only: int) -> None:
    from scipy.stats import binomtest

    assume(first_only + second_only)
    expected = binomtest(first_only, first_only + second_only).pvalue
    assert mcnemar(first_only, second_only) == pytest.approx(expected, rel=1e-8)
    assert mcnemar(first_only, second_only) == mcnemar(second_only, first_only)


def test_mcnemar_by_hand() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(1, 0) == 1  # 2 × 1/2
    assert mcnemar(0, 5) == 2 / 2**5  # no five disagreements are enough for 5 %
    assert mcnemar(0, 6) == 2 / 2**6
    assert mcnemar(2, 8) == 2 * (1 + 10 + 45) / 2**10
    assert mcnemar(7, 7) == 1
    assert 0 < mcnemar(2000, 3000) < 1e-40


@given(share=st.tuples(COUNT, COUNT, COUNT, COUNT))
def test_fisher_equals_scipys(share: tuple[int, int, int, int]) -> None:
    from scipy.stats import fisher_exact

    right1, wrong1, right2, wrong2 = share
    assume(right1 + wrong1 and right2 + wrong2)
    p = fisher(right1, right1 + wrong1, right2, right2 + wrong2)
    assert p == pytest.approx(fisher_exact([[right1, wrong1], [right2, wrong2]]).pvalue, rel=1e-8)
    assert p == fisher(right2, right2 + wrong2, right1, right1 + wrong1)


def test_numpys_integers_do_not_overflow() -> None:
    counts = np.array([400, 500, 300, 500])
    assert mcnemar(counts[0], counts[2]) == mcnemar(400, 300)
    assert fisher(*counts) == fisher(400, 500, 300, 500)


def test_fisher_by_hand() -> None:
    # The lady tasting tea: 3 of 4 cups right, and all 4 (Fisher 1935, two-sided).
    assert fisher(3, 4, 1, 4) == 34 / 70
    assert fisher(4, 4, 0, 4) == 2 / 70
    assert fisher(5, 5, 9, 9) == 1


@pytest.mark.parametrize("disagreements", range(1, 40, 3))
def test_mcnemar_finds_what_is_not_there_in_5_percent_at_most(disagreements: int) -> None:
    significant = [k for k in range(disagreements + 1) if mcnemar(k, disagreements - k) <= 0.05]
    assert sum(_binomial(k, disagreements, 0.5) for k in significant) <= 0.05


@pytest.mark.parametrize("truth", [0.3, 0.5, 0.9, 0.97])
def test_fisher_finds_what_is_not_there_in_5_percent_at_most(truth: float) -> None:
    outcomes = product(range(16), range(21))
    wrongly = sum(
        _binomial(a, 15, truth) * _binomial(b, 20, truth) for a, b in outcomes if fisher(a, 15, b, 20) <= 0.05
    )
    assert wrongly <= 0.05


# Worked examples of Newcombe 1998 (paired), method 10; the first one followed by hand in the next test.
@pytest.mark.parametrize(
    ("table", "difference", "low", "high"),
    [
        ((36, 12, 2, 0), 0.2, 0.0569, 0.3404),
        ((18, 12, 2, 18), 0.2, 0.0562, 0.3290),
        ((53, 0, 0, 1), 0.0, -0.0729, 0.0729),
        ((0, 30, 0, 0), 1.0, 0.8395, 1.0),
    ],
)
def test_the_paired_examples_of_the_paper(
    table: tuple[int, int, int, int], difference: float, low: float, high: float
) -> None:
    assert paired_difference_interval(*table) == pytest.approx((difference, low, high), abs=5.1e-5)


def test_a_paired_interval_step_by_step() -> None:
    # 50 images: 48 and 38 right. Both·neither − only·only is 36·0 − 12·2 = −24, so it stays uncorrected.
    (low1, high1), (low2, high2) = wilson_interval(48, 50), wilson_interval(38, 50)
    phi = -24 / math.sqrt(48 * 2 * 38 * 12)
    below = math.sqrt((0.96 - low1) ** 2 + (high2 - 0.76) ** 2 - 2 * phi * (0.96 - low1) * (high2 - 0.76))
    above = math.sqrt((high1 - 0.96) ** 2 + (0.76 - low2) ** 2 - 2 * phi * (high1 - 0.96) * (0.76 - low2))
    assert paired_difference_interval(36, 12, 2, 0) == pytest.approx((0.2, 0.2 - below, 0.2 + above))


# Worked examples of Newcombe 1998 (independent), table II, method 10.
@pytest.mark.parametrize(
    ("shares", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_the_independent_examples_of_the_paper(shares: tuple[int, int, int, int], low: float, high: float) -> None:
    right1, n1, right2, n2 = shares
    expected = (right1 / n1 - right2 / n2, low, high)
    assert difference_interval(right1, n1, right2, n2) == pytest.approx(expected, abs=5.1e-5)


@given(table=st.tuples(COUNT, COUNT, COUNT, COUNT), confidence=st.floats(0.01, 0.999))
def test_intervals_hold_the_difference_and_turn_around_with_the_classifiers(
    table: tuple[int, int, int, int], confidence: float
) -> None:
    assume(sum(table))
    both, first, second, neither = table
    _check_interval(
        paired_difference_interval(*table, confidence=confidence),
        paired_difference_interval(both, second, first, neither, confidence=confidence),
        (first - second) / sum(table),
    )
    n1, n2 = both + neither + 1, first + second + 1
    _check_interval(
        difference_interval(both, n1, first, n2, confidence=confidence),
        difference_interval(first, n2, both, n1, confidence=confidence),
        both / n1 - first / n2,
    )


def _check_interval(interval: Interval, turned: Interval, difference: float) -> None:
    middle, low, high = interval
    assert middle == pytest.approx(difference, abs=1e-12)
    assert -1 <= low <= middle <= high <= 1
    assert low < high
    assert turned == pytest.approx((-middle, -high, -low), abs=1e-12)


@given(table=st.tuples(COUNT, COUNT, COUNT, COUNT))
def test_more_confidence_is_a_wider_interval(table: tuple[int, int, int, int]) -> None:
    assume(sum(table))
    _, low, high = paired_difference_interval(*table, confidence=0.9)
    _, lower, higher = paired_difference_interval(*table, confidence=0.99)
    assert lower <= low
    assert high <= higher


def test_pairing_pays_where_the_classifiers_agree() -> None:
    _, low, high = paired_difference_interval(150, 12, 8, 30)
    _, lower, higher = difference_interval(162, 200, 158, 200)
    assert lower < low < high < higher


# The probabilities of both, first only, second only, neither.
@pytest.mark.parametrize("truth", [(0.7, 0.1, 0.1, 0.1), (0.6, 0.25, 0.05, 0.1), (0.4, 0.3, 0.1, 0.2)])
def test_paired_intervals_hold_the_truth_as_often_as_they_promise(truth: tuple[float, float, float, float]) -> None:
    assert 0.93 <= _paired_coverage(truth, 18) <= 1


def _paired_coverage(truth: tuple[float, float, float, float], images: int) -> float:
    """The probability, over all tables of so many images, that the interval holds the true difference."""
    held = 0.0
    for both, first, second in product(range(images + 1), repeat=3):
        neither = images - both - first - second
        if neither < 0:
            continue
        _, low, high = paired_difference_interval(both, first, second, neither)
        if low <= truth[1] - truth[2] <= high:
            counts = (both, first, second, neither)
            arrangements = math.factorial(images) // math.prod(map(math.factorial, counts))
            held += arrangements * math.prod(share**count for share, count in zip(truth, counts, strict=True))
    return held


@pytest.mark.parametrize(("truth1", "truth2"), [(0.9, 0.8), (0.7, 0.7), (0.5, 0.2)])
def test_independent_intervals_hold_the_truth_as_often_as_they_promise(truth1: float, truth2: float) -> None:
    held = 0.0
    for right1, right2 in product(range(26), range(21)):
        _, low, high = difference_interval(right1, 25, right2, 20)
        if low <= truth1 - truth2 <= high:
            held += _binomial(right1, 25, truth1) * _binomial(right2, 20, truth2)
    assert 0.93 <= held <= 0.99


def _binomial(successes: int, n: int, share: float) -> float:
    return math.comb(n, successes) * share**successes * (1 - share) ** (n - successes)


@pytest.mark.parametrize(
    ("measure", "numbers"),
    [
        (mcnemar, (-1, 3)),
        (mcnemar, (3, -1)),
        (fisher, (3, 2, 1, 2)),
        (fisher, (0, 1, 0, 0)),
        (fisher, (-1, 5, 1, 5)),
        (paired_difference_interval, (5, -1, 2, 3)),
        (paired_difference_interval, (0, 0, 0, 0)),
        (paired_difference_interval, (5, 1, 2, 3, 1.0)),
        (difference_interval, (6, 5, 1, 5)),
        (difference_interval, (1, 5, 0, 0)),
        (difference_interval, (1, 5, 1, 5, 0.0)),
    ],
)
def test_what_cannot_be_is_refused(measure: Callable[..., object], numbers: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        measure(*numbers)
