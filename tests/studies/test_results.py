from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import made_results

from regraft.studies.results import Results

AXES = {"head.learning_rate": (0.01, 0.1, 1.0), "head.momentum": (0.0, 0.9), "head.nesterov": (False, True)}
BY_SETTING = ("accuracy", "loss", "best_epoch", "diverged")
BY_REPETITION = ("train_images", "images", "baseline")


def grid(repetitions: int = 3) -> Results:
    accuracy = np.random.default_rng(0).uniform(0.5, 1, (12, repetitions))
    accuracy[3, 1] = np.nan
    return made_results(accuracy, axes=AXES)


@given(st.lists(st.integers(0, 11), min_size=1, max_size=6, unique=True))
def test_selected_settings_are_the_same_settings(rows: list[int]) -> None:
    results = grid()
    chosen = results.select(rows)
    assert chosen.settings == tuple(results.settings[row] for row in rows)
    assert chosen.repetitions == results.repetitions
    for place, row in enumerate(rows):
        for name in BY_SETTING:
            np.testing.assert_array_equal(getattr(chosen, name)[place], getattr(results, name)[row])
        for name, values in results.curves.items():
            np.testing.assert_array_equal(chosen.curves[name][place], values[row])
        assert (chosen.runs[place], chosen.chosen[place]) == (results.runs[row], results.chosen[row])
    for name in BY_REPETITION:
        np.testing.assert_array_equal(getattr(chosen, name), getattr(results, name))
    for axis, values in chosen.axes.items():
        left = {setting.values[axis] for setting in chosen.settings}
        assert values == tuple(value for value in AXES[axis] if value in left)


def test_where_keeps_the_settings_with_these_values_and_names_the_others() -> None:
    results = grid()
    kept = results.where(head__momentum=0.9, head__nesterov=True)
    assert [setting.values["head.learning_rate"] for setting in kept.settings] == [0.01, 0.1, 1.0]
    assert [setting.label for setting in kept.settings] == [f"learning rate {rate}" for rate in ("0.01", "0.1", "1")]
    assert kept.axes == {"head.learning_rate": (0.01, 0.1, 1.0), "head.momentum": (0.9,), "head.nesterov": (True,)}
    np.testing.assert_array_equal(kept.accuracy, results.accuracy[[3, 7, 11]])
    assert kept.diverged[0].tolist() == [False, True, False]


def test_where_leaves_a_single_setting_its_name() -> None:
    results = grid()
    kept = results.where(head__learning_rate=0.1, head__momentum=0.0, head__nesterov=False)
    assert kept.settings == (results.settings[4],)
    assert kept.accuracy.shape == (1, 3)


def test_where_of_a_value_that_was_not_tried_is_empty() -> None:
    kept = grid().where(head__learning_rate=0.5)
    assert (kept.settings, kept.accuracy.shape) == ((), (0, 3))
    assert kept.axes["head.momentum"] == ()


@pytest.mark.parametrize("name", ["accuracy", "curves"])
def test_a_selection_cannot_change_the_whole(name: str) -> None:
    results = grid()
    chosen = results.select([0])
    values = chosen.accuracy if name == "accuracy" else chosen.curves["loss"]
    values[:] = 7
    assert not (results.accuracy == 7).any()
    assert not (results.curves["loss"] == 7).any()
