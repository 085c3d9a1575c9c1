from __future__ import annotations

import numpy as np
import pytest
from figure_results import figure_results
from hypothesis import given
from hypothesis import strategies as st

from regraft.reports._drawing import (
    MAX_SERIES,
    legend_rows,
    marked_points,
    range_with,
    series_look,
    setting_names,
    text_inches,
    thinned,
)
from regraft.reports._svg import figure_style


def test_every_series_has_its_own_colour_and_marker():
    looks = [series_look(index) for index in range(MAX_SERIES)]
    assert len({look["color"] for look in looks}) == len({look["marker"] for look in looks}) == MAX_SERIES


@given(st.integers(1, 500), st.integers(1, MAX_SERIES))
def test_markers_of_different_settings_lie_apart_where_there_is_room(epochs, of):
    marked = [list(range(epochs))[marked_points(epochs, index, of)] for index in range(of)]
    assert all(1 <= len(points) <= 6 for points in marked)
    if epochs >= 6 * of:
        assert len({points[0] for points in marked}) == of


@given(st.integers(1, 5000))
def test_thinned_epochs_keep_the_first_and_the_last(epochs):
    kept = thinned(epochs)
    assert (kept[0], kept[-1]) == (0, epochs - 1)
    assert len(kept) == len(set(kept.tolist())) == min(epochs, 200)


def test_wider_texts_measure_wider_and_none_less_than_half_its_size():
    with figure_style():
        widths = [text_inches(text, 9) for text in ("", "i", "m", "mm", "玫瑰")]
    assert widths[0] == 0
    assert widths == sorted(widths)
    assert widths[-1] >= 4 * 0.5 * 9 / 72


def test_a_legend_takes_the_rows_it_needs():
    with figure_style():
        assert legend_rows([], 4) == 0
        assert legend_rows(["0.01", "0.1"], 4, "learning rate") == 1
        assert legend_rows(["a long name of a setting"] * 4, 4) == 2
        assert legend_rows(["a long name of a setting"] * 4, 2.5) == 4


@pytest.mark.parametrize(
    ("values", "extra", "within"),
    [([0.8, 0.9], 0.75, True), ([0.8, 0.9], 0.2, False), ([0.8, 0.9], None, False), ([np.nan], 0.5, True)],
)
def test_a_range_takes_in_what_does_not_squash_it(values, extra, within):
    (low, high), taken = range_with(np.array(values), extra)
    finite = [value for value in [*values, extra if within else None] if value is not None and np.isfinite(value)]
    assert taken is within
    assert low < min(finite) <= max(finite) < high


def test_settings_are_named_by_the_one_axis_that_varies():
    assert setting_names(figure_results()) == ("learning rate", ["0.01", "0.1", "1"])
    two = figure_results({"head.learning_rate": (0.1, 1.0), "head.momentum": (0.9,)})
    assert setting_names(two) == ("learning rate", ["0.1", "1"])


def test_settings_of_several_axes_have_their_labels_and_given_names_come_first():
    several = figure_results({"head.learning_rate": (0.1, 1.0), "head.momentum": (0.0, 0.9)})
    assert setting_names(several) == ("", [setting.label for setting in several.settings])
    assert setting_names(several, ["a", "b\n", "c", "d" * 99], 10) == ("", ["a", "b\\n", "c", "ddddd…dddd"])
