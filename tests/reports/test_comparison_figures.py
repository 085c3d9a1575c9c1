from __future__ import annotations

import numpy as np
import pytest
from figure_results import HOSTILE, figure_results, texts

from regraft.reports._svg import COLOURS
from regraft.reports.comparison_figures import (
    BOXES_FROM,
    MAX_ROWS,
    box_plots,
    means_with_intervals,
    reliability_of_choice,
)

POINT = f"fill: {COLOURS['ink']}; fill-opacity: 0.65"
NAN = float("nan")


def test_every_repetition_is_a_point_in_the_row_of_its_setting():
    drawn = box_plots(figure_results(repetitions=7))
    assert drawn.svg.count(POINT) == 3 * 7
    assert {"learning rate", "0.01", "0.1", "1", "validation accuracy"} <= set(texts(drawn))


@pytest.mark.parametrize("repetitions", [BOXES_FROM - 1, BOXES_FROM])
def test_a_box_needs_some_repetitions(repetitions):
    boxes = box_plots(figure_results(repetitions=repetitions)).svg.count(f"fill: {COLOURS['series1']}; opacity: 0.25")
    assert boxes == (3 if repetitions >= BOXES_FROM else 0)


@pytest.mark.parametrize(("quality", "within"), [([0.3, 0.35, 0.4], True), ([0.9, 0.91, 0.92], False)])
def test_the_baseline_is_drawn_where_it_is_within_reach(quality, within):
    words = texts(box_plots(figure_results(quality=quality)))
    assert any("most frequent class" in word for word in words) is within


def test_divergence_is_named_in_the_row():
    drawn = box_plots(figure_results(diverged=[(0, repetition) for repetition in range(5)] + [(2, 1)]))
    words = texts(drawn)
    assert words.count("diverged") == 1
    assert words.count("1 of 5 diverged") == 1
    assert "; learning rate 0.01 diverged." in drawn.description


def test_everything_diverged_is_a_figure_too():
    every = [(row, repetition) for row in range(3) for repetition in range(5)]
    drawn = box_plots(figure_results(diverged=every))
    assert texts(drawn).count("diverged") == 3
    assert "mean" not in drawn.description


def test_of_many_settings_the_best_are_shown_and_only_the_ends_described():
    results = figure_results({"a.b": range(30)}, quality=np.linspace(0.3, 0.9, 30), repetitions=1)
    drawn = box_plots(results)
    assert drawn.svg.count(POINT) == MAX_ROWS
    assert "(the 24 most accurate of 30 settings); mean from" in drawn.description
    assert drawn.description.count("%") == 2


def test_means_stand_beside_their_intervals():
    drawn = means_with_intervals(["0", "0.9", HOSTILE], [0.91, 0.875, NAN], [0.9, NAN, NAN], [0.92, NAN, NAN], 0.85)
    words = [word.replace("\u202f", " ") for word in texts(drawn)]
    assert {"91.0 % (90.0 to 92.0)", "87.5 %", "diverged", '<&"$\\n', "most frequent class 85.0 %"} <= set(words)


def test_means_far_above_the_baseline_are_not_squashed_by_it():
    drawn = means_with_intervals(["a"], [0.9], [0.89], [0.91], 0.2, varied="input scaling", measure="test accuracy")
    assert {"input scaling", "test accuracy"} <= set(texts(drawn))
    assert "most frequent" not in drawn.svg


def test_reliability_has_a_bar_for_the_resamples_and_a_diamond_for_the_repetitions():
    drawn = reliability_of_choice(["0.01", "0.1", HOSTILE], [0.87, 0.13, 0.0], [4, 1, 0], 5, varied="learning rate")
    words = [word.replace("\u202f", " ") for word in texts(drawn)]
    assert {"87 %", "13 %", "0 %", "of the bootstrap resamples", "of the 5 repetitions"} <= set(words)
    diamonds = drawn.svg.count(f"fill: {COLOURS['series2']}; stroke: {COLOURS['paper']}")
    assert diamonds == 2 + 1  # of two settings and in the legend
    assert "13\u202f% for 0.1" in drawn.description


@pytest.mark.parametrize(("share", "word"), [(0.9999, ">99"), (0.0001, "<1"), (1.0, "100")])
def test_what_is_not_all_or_nothing_is_not_rounded_to_it(share, word):
    assert f"{word}\u202f%" in texts(reliability_of_choice(["a", "b"], [share, 1 - share], [3, 0], 3))


def test_among_many_settings_those_that_are_never_the_best_are_left_out():
    labels = [f"setting {row}" for row in range(16)]
    drawn = reliability_of_choice(labels, [0.9, 0.1] + [0.0] * 14, [2, 0] + [0] * 13 + [1], 3)
    assert [word for word in texts(drawn) if word.startswith("setting")] == ["setting 0", "setting 1", "setting 15"]
    assert "13 other settings never" in drawn.description


def test_nothing_is_not_drawn():
    assert reliability_of_choice(["a", "b"], [NAN, NAN], [1, 0], 1) is None
    assert means_with_intervals([], [], [], []) is None
    assert box_plots(figure_results(repetitions=0, epochs=3)) is None


def test_long_labels_are_cut_to_fit():
    long = ["m" * 200, "W" * 200]
    for drawn in (
        means_with_intervals(long, [0.5, 0.6], [0.4, 0.5], [0.6, 0.7], varied="x", inches=4.0),
        reliability_of_choice(long, [0.5, 0.5], [1, 1], 2),
        box_plots(figure_results({"a.b": long}), inches=4.0),
    ):
        assert any("…" in word for word in texts(drawn))
