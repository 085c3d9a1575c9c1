from __future__ import annotations

import re

import numpy as np
import pytest
from figure_results import HOSTILE, figure_results, strokes, texts

from regraft.reports._drawing import MAX_SERIES
from regraft.reports._svg import COLOURS
from regraft.reports.curve_figures import band_words, learning_curve_bands, panels

SERIES = [COLOURS[f"series{index + 1}"] for index in range(MAX_SERIES)]
LOST = [(2, repetition) for repetition in range(5)]


def test_every_setting_has_one_line_through_its_means():
    results = figure_results(epochs=12)
    drawn = learning_curve_bands(results, "val_error")
    assert [len(strokes(drawn, colour)) for colour in SERIES] == [1, 1, 1, 0, 0, 0, 0]
    for row, colour in enumerate(SERIES[:3]):
        x, y = np.array(re.findall(r"([\d.]+) ([\d.]+)", strokes(drawn, colour)[0]), float).T
        means = 1 - results.curves["val_accuracy"][row].mean(axis=0)
        expected = np.interp(x, np.linspace(x[0], x[-1], 12), means)
        assert np.corrcoef(-y, expected)[0, 1] > 0.9999


def test_panels_share_one_legend():
    drawn = panels(figure_results(), ["val_error", "val_loss", "val_precision"], title="Learning rates")
    words = texts(drawn)
    assert [words.count(word) for word in ("0.01", "epoch", "validation loss", "Learning rates")] == [1, 3, 1, 1]
    assert {"learning rate", "0.1", "1", "validation error", "validation precision"} <= set(words)
    assert [len(strokes(drawn, colour)) for colour in SERIES[:3]] == [3, 3, 3]
    assert drawn.width == 1


def test_the_training_images_are_dashed():
    drawn = panels(figure_results(), ["val_error", "val_precision"], with_train=True)
    assert [len(strokes(drawn, colour)) for colour in SERIES[:3]] == [3, 3, 3]  # precision is of validation alone
    assert "training images" in texts(drawn)


def test_a_setting_that_diverged_is_marked_and_named():
    drawn = panels(figure_results(diverged=LOST), ["val_error", "val_loss"])
    assert "1 (diverged)" in texts(drawn)
    assert drawn.description.endswith("; learning rate 1 diverged.")
    crosses = drawn.svg.count(f"fill: {SERIES[2]}; stroke: {SERIES[2]}; stroke-width: 2")
    assert crosses == 2 + 1  # in the panels and in the legend


def test_a_setting_of_which_some_repetitions_diverged_says_how_many():
    drawn = learning_curve_bands(figure_results(diverged=[(1, 0), (1, 3)]), "val_accuracy")
    assert "0.1 (2 of 5 diverged)" in texts(drawn)
    assert "for 0.1 (2 of 5 repetitions diverged)" in drawn.description


@pytest.mark.parametrize("start", [0, 3])
def test_nothing_but_divergence_is_still_drawn(start):
    every = [(row, repetition) for row in range(3) for repetition in range(2)]
    drawn = learning_curve_bands(figure_results(repetitions=2, diverged=every), "val_loss")
    assert sum("diverged" in word for word in texts(drawn)) == 3


def test_an_exploding_loss_does_not_flatten_the_others():
    drawn = panels(figure_results(exploding={2: 1e6}), ["val_loss", "val_error"])
    words = texts(drawn)
    assert words.count("▲ off scale") == 1
    assert all(float(word) <= 2.5 for word in words if word.replace(".", "").isdigit() and "." in word)
    assert "1,000,000 for 1" in drawn.description
    assert "▲ off scale" not in texts(panels(figure_results(), ["val_loss"]))


def test_of_many_settings_the_most_accurate_are_drawn():
    results = figure_results({"head.learning_rate": [10.0**-power for power in range(16)]})
    drawn = learning_curve_bands(results, "val_error")
    assert [len(strokes(drawn, colour)) for colour in SERIES] == [1] * MAX_SERIES
    assert "(the 7 most accurate of 16 settings)" in drawn.description


@pytest.mark.parametrize(("repetitions", "epochs"), [(1, 1), (12, 2), (1, 1000)])
def test_any_number_of_epochs_and_repetitions(repetitions, epochs):
    drawn = panels(figure_results({}, repetitions=repetitions, epochs=epochs), ["val_loss", "val_error"])
    assert "validation loss" in texts(drawn)
    assert len(drawn.svg) < 200_000


def test_names_cannot_break_the_figure():
    drawn = learning_curve_bands(figure_results({f"a.{HOSTILE}": (HOSTILE, "</svg>", "x" * 99)}), "val_loss")
    assert {'<&"$\\n', "</svg>"} <= set(texts(drawn))


def test_what_was_not_measured_is_left_out():
    results = figure_results()
    results.curves["val_recall"][:] = np.nan
    del results.curves["val_precision"]
    assert panels(results, ["val_recall", "val_precision"]) is None
    assert "validation recall" not in texts(panels(results, ["val_recall", "val_loss"]))


def test_ties_lie_on_each_other():
    results = figure_results(quality=[0.8, 0.8, 0.8])
    for name in ("val_loss", "val_accuracy"):
        results.curves[name][:] = results.curves[name][:1, :1]
    drawn = learning_curve_bands(results, "val_accuracy")
    assert strokes(drawn, SERIES[0]) == strokes(drawn, SERIES[2])


def test_the_same_results_give_the_same_bytes():
    assert panels(figure_results(), ["val_loss"]) == panels(figure_results(), ["val_loss"])


@pytest.mark.parametrize(
    ("repetitions", "words"), [(1, "a single repetition"), (3, "lowest to the highest"), (10, "90th percentile")]
)
def test_the_caption_says_what_the_band_is(repetitions, words):
    assert words in band_words(repetitions)
