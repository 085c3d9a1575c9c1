from __future__ import annotations

import re

import numpy as np
import pytest
from figure_results import strokes, texts
from made_finetuned import finetune_rows
from made_runs import history_rows

from regraft.reports._svg import COLOURS, inline_svg
from regraft.reports.finetune_figure import draw_finetuning, rate_text


def points(drawn, role: str) -> list[np.ndarray]:
    """The points of every line of a colour in the panels, x and y, upwards."""
    paths = strokes(drawn, COLOURS[role])
    return [np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), float).T * [[1], [-1]] for path in paths]


def test_the_lines_are_those_of_the_history_from_the_start_on():
    rows = finetune_rows(8)
    drawn = draw_finetuning([*history_rows(), *rows, {"phase": "finetune refit", "epoch": 1, "loss": 0.1}], 5)
    (train,), (loss, accuracy) = points(drawn, "train"), points(drawn, "validation")
    assert [line.shape[1] for line in (train, loss, accuracy)] == [8, 9, 9]
    for line, name, first in ((train, "loss", 1), (loss, "val_loss", 0), (accuracy, "val_accuracy", 0)):
        expected = [row[name] for row in rows[first:]]
        assert np.corrcoef(line[1], expected)[0, 1] > 0.99999
    assert loss[0][0] < train[0][0]  # validation begins an epoch before
    (rates,) = points(drawn, "ink")
    assert np.corrcoef(rates[1], [row["learning_rate"] for row in rows[1:]])[0, 1] > 0.99999


def test_the_best_epoch_is_marked_and_the_start_is_a_line_across():
    drawn = draw_finetuning(finetune_rows(8, best=5), 5)
    words = texts(drawn)
    assert {"best epoch (5)", "the frozen network", "loss", "validation accuracy", "learning rate"} <= set(words)
    assert words.count("epoch") == 3
    frozen = [line for line in points(drawn, "muted") if np.ptp(line[1]) == 0]
    assert len(frozen) == 2
    assert "diverged" not in words
    assert "off scale" not in words
    assert drawn.description.replace("\u202f", " ") == (
        "Loss, validation accuracy and learning rate against 8 epochs of fine-tuning. On validation, the frozen "
        "network: accuracy 80.0 % and loss 0.420; after epoch 5, the best one: accuracy 90.0 % and loss 0.300."
    )


def test_where_no_epoch_was_better_the_start_is_the_best():
    drawn = draw_finetuning(finetune_rows(3, best=0), 0)
    assert "best: the start (epoch 0)" in texts(drawn)
    assert drawn.description.endswith("which no epoch was better than.")


def test_a_divergence_is_marked_in_the_panel_and_the_legend():
    drawn = draw_finetuning(finetune_rows(4, best=2, diverged=4), 2)
    assert "diverged" in texts(drawn)
    colour = COLOURS["train"]
    assert drawn.svg.count(f"fill: {colour}; stroke: {colour}; stroke-width: 2") >= 1
    first = draw_finetuning(finetune_rows(1, best=0, diverged=1), 0)
    assert "diverged" in texts(first)


def test_a_loss_far_above_does_not_flatten_the_rest():
    rows = finetune_rows(6, best=2)
    rows[5] |= {"loss": 1e9, "val_loss": 2e9}
    drawn = draw_finetuning(rows, 2)
    words = texts(drawn)
    assert "off scale" in words
    assert max(float(word) for word in words if re.fullmatch(r"\d\.\d+", word)) <= 0.42 * 2.5 * 1.06
    assert "off scale" not in texts(draw_finetuning(finetune_rows(6, best=2), 2))


@pytest.mark.parametrize("history", [[], history_rows(), finetune_rows(0)])
def test_nothing_is_drawn_of_a_run_that_was_not_fine_tuned(history):
    assert draw_finetuning(history, 0) is None


@pytest.mark.parametrize("epochs", [1, 2, 1000])
def test_any_number_of_epochs(epochs):
    drawn = draw_finetuning(finetune_rows(epochs, best=1), 1)
    assert f"{epochs:,} epoch{'s' if epochs > 1 else ''} of fine-tuning" in drawn.description
    assert len(drawn.svg) < 120_000
    texts(drawn)


def test_what_was_not_measured_leaves_a_gap_and_no_warning():
    rows = [row | {"val_loss": None} for row in finetune_rows(3)]
    drawn = draw_finetuning(rows, 0)
    assert "the frozen network: accuracy 80.0" in drawn.description
    assert len(points(drawn, "validation")) == 1
    nothing = [row | dict.fromkeys(("val_loss", "val_accuracy", "loss")) for row in rows]
    assert "nothing finite was measured" in draw_finetuning(nothing, 0).description


def test_every_colour_is_the_pages():
    drawn = draw_finetuning(finetune_rows(5, diverged=4), 2)
    assert ": #" not in inline_svg(drawn.svg, "tuning", drawn.description)
    assert drawn == draw_finetuning(finetune_rows(5, diverged=4), 2)


@pytest.mark.parametrize(
    ("rate", "text"), [(0.01, "0.01"), (2e-5, "2e-5"), (1.5e-10, "1.5e-10"), (0, "0"), (1, "1"), (3e6, "3e6")]
)
def test_rates_are_short(rate, text):
    assert rate_text(rate) == text
    assert float(text) == rate
