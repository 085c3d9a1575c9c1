from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_texts import checked
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_studies import GOOD, NAN, agreed, flower_grid, found_in, scattered, two_ways

from regraft.reports.flower_discussion import discussion, limits, quick_warning
from regraft.reports.flower_words import grid_text
from regraft.studies.results import Results

SLOW = "too slow for the time given, not wrong as such."
TOO_LARGE = (
    "the validation loss ended at more than one and a half times its lowest value: steps that large overshoot, the "
    "answers become too sure of themselves, and only stopping at the best epoch keeps the accuracy."
)
SINGLE = "A single training of each combination, as is common, would"


def discussed(folder: Path, grid: Results) -> list[str]:
    return [checked(text) for text in discussion(found_in(folder, grid))]


def stopped_early(grid: Results, *, slow: tuple[int, ...] = (), unstable: tuple[int, ...] = ()) -> Results:
    """The grid with the best epoch before the last one but in `slow`, and a loss that rose again in `unstable`."""
    best = np.where(grid.diverged, 0, 2)
    best[list(slow)] = grid.curves["val_loss"].shape[-1]
    loss = grid.loss.copy()
    loss[list(unstable)] /= 2
    return replace(grid, best_epoch=best, loss=loss)


def test_the_same_long_run_step_does_equally_well(tmp_path: Path):
    """Rates times 1, 2, 10 or 100: accuracies that follow that product, up to a little scatter."""
    step = np.log10([rate / (1 - momentum) for rate in (0.001, 0.01, 0.1, 1) for momentum in (0, 0.5, 0.9, 0.99)])
    accuracy = np.repeat((0.9 - 0.1 * np.abs(step))[:, None], 3, axis=1)
    accuracy[8] += 0.01
    text = discussed(tmp_path, stopped_early(flower_grid(accuracy)))[0]
    assert text == (
        "Learning rate and momentum are not independent: in the long run a momentum of m multiplies the step by "
        "(1 − m)⁻¹. Of the eight pairs of combinations with the same long-run step, “learning rate 0.001, momentum "
        "0.9” and “learning rate 0.01, momentum 0” have the same accuracy, and “learning rate 0.001, momentum 0.99” "
        "and “learning rate 0.1, momentum 0” differ most, by 1.0 percentage points. Half of these pairs have the same "
        "accuracy, and half of all pairs of combinations differ by no more than 10.0 percentage points. "
        "What matters here is the long-run step rather than how it is made up."
    )


def test_the_long_run_step_explains_nothing_or_a_part(tmp_path: Path):
    rates = np.repeat([0.6, 0.7, 0.8, 0.9], 4)  # the learning rate alone matters, and pairs lie a rate or two apart
    text = discussed(tmp_path / "nothing", flower_grid(scattered(rates)))[0]
    assert "differ least, by" in text
    assert text.endswith("So the long-run step alone does not explain these results.")
    part = 0.9 - 0.05 * np.arange(4)[:, None] - 0.01 * np.arange(4)
    texts = discussed(tmp_path / "part", flower_grid(np.repeat(part.reshape(16, 1), 3, axis=1)))
    assert "Half of these pairs differ by no more than 4.0 percentage points, and half of all pairs" in texts[0]
    assert "So the long-run step explains a part of the results, and not all of them." in texts[0]


@pytest.mark.parametrize("accuracy", [np.full((16, 3), 0.85), scattered(np.full(16, 0.2)), np.full((16, 3), NAN)])
def test_equal_failed_and_diverged_combinations_say_nothing_of_the_step(tmp_path: Path, accuracy: Any):
    assert not any("long run" in text for text in discussed(tmp_path, flower_grid(accuracy)))


def test_too_slow_too_large_and_diverged(tmp_path: Path):
    accuracy = scattered(GOOD)
    accuracy[15], accuracy[14, 1] = NAN, NAN
    text = discussed(tmp_path, stopped_early(flower_grid(accuracy), slow=(0, 1), unstable=(13,)))[1]
    assert text == (
        "The combinations “learning rate 0.001, momentum 0” and “learning rate 0.001, momentum 0.5” were still "
        f"improving at the last of 4 epochs in most repetitions: {SLOW} With the combination “learning rate 1, "
        f"momentum 0.5”, {TOO_LARGE} The combinations “learning rate 1, momentum 0.9” and “learning rate 1, momentum "
        "0.99” diverged outright in at least one repetition."
    )


def test_many_of_them_are_counted(tmp_path: Path):
    accuracy = scattered(GOOD)
    accuracy[12:] = NAN
    text = discussed(tmp_path, stopped_early(flower_grid(accuracy), slow=(0,), unstable=(4, 5, 6, 7, 8)))[1]
    assert text.startswith("The combination “learning rate 0.001, momentum 0” was still improving at the last of 4")
    assert f"With five of the 16 combinations, {TOO_LARGE}" in text
    assert text.endswith("Four of the 16 combinations diverged outright in at least one repetition.")


def test_all_of_them(tmp_path: Path):
    grid = flower_grid(scattered(GOOD, 1))
    everything = range(16)
    (_, text) = discussed(tmp_path / "a", stopped_early(grid, slow=tuple(everything), unstable=tuple(everything)))
    assert text.startswith(f"All 16 combinations were still improving at the last of 4 epochs: {SLOW}")
    assert f"With all 16 combinations, {TOO_LARGE}" in text
    assert discussed(tmp_path / "b", flower_grid(np.full((16, 1), NAN))) == ["All 16 combinations diverged outright."]
    several = discussed(tmp_path / "c", flower_grid(np.full((16, 3), NAN)))
    assert several == ["All 16 combinations diverged outright in at least one repetition."]


def test_one_epoch_cannot_be_too_slow(tmp_path: Path):
    texts = discussed(tmp_path, flower_grid(scattered(GOOD, 3), epochs=1))
    assert not any("improving" in text for text in texts)


def chance(folder: Path, *rows: Any) -> str:
    """What is said of chance where the first combinations have these accuracies, and all others are worse."""
    accuracy = np.full((16, len(rows[0])), 0.5)
    for row, values in enumerate(rows):
        accuracy[row] = values
    return discussed(folder, flower_grid(accuracy))[-1]


def test_how_much_a_single_training_would_tell(tmp_path: Path):
    assert chance(tmp_path / "all", (0.89, 0.9, 0.91, 0.9)) == (
        "The accuracy of the best combination scatters by 0.8 percentage points (standard deviation) from repetition "
        f"to repetition, and it was the best of all in all four repetitions. {SINGLE} have led to the same choice "
        "every time."
    )
    assert chance(tmp_path / "same", (0.9, 0.9)) == (
        "The accuracy of the best combination is the same in every repetition, and it was the best of all in both "
        f"repetitions. {SINGLE} have led to the same choice every time."
    )
    half = chance(tmp_path / "half", (0.95, 0.95, 0.9, 0.9), (0.9, 0.9, 0.91, 0.91))
    assert half.endswith(
        f"and it was the best of all in two of four repetitions. {SINGLE} not always have led to this choice."
    )
    rare = chance(tmp_path / "rare", (0.9, 0.9, 0.9), (0.95, 0.7, 0.7), (0.7, 0.95, 0.7))
    assert rare.endswith(
        f"and it was the best of all in only one of three repetitions. {SINGLE} more often than not have led to "
        "another choice."
    )
    never = chance(tmp_path / "never", (0.9, 0.9), (0.95, 0.7), (0.7, 0.95))
    assert "it was the best of all in none of two repetitions." in never


@pytest.mark.parametrize("left", [0, 1])
def test_chance_needs_something_to_compare(tmp_path: Path, left: int):
    accuracy = np.full((16, 3), NAN)
    accuracy[:left] = 0.9, 0.91, 0.89
    assert not any("scatters" in text for text in discussed(tmp_path, flower_grid(accuracy)))
    assert not any("scatters" in text for text in discussed(tmp_path / "once", flower_grid(scattered(GOOD, 1))))


def test_limits_end_with_what_was_not_trained(tmp_path: Path):
    for name, accuracy in (("usual", scattered(GOOD)), ("lost", np.full((16, 2), NAN)), ("once", scattered(GOOD, 1))):
        found = [checked(text) for text in limits(found_in(tmp_path / name, flower_grid(accuracy)))]
        assert found[-1].startswith("Only the new last layer was trained.")
        assert len(found) >= 2


def warned(folder: Path, **options: Any) -> str:
    text = quick_warning(found_in(folder, flower_grid(scattered(GOOD)), **options))
    return checked(text) if text else ""


def test_a_standard_side_that_was_cut_short_or_left_out(tmp_path: Path):
    both = {"first": two_ways()}
    assert warned(tmp_path / "full", both_ways=both, agreement=[agreed()]) == ""
    assert warned(tmp_path / "quick", both_ways=both, agreement=[agreed(epochs=1)], quick=True) == (
        "Quick study: the training through Keras was shortened to one setting and one epoch of 800 training images, "
        "and its speed and agreement rest on no more than that."
    )
    assert warned(tmp_path / "lost", both_ways={"first": two_ways(lost=(0, 1))}, quick=True) == (
        "Quick study: the training through Keras was shortened, and none came to its end both ways."
    )
    assert warned(tmp_path / "left", refused="it was left out", quick=True) == (
        "No training was done through Keras: it was left out."
    )
    refused = "Keras [[cut]] cannot train.\n  To do: something"
    assert warned(tmp_path / "refused", refused=refused) == (
        "No training was done through Keras: Keras [[cut]] cannot train."
    )
    assert "[[cut]]" not in quick_warning(found_in(tmp_path / "again", flower_grid(scattered(GOOD)), refused=refused))


@settings(max_examples=25)
@given(st.data())
def test_any_outcome_reads_well(data: st.DataObject):
    """Accuracies are counts of 20 images, so that many of them are equal; some diverged."""
    repetitions = data.draw(st.integers(1, 4))
    right = data.draw(arrays(np.int64, (16, repetitions), elements=st.integers(0, 20)))
    lost = data.draw(arrays(np.bool_, (16, repetitions), elements=st.booleans(), fill=st.just(False)))
    grid = flower_grid(np.where(lost, NAN, right / 20), images=20)
    best = data.draw(arrays(np.int64, (16, repetitions), elements=st.integers(1, 4)))
    with tempfile.TemporaryDirectory() as folder:
        found = found_in(Path(folder), replace(grid, best_epoch=np.where(lost, 0, best)))
    for text in (*discussion(found), *limits(found), grid_text(found)):
        checked(text)
