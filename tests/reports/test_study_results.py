from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from checked_texts import checked, plain
from made_results import made_results
from made_studies import NAN, named_results

from regraft.reports import _study_results as parts
from regraft.studies.conclusions import conclude
from regraft.studies.results import Results

BEST, NEAR, FAR = [0.88, 0.91, 0.9, 0.92], [0.87, 0.9, 0.91, 0.91], [0.6, 0.61, 0.62, 0.63]
CHANCE, LOST = [0.19, 0.21, 0.2, 0.2], [0.8, NAN, NAN, 0.8]

AT_BEST_EPOCH = (
    "The accuracies compared are those of validation images at the best epoch of each training. Choosing the epoch on "
    "the same images makes all of them a little too high, alike for every setting; the test accuracy is free of this."
)
HOLD = (
    "The conclusions hold for images like these, this network and these ranges; the intervals know nothing of images "
    "of another kind."
)


def ended_early(results: Results) -> Results:
    """With the best epochs before the last one."""
    return replace(results, best_epoch=np.where(results.diverged, 0, 1))


def test_settings_from_the_best_down_with_those_without_a_number_last():
    assert parts.ranked(conclude(made_results([LOST, FAR, BEST, NEAR]))) == [2, 3, 1, 0]
    assert parts.ranked(conclude(made_results([LOST, LOST]))) == [0, 1]


def test_the_table_of_settings():
    conclusion = conclude(made_results([FAR, BEST, LOST]))
    table = parts.settings_table("settings", conclusion, [1, 0, 2])
    assert checked(table.caption) == "Validation accuracy over four repetitions."
    assert [plain(row[0]) for row in table.rows] == ["B", "A", "C"]
    assert (table.strong, table.note) == ((0,), "")
    once = parts.settings_table("settings", conclude(made_results([[0.9], [0.8]])), [0, 1])
    assert checked(once.caption) == "Validation accuracy in a single repetition."
    assert parts.settings_table("settings", conclusion, [0, 1], "A caption.").caption == "A caption."


def test_of_many_settings_the_table_shows_the_first():
    conclusion = conclude(made_results(np.linspace(0.9, 0.5, 18)[:, None] + np.zeros(3)))
    table = parts.settings_table("settings", conclusion, range(18))
    assert len(table.rows) == 16
    assert checked(table.note) == "2 further settings with no higher mean, or without one, not shown."


def test_the_figure_of_the_choice_is_of_what_can_be_chosen():
    figure = parts.reliability_figure(conclude(made_results([BEST, NEAR, LOST])))
    assert figure is not None
    assert checked(figure.caption).startswith("Reliability of the choice:")
    assert "C" not in figure.description.split(": ")[1]
    many = parts.reliability_figure(conclude(made_results([BEST] * 10)))
    assert many is not None
    assert ">H<" in many.svg
    assert ">I<" not in many.svg


@pytest.mark.parametrize("rows", [[BEST], [BEST, LOST], [LOST, LOST], [[0.9], [0.8]]])
def test_without_a_choice_there_is_no_figure_of_it(rows: Any):
    assert parts.reliability_figure(conclude(made_results(rows))) is None


def edges(rows: Any, axes: dict[str, tuple[Any, ...]]) -> str:
    results = named_results(rows, axes)
    text = parts.edge_remarks(results, conclude(results))
    return checked(text) if text else ""


def test_values_at_the_edge():
    rates = {"head.learning_rate": (0.01, 0.1, 1.0)}
    assert edges([FAR, NEAR, BEST], rates) == (
        "The best learning rate, 1, is the largest one tried. Larger values may do better still, so the range should "
        "be widened before this one is settled on."
    )
    assert edges([FAR, BEST, NEAR], rates) == ""
    both = {"head.learning_rate": (0.01, 0.1), "head.momentum": (0.5, 0.9)}
    assert edges([FAR, BEST, FAR, NEAR], both) == (
        "At the edge of what was tried are the learning rate (0.01, the smallest) and the momentum (0.9, the largest). "
        "Values beyond may do better still, so these ranges should be widened before the setting is settled on."
    )
    assert edges([CHANCE, CHANCE], {"head.epochs": (5, 10)}) == ""
    assert edges([LOST, LOST], {"head.epochs": (5, 10)}) == ""
    assert edges([BEST, FAR], {"backbone.name": ("[[cut]]", "B")}) == ""


def limits(rows: Any, axes: dict[str, tuple[Any, ...]] | None = None, results: Results | None = None) -> list[str]:
    found = made_results(rows, axes=axes) if results is None else results
    return [checked(text) for text in parts.limits(axes or {}, found, conclude(found))]


def test_the_usual_limits():
    few = (
        "With four repetitions, only large differences can be found; that none was found does not mean that there is "
        "none."
    )
    assert limits([BEST, FAR], results=ended_early(made_results([BEST, FAR]))) == [AT_BEST_EPOCH, HOLD, few]
    many = made_results(np.tile([BEST, FAR], 3))
    assert limits([], results=ended_early(many)) == [AT_BEST_EPOCH, HOLD]


def test_limits_of_one_setting_one_repetition_and_none_that_is_sound():
    (alone, hold) = limits([], results=ended_early(made_results([BEST])))
    assert alone == (
        "The validation accuracy is that of the best epoch of each training. Choosing the epoch on the same images "
        "makes it a little too high; the test accuracy is free of this."
    )
    assert hold == HOLD
    once = limits([], results=ended_early(made_results([[0.9], [0.8]])))
    assert once == [AT_BEST_EPOCH, HOLD, "A single repetition does not tell how much of a difference is chance."]
    assert limits([LOST, LOST]) == [HOLD]
    assert not any("only large differences" in text for text in limits([BEST, LOST]))


def test_limits_of_several_networks_and_of_other_images():
    networks = limits([BEST, FAR], {"backbone.name": ("A", "B")})
    assert "images like these, these networks and these ranges" in networks[1]
    images = limits([BEST, FAR], {"images.validation": (0.1, 0.2)})
    assert images[-1] == "Settings that differ in their images were measured on different images, which adds to chance."


def unfinished(results: Results) -> str:
    return next((text for text in limits([], results=results) if "still falling" in text), "")


def test_trainings_that_were_still_improving():
    results = made_results([BEST, NEAR, FAR], labels=["A, B", "C", "D"])
    early = ended_early(results)
    early.best_epoch[0] = 4
    assert unfinished(early) == (
        "The validation loss was still falling at the last epoch in most repetitions with “A, B”: more epochs may "
        "raise its accuracy."
    )
    early.best_epoch[2, :2] = 4  # half of them are not most
    assert "with “A, B”:" in unfinished(early)
    early.best_epoch[2, :3] = 4
    assert "with “A, B” and D: more epochs may raise their accuracy." in unfinished(early)
    assert unfinished(results) == (
        "The validation loss of every setting was still falling at the last epoch in most repetitions: more epochs may "
        "do better."
    )
    assert unfinished(made_results([[0.9]])) == (
        "The validation loss of the only setting was still falling at the last epoch: more epochs may do better."
    )


def test_many_that_were_still_improving_are_counted():
    results = made_results([BEST] * 8)
    results.best_epoch[7] = 1
    assert "with A, B, C, D and 3 more: more epochs may raise their accuracy." in unfinished(results)
    results.best_epoch[5:] = 1
    assert "with A, B, C, D and E: more" in unfinished(results)


def test_one_epoch_and_a_training_that_diverged_at_once_were_not_still_improving():
    assert unfinished(made_results([BEST, FAR], epochs=1)) == ""
    lost = ended_early(made_results([BEST, [NAN] * 4]))
    lost.curves["val_loss"][1] = NAN  # no finite epoch, and best epoch 0
    assert unfinished(lost) == ""


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([BEST, FAR], ""),
        ([BEST, LOST], "2 of 8 trainings diverged: a loss or a weight stopped being finite."),
        ([LOST[1:3]], "Both trainings diverged: a loss or a weight stopped being finite."),
        ([LOST[1:3]] * 2, "All 4 trainings diverged: a loss or a weight stopped being finite."),
        ([[NAN]], "The only training diverged: a loss or a weight stopped being finite."),
        ([[NAN, 0.5]], "1 of 2 trainings diverged: a loss or a weight stopped being finite."),
    ],
)
def test_how_many_diverged(rows: Any, said: str):
    text = parts.divergence_warning(made_results(rows))
    assert (checked(text) if text else "") == said
