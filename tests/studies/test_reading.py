from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.studies.cells import Cell, cells_of
from regraft.studies.declaration import Study, make_study
from regraft.studies.reading import CURVES, read_results

STUDY = make_study(
    {
        "images": {"source": "nowhere"},
        "seeds": 1,
        "folds": 2,
        "vary": {"head": {"learning_rate": [0.1, 0.2], "epochs": [2, 4]}},
    }
)
DIVERGED = (3, 5)  # setting 1 in fold 1, setting 2 in fold 1


def history(head: int, epochs: int, *, lost: bool, head_number: int) -> list[dict[str, Any]]:
    """Numbers that tell head, epoch and curve apart; a lost head has no loss in its second epoch."""
    rows = []
    for epoch in range(1, epochs + 1):
        row: dict[str, Any] = {"phase": "grid", "head": head_number, "epoch": epoch, "learning_rate": 0.1}
        for place, name in enumerate(CURVES):
            missing = lost and epoch == 2 and name == "val_loss"
            row[name] = None if missing else head + epoch / 10 + place / 100
        rows.append(row)
    return rows


def write(cell: Cell, number: int) -> None:
    """A cell as it is recorded: two heads, the second of which was chosen."""
    lost = number in DIVERGED
    metrics: dict[str, Any] = {"diverged": lost, "images": {"train": 60 + number % 2, "validation": 20 + number % 2}}
    if not lost:
        metrics["validation"] = {
            "accuracy": number / 10,
            "log_loss": number / 100,
            "baseline": {"accuracy": 0.3 + number % 2 / 10},
        }
        metrics["chosen"] = {"epoch": number + 1, "head": 1, "label": f"lr {number}"}
    cell.run.path.mkdir(parents=True)
    cell.run.write_json("metrics", metrics)
    epochs = cell.config.head.epochs
    cell.run.write_history(
        [
            *history(100 + number, epochs, lost=lost, head_number=0),
            *history(number, epochs, lost=False, head_number=1),
        ]
    )


@pytest.fixture
def cells(tmp_path: Path) -> list[Cell]:
    found = cells_of(STUDY, tmp_path)
    for number, cell in enumerate(found):
        write(cell, number)
    return found


def test_every_cell_has_its_place(cells: list[Cell]) -> None:
    results = read_results(STUDY, cells)
    nan = np.nan
    np.testing.assert_array_equal(results.accuracy, [[0, 0.1], [0.2, nan], [0.4, nan], [0.6, 0.7]])
    np.testing.assert_array_equal(results.loss, [[0, 0.01], [0.02, nan], [0.04, nan], [0.06, 0.07]])
    assert results.best_epoch.tolist() == [[1, 2], [3, 0], [5, 0], [7, 8]]
    assert results.diverged.tolist() == [[False, False], [False, True], [False, True], [False, False]]
    assert results.chosen == (("lr 0", "lr 1"), ("lr 2", "diverged"), ("lr 4", "diverged"), ("lr 6", "lr 7"))
    assert results.runs == tuple((cells[row].run.path, cells[row + 1].run.path) for row in (0, 2, 4, 6))
    assert (results.settings, results.repetitions, results.axes) == (STUDY.settings, STUDY.repetitions, STUDY.axes)
    assert (results.train_images.tolist(), results.images.tolist()) == ([60, 61], [20, 21])
    assert results.baseline.tolist() == [0.3, 0.4]
    assert results.accuracy.dtype == np.float64
    assert (results.best_epoch.dtype, results.diverged.dtype) == (np.int64, np.bool_)


def test_curves_are_of_the_chosen_head_and_end_where_its_training_did(cells: list[Cell]) -> None:
    curves = read_results(STUDY, cells).curves
    assert tuple(curves) == CURVES
    for place, name in enumerate(CURVES):
        assert curves[name].shape == (4, 2, 4)
        np.testing.assert_allclose(curves[name][3, 1], 7 + np.arange(1, 5) / 10 + place / 100)
        np.testing.assert_allclose(curves[name][2, 0, :2], 4 + np.arange(1, 3) / 10 + place / 100)
        assert np.isnan(curves[name][0, :, 2:]).all()  # two epochs of four


def test_a_diverged_cell_has_no_curves_once_its_loss_is_gone(cells: list[Cell]) -> None:
    """Its accuracy would be that of a head of no finite weights."""
    curves = read_results(STUDY, cells).curves
    for place, name in enumerate(CURVES):
        first, *rest = curves[name][1, 1]
        assert first == pytest.approx(103.1 + place / 100)
        if name == "seconds":
            np.testing.assert_allclose(rest, 103 + np.arange(2, 5) / 10 + place / 100)
        else:
            assert np.isnan(rest).all()


def test_a_repetition_in_which_all_diverged(tmp_path: Path) -> None:
    study = make_study({"images": {"source": "nowhere"}, "seeds": 2, "head": {"epochs": 2}})
    cells = cells_of(study, tmp_path)
    write(cells[0], 3)
    write(cells[1], 4)
    results = read_results(study, cells)
    assert np.isnan(results.baseline).tolist() == [True, False]
    assert results.diverged.tolist() == [[True, False]]


@pytest.mark.parametrize("name", ["metrics.json", "history.jsonl"])
def test_what_is_unfinished_or_damaged_is_named(cells: list[Cell], name: str) -> None:
    path = cells[2].run.path / name
    path.write_text("junk")
    with pytest.raises(InputError, match=name):
        read_results(STUDY, cells)
    path.unlink()
    with pytest.raises(InputError, match=rf"no finished run[\s\S]*{name}"):
        read_results(STUDY, cells)


def test_measures_are_read_from_the_folder_and_nowhere_else(cells: list[Cell]) -> None:
    metrics = cells[0].run.metrics()
    metrics["validation"]["accuracy"] = 0.75
    cells[0].run.write_json("metrics", metrics)
    again: Study = make_study(STUDY.model_dump())
    fresh = cells_of(again, cells[0].run.path.parents[1])
    assert read_results(again, fresh).accuracy[0, 0] == 0.75
