from __future__ import annotations

import numpy as np
import pytest
from figure_results import figure_results, strokes, texts

from regraft.reports._svg import COLOURS
from regraft.reports.first_training_figure import curves_of, first_training


def test_errors_against_epochs_and_seconds_and_the_other_measures():
    results = figure_results()
    drawn = first_training(results)
    words = texts(drawn)
    assert {"training", "validation", "accuracy", "precision", "recall", "seconds", "epoch"} <= set(words)
    assert [len(strokes(drawn, COLOURS[role])) for role in ("train", "validation", "series1", "series3")] == [
        2,
        2,
        1,
        1,
    ]
    assert "over 30 epochs and 1.5" in drawn.description
    assert drawn == first_training(curves_of(results, 0, 0))


@pytest.mark.parametrize("name", ["seconds", "accuracy", "val_precision"])
def test_what_was_not_measured_is_left_out(name):
    curves = curves_of(figure_results())
    without = {key: values for key, values in curves.items() if key != name}
    emptied = curves | {name: np.full(30, np.nan)}
    word = {"seconds": "seconds", "accuracy": "training", "val_precision": "precision"}[name]
    for incomplete in (without, emptied):
        assert word not in texts(first_training(incomplete))


def test_nothing_measured_is_not_drawn():
    assert first_training({"seconds": np.arange(1.0, 4)}) is None


@pytest.mark.parametrize("repetition", [0, 1])  # of which the second has not a single number
def test_a_training_that_diverged_is_marked(repetition):
    drawn = first_training(curves_of(figure_results(diverged=[(0, 0), (0, 1)]), 0, repetition))
    assert "× diverged" in texts(drawn)
    assert "diverged" in drawn.description
    assert f"fill: {COLOURS['validation']}; stroke: {COLOURS['validation']}; stroke-width: 2" in drawn.svg


def test_one_epoch_is_enough():
    assert "error" in texts(first_training(figure_results(epochs=1)))
