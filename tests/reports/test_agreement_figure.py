from __future__ import annotations

import numpy as np
import pytest
from figure_results import HOSTILE, figure_results, strokes, texts

from regraft.reports._svg import COLOURS
from regraft.reports.agreement_figure import agreement, speed_up, speed_words
from regraft.reports.first_training_figure import curves_of


def trainings(count=1, *, epochs=20, apart=1e-4, slower=100.0, diverged=()):
    results = figure_results(
        {"head.momentum": [0.1 * row for row in range(count)]},
        repetitions=1,
        diverged=[(row, 0) for row in diverged],
    )
    pairs = []
    for row in range(count):
        fast = curves_of(results, row)
        slow = {name: values[:epochs] + apart for name, values in fast.items()}
        pairs.append((f"momentum {row}", slow | {"seconds": fast["seconds"][:epochs] * slower}, fast))
    return pairs


def test_both_trainings_of_every_setting_are_drawn_against_epochs_and_seconds():
    drawn = agreement(trainings(2))
    assert [len(strokes(drawn, COLOURS[f"series{index}"])) for index in (1, 2, 3)] == [12, 12, 0]
    words = texts(drawn)
    assert {"standard", "accelerated", "momentum 0", "momentum 1", "seconds (logarithmic)"} <= set(words)
    assert words.count("100 times as fast") == 2


def test_the_largest_difference_is_told():
    drawn = agreement(trainings(apart=0.002), quantities=["val_loss", "val_accuracy"])
    assert "0.002 in validation loss and 0.2 points in validation accuracy" in drawn.description
    assert "accelerated training is 100 times as fast" in drawn.description
    assert len(strokes(drawn, COLOURS["series1"])) == 6


def test_without_seconds_there_is_no_panel_of_them():
    (label, standard, accelerated), other = trainings(2)
    del standard["seconds"]
    assert "100 times as fast" in texts(agreement([(label, standard, accelerated), other], quantities=["val_loss"]))
    drawn = agreement([(label, standard, accelerated)], quantities=["val_loss"])
    assert not [word for word in texts(drawn) if "seconds" in word or "fast" in word]


def test_a_training_that_diverged_is_marked_in_both_ways():
    drawn = agreement(trainings(2, diverged=[0]), quantities=["val_loss"])
    colour = COLOURS["series1"]
    assert drawn.svg.count(f'fill: {colour}; stroke: {colour}; stroke-width: 2"') >= 4
    texts(drawn)


def test_an_exploding_loss_does_not_flatten_the_others():
    first, (label, *both) = trainings(2)
    exploding = [curves | {"val_loss": np.geomspace(1, 1e6, len(curves["val_loss"]))} for curves in both]
    words = texts(agreement([first, (label, *exploding)], quantities=["val_loss"]))
    assert words.count("▲ off scale") == 2
    assert not [word for word in words if "e+" in word or "0000" in word]


def test_speed_is_compared_at_the_last_epoch_that_both_trained():
    fast = {"seconds": np.array([0.1, 0.2, 0.3, 0.4])}
    assert speed_up({"seconds": np.array([30.0, 60.0])}, fast) == pytest.approx(300)
    assert speed_up({"seconds": np.array([30.0, np.nan])}, fast) is None
    assert speed_up({}, fast) is None
    assert speed_up({"seconds": np.array([1.0])}, {"seconds": np.array([0.0])}) is None


@pytest.mark.parametrize(
    ("ratios", "words"),
    [([146.2], "146 times as fast"), ([1.52, 3.0], "1.5 to 3 times as fast"), ([2000, 2000.1], "2,000 times as fast")],
)
def test_ratios_in_words(ratios, words):
    assert speed_words(ratios) == words


def test_many_and_hostile_labels():
    pairs = [(HOSTILE + label, *both) for label, *both in trainings(8)]
    words = texts(agreement(pairs, quantities=["val_error"]))
    assert '<&"$\\nmomentum 4' in words
    assert '<&"$\\nmomentum 5' not in words


def test_nothing_to_compare_is_not_drawn():
    assert agreement([]) is None
    assert agreement([("a", {}, {})]) is None


def test_times_as_short_as_equal_ones_fit():
    assert "equally fast" in texts(agreement(trainings(slower=1.0, epochs=30)))
