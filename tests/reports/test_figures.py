from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from made_runs import SETTINGS, history_rows

from regraft.reports._svg import COLOURS
from regraft.reports.figures import MAX_MATRIX_CLASSES, MAX_OTHER_HEADS, confusion_matrix, learning_curves

CHOSEN = SETTINGS | {"epoch": 5}
PATH, TEXT = "{http://www.w3.org/2000/svg}path", "{http://www.w3.org/2000/svg}text"


def texts(svg: str) -> list[str]:
    return [node.text for node in ET.fromstring(svg).iter(TEXT)]


def lines(svg: str, colour: str) -> list[str]:
    """The curves drawn in a colour (inside the axes, which clip them; a legend is not clipped)."""
    paths = [node for node in ET.fromstring(svg).iter(PATH) if node.get("clip-path")]
    wanted = [path for path in paths if f"stroke: {COLOURS[colour]}" in path.get("style")]
    return [path.get("d") for path in wanted if path.get("d").strip()]


@pytest.mark.parametrize("quantity", ["loss", "accuracy"])
def test_the_chosen_head_is_in_colour_and_every_other_one_in_grey(quantity):
    svg = learning_curves(history_rows(heads=4), CHOSEN, quantity)
    assert [len(lines(svg, colour)) for colour in ("train", "validation", "other")] == [1, 1, 3]
    assert {"train", "validation", "other heads", "best epoch (5)", "epoch", quantity} <= set(texts(svg))


def test_a_head_that_diverged_ends_where_it_did():
    whole, cut = (
        lines(learning_curves(history_rows(heads=2, epochs=9, diverged=diverged), CHOSEN, "loss"), "other")[0]
        for diverged in ([], [1])
    )
    assert len(whole) > 2 * len(cut)
    assert cut.count("L") == 1


def test_curves_of_the_chosen_head_may_have_gaps():
    svg = learning_curves(history_rows(heads=2, diverged=[0]), CHOSEN | {"epoch": 2}, "loss")
    assert "best epoch (2)" in texts(svg)


def test_nothing_is_drawn_where_there_is_nothing():
    nothing = [row | dict.fromkeys(("loss", "val_loss")) for row in history_rows()]
    assert learning_curves(nothing, CHOSEN, "loss") is None
    assert learning_curves(history_rows(), CHOSEN | {"learning_rate": 5.0}, "loss") is None
    assert learning_curves([], CHOSEN, "loss") is None


def test_without_validation_the_training_curve_stands_alone():
    rows = [row | dict.fromkeys(("val_loss", "val_accuracy")) for row in history_rows(heads=1, epochs=6)]
    svg = learning_curves(rows, CHOSEN, "accuracy")
    assert [len(lines(svg, colour)) for colour in ("train", "validation", "other")] == [1, 0, 0]


def test_the_refit_is_not_drawn_among_the_others():
    refit = [row | {"phase": "refit", "head": 9} for row in history_rows(heads=1)]
    assert len(lines(learning_curves(history_rows(heads=3) + refit, CHOSEN, "loss"), "other")) == 2


def test_one_epoch_is_enough():
    assert "best epoch (1)" in texts(learning_curves(history_rows(epochs=1), CHOSEN | {"epoch": 1}, "accuracy"))


def test_many_heads_and_epochs_stay_small():
    svg = learning_curves(history_rows(heads=100, epochs=1000), CHOSEN, "loss")
    assert len(lines(svg, "other")) == MAX_OTHER_HEADS
    assert len(svg) < 400_000


def test_the_matrix_shows_every_count_above_0():
    counts = np.array([[41, 2, 0], [0, 37, 0], [5, 0, 29]])
    svg = confusion_matrix(counts.tolist(), ["daisy", "roses", "tulips"])
    shown = [text for text in texts(svg) if text.isdigit()]
    assert sorted(map(int, shown)) == [2, 5, 29, 37, 41]
    assert texts(svg).count("daisy") == 2
    assert svg.count(COLOURS["right"]) == 3
    assert svg.count(COLOURS["wrong"]) == 2


@pytest.mark.parametrize("size", [2, 3, 7, 13, MAX_MATRIX_CLASSES])
def test_matrices_up_to_the_limit_name_every_class(size):
    names = [f"class {index}" for index in range(size)]
    svg = confusion_matrix(np.eye(size, dtype=int).tolist(), names)
    assert set(names) <= set(texts(svg))


def test_larger_matrices_are_not_drawn():
    size = MAX_MATRIX_CLASSES + 1
    assert confusion_matrix(np.eye(size, dtype=int).tolist(), [str(i) for i in range(size)]) is None


def test_a_class_without_test_images_is_an_empty_row():
    svg = confusion_matrix([[3, 0], [0, 0]], ["a", "b"])
    assert [text for text in texts(svg) if text.isdigit()] == ["3"]


HOSTILE = ["<script>alert(1)</script>", "a\nb", "$5", "玫瑰", "👩\u200d🌾", "%s", "x" * 300, "\x00", " "]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_class_name_gives_a_sound_file(name):
    svg = confusion_matrix([[1, 0], [2, 3]], [name, "other"])
    assert "<script" not in svg
    assert "other" in texts(svg)
