from __future__ import annotations

import re

import numpy as np
import pytest
from figure_results import HOSTILE, figure_results, texts

from regraft.reports.heat_figure import MAX_COLUMNS, heat_map

RATES, MOMENTA = (0.001, 0.01, 0.1, 1.0), (0.0, 0.5, 0.9, 0.99)
AXES = {"head.learning_rate": RATES, "head.momentum": MOMENTA}


def numbers(drawn):
    return [word for word in texts(drawn) if re.fullmatch(r"\d+\.\d", word)]


def test_every_cell_has_its_mean_and_the_best_is_outlined():
    results = figure_results(AXES)
    drawn = heat_map(results, "head.learning_rate", "head.momentum")
    means = results.accuracy.mean(axis=1).reshape(4, 4)
    assert set(numbers(drawn)) >= {f"{100 * mean:.1f}" for mean in means.ravel()}
    row, column = np.unravel_index(means.argmax(), means.shape)
    assert re.findall(r'id="best-([\d-]+)"', drawn.svg) == [f"{row}-{column}"]
    assert f"at learning rate {RATES[row]:g} and momentum {MOMENTA[column]:g}" in drawn.description
    assert {"learning rate", "momentum"} <= set(texts(drawn))


def test_other_axes_are_averaged():
    results = figure_results({"head.nesterov": (True, False), "backbone.name": ("A", "B"), "head.momentum": (0.5, 0.9)})
    drawn = heat_map(results, "head.nesterov", "backbone.name")
    assert numbers(drawn) == [f"{100 * mean:.1f}" for mean in results.accuracy.reshape(4, -1).mean(axis=1)]
    assert {"yes", "no", "backbone"} <= set(texts(drawn))


def test_divergence_is_hatched_and_never_the_best():
    results = figure_results(AXES, diverged=[(0, 0)] + [(15, repetition) for repetition in range(5)])
    drawn = heat_map(results, "head.learning_rate", "head.momentum")
    assert [texts(drawn).count(word) for word in ("div.", "1 of 5 div.")] == [1, 1]
    assert drawn.svg.count("<pattern") == 1
    assert 'id="best-0-0"' not in drawn.svg  # the highest mean, but not of all its repetitions
    assert drawn.svg.count('id="best-') == 1
    assert "2 cells with trainings that diverged" in drawn.description


def test_everything_diverged_is_a_figure_too():
    results = figure_results(AXES, repetitions=1, diverged=[(row, 0) for row in range(16)])
    drawn = heat_map(results, "head.momentum", "head.learning_rate")
    assert texts(drawn).count("div.") == 16
    assert 'id="best-' not in drawn.svg


def test_equal_cells_are_all_the_best_and_none_is_shaded_apart():
    results = figure_results({"a.b": (1, 2), "a.c": (1, 2)}, repetitions=1)
    results.accuracy[:] = 0.5
    drawn = heat_map(results, "a.b", "a.c")
    assert drawn.svg.count('id="best-') == 4
    assert len(set(re.findall(r"fill: #0072b5; fill-opacity: ([\d.]+)", drawn.svg))) == 1


def test_a_combination_that_was_not_tried_stays_empty():
    drawn = heat_map(figure_results(AXES).select(range(10)), "head.learning_rate", "head.momentum")
    assert texts(drawn).count("–") == 2


@pytest.mark.parametrize("names", [("a", "b"), ("EfficientNetLite0", "MobileNetV2-0.35@320"), (HOSTILE, "x" * 99)])
def test_names_of_any_length_fit(names):
    results = figure_results({"backbone.name": names, "head.learning_rate": [10.0**-power for power in range(16)]})
    for axes in (("backbone.name", "head.learning_rate"), ("head.learning_rate", "backbone.name")):
        drawn = heat_map(results, *axes)
        assert names[0].replace("\n", "\\n") in texts(drawn)


def test_what_does_not_fit_a_page_or_does_not_exist_is_not_drawn():
    results = figure_results({"a.b": range(MAX_COLUMNS + 1), "a.c": (1,)}, repetitions=1, epochs=2)
    assert heat_map(results, "a.c", "a.b") is None
    assert heat_map(results, "a.b", "a.c") is not None
    assert heat_map(results, "a.b", "a.d") is None
