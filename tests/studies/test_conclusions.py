from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_results import made_results
from scipy import stats

from regraft.errors import InputError
from regraft.studies.conclusions import at_edge, axis_effects, conclude

NAN = math.nan
RATES = {"head.learning_rate": (0.001, 0.01, 0.1)}

# Accuracies on 200 images; some cells diverged.
shares = st.one_of(st.integers(0, 200).map(lambda right: right / 200), st.just(NAN))
tables = st.tuples(st.integers(1, 5), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=shares)
)


def statuses(conclusion):
    return [verdict.status for verdict in conclusion.verdicts]


def test_the_numbers_are_those_of_the_corrected_test():
    accuracy = np.array([[0.80, 0.82, 0.78, 0.84], [0.90, 0.91, 0.86, 0.93], [0.88, 0.92, 0.85, 0.94]])
    conclusion = conclude(made_results(accuracy, images=200, train_images=800))
    assert conclusion.best == 1
    assert conclusion.ratio == 0.25
    expected = []
    for row in (0, 2):
        differences = accuracy[row] - accuracy[1]
        t = differences.mean() / (differences.std(ddof=1) * math.sqrt(1 / 4 + 1 / 4))
        expected.append(2 * stats.t.sf(abs(t), 3))
    first, best, last = conclusion.verdicts
    assert (first.p, last.p) == pytest.approx((2 * expected[0], expected[1]))  # Holm: the smaller one counts twice
    assert (first.status, best.status, last.status) == ("worse", "best", "no difference")
    assert (first.mean, first.deviation) == pytest.approx((0.81, accuracy[0].std(ddof=1)))
    half = stats.t.ppf(0.975, 3) * first.deviation * math.sqrt(1 / 4 + 1 / 4)
    assert (first.low, first.high) == pytest.approx((0.81 - half, 0.81 + half))
    assert first.difference == pytest.approx(-0.09)
    assert first.difference_low < first.difference < first.difference_high < 0
    assert (best.difference, best.difference_low, best.difference_high) == (0, 0, 0)
    assert math.isnan(best.p)
    assert (conclusion.ties, conclusion.worse) == ((2,), (0,))
    assert "2" in conclusion.test
    assert conclusion.learned
    assert conclusion.testable


def test_another_confidence_changes_what_counts_as_found():
    results = made_results([[0.80, 0.82, 0.78, 0.84], [0.90, 0.91, 0.86, 0.93]])
    p = conclude(results).verdicts[0].p
    assert conclude(results, confidence=1 - 1.01 * p).worse == (0,)
    strict = conclude(results, confidence=1 - 0.99 * p)
    assert strict.ties == (0,)
    assert strict.verdicts[0].difference_low < 0 < strict.verdicts[0].difference_high
    with pytest.raises(InputError, match="confidence"):
        conclude(results, confidence=95)


def test_equal_means_are_told_apart_by_the_loss_and_then_by_the_order():
    equal = [[0.7, 0.8, 0.9], [0.9, 0.7, 0.8], [0.8, 0.9, 0.7]]  # their sums differ by rounding
    assert conclude(made_results(equal, loss=[[0.5] * 3, [0.4] * 3, [0.6] * 3])).best == 1
    assert conclude(made_results(equal, loss=[[0.5] * 3] * 3)).best == 0
    same = conclude(made_results([[0.9, 0.8], [0.9, 0.8]], loss=[[0.5, 0.5], [0.4, 0.6]]))
    assert [verdict.wins for verdict in same.verdicts] == [1, 1]
    assert same.verdicts[1].p == 1
    assert same.ties == (1,)
    unknown = conclude(made_results(equal, loss=[[NAN] * 3] * 3))
    assert unknown.best == 0


def test_what_diverged_once_is_out_of_the_comparison():
    conclusion = conclude(made_results([[0.95, 0.95, NAN], [0.9, 0.8, 0.85], [NAN, NAN, NAN]]))
    assert statuses(conclusion) == ["diverged", "best", "diverged"]
    assert [verdict.diverged for verdict in conclusion.verdicts] == [1, 0, 3]
    assert conclusion.diverged == (0, 2)
    lost = conclusion.verdicts[0]
    assert np.isnan([lost.mean, lost.low, lost.high, lost.deviation, lost.difference, lost.p]).all()
    assert (lost.wins, lost.reliability) == (0, 0)
    assert conclusion.verdicts[1].wins == 3
    assert conclusion.test.startswith("none")


def test_a_flag_or_a_number_that_is_not_finite_says_it_diverged():
    results = made_results([[0.9, 0.9], [0.8, 0.8]])
    results.diverged[0, 1] = True
    assert conclude(results).best == 1
    results = made_results([[0.9, 0.9], [0.8, 0.8]])
    results.accuracy[0, 1] = NAN
    assert conclude(results).best == 1


def test_everything_diverged_or_nothing_was_done():
    conclusion = conclude(made_results([[NAN, 0.9], [NAN, NAN]]))
    assert conclusion.best is None
    assert not conclusion.learned
    assert (conclusion.ties, conclusion.worse, conclusion.diverged) == ((), (), (0, 1))
    empty = conclude(made_results(np.zeros((2, 0))))
    assert empty.best is None
    assert empty.ties == ()
    assert not empty.testable


def test_at_chance_is_what_was_not_shown_to_beat_the_baseline():
    conclusion = conclude(made_results([[0.9, 0.85, 0.95], [0.2, 0.25, 0.18], [0.1, 0.12, 0.1]], baseline=0.2))
    assert statuses(conclusion) == ["best", "at chance", "at chance"]
    assert conclusion.at_chance == (1, 2)
    assert conclusion.verdicts[1].p < 0.05  # far from the best as well; one status is enough
    assert (conclusion.worse, conclusion.ties) == ((), ())
    assert conclusion.learned
    failed = conclude(made_results([[0.2, 0.25, 0.18], [0.2, 0.2, 0.2]], baseline=[0.2, 0.22, 0.2]))
    assert statuses(failed) == ["best", "at chance"]
    assert not failed.learned
    assert failed.baseline == pytest.approx(0.62 / 3)


def test_the_baseline_is_paired_too():
    """Each repetition's accuracy follows its baseline; only the difference shows that something was learned."""
    baseline = np.array([0.3, 0.5, 0.7, 0.4, 0.6])
    accuracy = baseline + np.array([0.06, 0.05, 0.07, 0.06, 0.05])
    assert conclude(made_results([accuracy], baseline=baseline, images=100, train_images=400)).learned
    assert not conclude(made_results([accuracy], baseline=0.5, images=100, train_images=400)).learned


def test_many_right_answers_in_two_repetitions_are_above_chance_though_the_t_interval_is_wide():
    conclusion = conclude(made_results([[0.95, 0.85], [0.6, 0.52]], baseline=0.5, images=200))
    assert conclusion.verdicts[0].low < 0.5
    assert statuses(conclusion) == ["best", "at chance"]
    assert conclusion.learned


def test_one_repetition_cannot_be_tested():
    conclusion = conclude(made_results([[0.9], [0.8], [0.22], [NAN]]))
    assert not conclusion.testable
    assert statuses(conclusion) == ["best", "no difference", "at chance", "diverged"]
    other = conclusion.verdicts[1]
    assert np.isnan([other.p, other.low, other.high, other.deviation, other.difference_low, other.reliability]).all()
    assert other.difference == pytest.approx(-0.1)
    assert conclusion.learned
    assert conclusion.test.startswith("none")


@pytest.mark.parametrize(("difference", "status"), [(0.005, "no difference"), (0.6, "worse")])
def test_a_difference_that_is_the_same_in_every_repetition_is_judged_by_its_size(difference, status):
    accuracy = np.array([0.9, 0.88, 0.92])
    assert conclude(made_results([accuracy, accuracy - difference])).verdicts[1].status == status


def test_one_setting_is_the_best_and_is_compared_with_nothing():
    conclusion = conclude(made_results([[1.0, 1.0, 1.0]]))
    only = conclusion.verdicts[0]
    assert (only.status, only.low, only.high, only.wins, only.reliability) == ("best", 1, 1, 3, 1)


def test_the_reliability_is_how_often_the_same_choice_would_be_made():
    # Setting 0 wins in two of three repetitions, by as much each time as it loses in the third: it has the higher
    # mean in every resample that holds the third at most once, 20 of 27 (equal means cannot occur).
    results = made_results([[0.9, 0.9, 0.8], [0.8, 0.8, 0.9]])
    first, second = conclude(results).verdicts
    assert first.reliability == pytest.approx(20 / 27, abs=0.02)
    assert first.reliability + second.reliability == pytest.approx(1)
    assert repr(conclude(results)) == repr(conclude(results))  # NaN is not equal to itself
    assert conclude(results, seed=1).verdicts[0].reliability != first.reliability


@given(tables)
def test_every_table_has_a_conclusion_that_holds_together(accuracy):
    conclusion = conclude(made_results(accuracy))
    settings, repetitions = accuracy.shape
    groups = (conclusion.ties, conclusion.worse, conclusion.at_chance, conclusion.diverged)
    best = () if conclusion.best is None else (conclusion.best,)
    assert sorted([*best, *(setting for group in groups for setting in group)]) == list(range(settings))
    compared = [row for row in range(settings) if not np.isnan(accuracy[row]).any()]
    assert (conclusion.best is None) == (not compared)
    assert sum(verdict.wins for verdict in conclusion.verdicts) == (repetitions if compared else 0)
    if compared:
        means = accuracy[compared].mean(axis=1)
        assert accuracy[conclusion.best].mean() == pytest.approx(means.max())
    for row in compared:
        verdict = conclusion.verdicts[row]
        assert verdict.difference <= 1e-12
        if repetitions > 1:
            assert 0 <= verdict.low <= verdict.mean + 1e-12
            assert verdict.mean - 1e-12 <= verdict.high <= 1
            assert -1 <= verdict.difference_low <= verdict.difference_high <= 1
    if compared and repetitions > 1:
        assert sum(verdict.reliability for verdict in conclusion.verdicts) == pytest.approx(1)


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_settings_and_repetitions_does_not_matter(accuracy, random):
    rows, columns = (random.sample(range(size), size) for size in accuracy.shape)
    loss = 1 - accuracy + 1e-3 * np.arange(len(accuracy))[:, None]  # no two are equal in everything
    before = conclude(made_results(accuracy, loss=loss)).verdicts
    after = conclude(made_results(accuracy[rows][:, columns], loss=loss[rows][:, columns])).verdicts
    for place, row in enumerate(rows):
        assert (after[place].status, after[place].wins) == (before[row].status, before[row].wins)
        assert after[place].p == pytest.approx(before[row].p, nan_ok=True)


@pytest.mark.parametrize(
    ("values", "best", "edge"),
    [((0.001, 0.01, 0.1), 0, "low"), ((0.001, 0.01, 0.1), 1, None), ((0.001, 0.01, 0.1), 2, "high"),
     ((0.1, 0.01, 0.001), 0, "high"), ((0, 0.9), 0, None), ((0.0, 0.9), 1, "high"), ((0.1,), 0, None),
     ((False, True), 1, None), (("sgd", "adam"), 1, None)],
)  # fmt: skip
def test_the_best_value_at_the_edge_of_what_was_tried(values, best, edge):
    accuracy = np.full((len(values), 3), 0.5)
    accuracy[best] = 0.8
    results = made_results(accuracy, axes={"axis": values})
    assert at_edge(results, "axis", conclude(results)) == edge


def test_there_is_no_edge_without_a_best():
    results = made_results(np.full((3, 2), NAN), axes=RATES)
    assert at_edge(results, "head.learning_rate", conclude(results)) is None


def test_axis_effects_average_over_the_other_axes_within_each_repetition():
    accuracy = np.array([[0.5, 0.6], [0.7, 0.8], [0.9, 0.8], [NAN, 1.0], [NAN, NAN], [NAN, 0.4]])
    results = made_results(accuracy, axes=RATES | {"head.momentum": (0.0, 0.9)})
    low, middle, high = axis_effects(results, "head.learning_rate")
    # 0.6 and 0.7: s = 0.0707, half = t(0.975, 1) * s * sqrt(1/2 + 1/4)
    half = 12.7062 * math.sqrt(0.005) * math.sqrt(0.75)
    assert low == pytest.approx((0.001, 0.65, max(0, 0.65 - half), min(1, 0.65 + half), 0))
    assert (middle.value, middle.mean, middle.diverged) == (0.01, pytest.approx(0.9), 1)  # 0.9 alone, and 0.8 with 1.0
    assert (high.mean, high.diverged) == (pytest.approx(0.4), 3)
    assert math.isnan(high.low)
    by_momentum = axis_effects(results, "head.momentum")
    assert [effect.value for effect in by_momentum] == [0.0, 0.9]
    assert by_momentum[0].mean == pytest.approx((0.7 + 0.7) / 2)


def test_the_interval_of_an_axis_effect_is_over_repetitions():
    rng = np.random.default_rng(0)
    accuracy = np.clip(rng.normal(0.8, 0.02, (6, 8)), 0, 1)
    results = made_results(accuracy, axes=RATES | {"head.momentum": (0.0, 0.9)})
    values = accuracy[:2].mean(axis=0)
    low, high = stats.t.interval(0.9, 7, values.mean(), values.std(ddof=1) * math.sqrt(1 / 8 + 1 / 4))
    assert axis_effects(results, "head.learning_rate", 0.9)[0] == pytest.approx((0.001, values.mean(), low, high, 0))


def test_a_value_at_which_all_diverged_has_no_effect_to_show():
    results = made_results([[0.8, 0.7], [0.8, 0.7], [NAN, NAN]], axes=RATES)
    last = axis_effects(results, "head.learning_rate")[-1]
    assert np.isnan(last[1:4]).all()
    assert last.diverged == 2
