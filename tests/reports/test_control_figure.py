from __future__ import annotations

import re

import numpy as np
import pytest
from figure_results import strokes, texts
from made_controlled import control_rows
from made_finetuned import finetune_rows
from made_runs import history_rows

from regraft.reports._svg import COLOURS
from regraft.reports.control_figure import draw_control

HEAD = {"chosen": {"head": 1}}


def longest(drawn, role: str) -> np.ndarray:
    """The line of a colour, x and y, upwards."""
    paths = strokes(drawn, COLOURS[role])
    lines = [np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), float).T * [[1], [-1]] for path in paths]
    return max(lines, key=lambda line: line.shape[1])


def test_both_lines_are_those_of_their_histories():
    history = history_rows(epochs=8)
    drawn = draw_control(HEAD, history, control_rows(4))
    expected = [row["val_accuracy"] for row in history if row["head"] == 1]
    for role, values in (("series1", expected), ("series2", [0.4, 0.5, 0.6, 0.7])):
        line = longest(drawn, role)
        assert line.shape[1] == len(values)
        assert np.corrcoef(line[1], values)[0, 1] > 0.9999
    assert {"with transfer: the head", "from scratch: all layers", "epoch", "validation accuracy"} <= set(texts(drawn))
    assert drawn.description.replace("\u202f", " ").endswith("from scratch 70.0 % after 4 epochs.")


def test_of_a_fine_tuned_run_the_fine_tuning_is_drawn():
    drawn = draw_control({**HEAD, "finetune": {}}, [*history_rows(), *finetune_rows(5)], control_rows(4))
    assert longest(drawn, "series1").shape[1] == 5
    assert "with transfer: fine-tuning" in texts(drawn)


def test_a_much_shorter_training_is_drawn_on_a_logarithmic_scale():
    drawn = draw_control(HEAD, history_rows(epochs=40), control_rows(3))
    assert "epoch, on a logarithmic scale" in texts(drawn)
    x = longest(drawn, "series2")[0]
    assert (x[2] - x[1]) / (x[1] - x[0]) == pytest.approx(np.log(3 / 2) / np.log(2), rel=0.02)


def test_without_numbers_of_either_nothing_is_drawn():
    assert draw_control(HEAD, [], control_rows(3)) is None
    assert draw_control(HEAD, history_rows(), control_rows(0)) is None
