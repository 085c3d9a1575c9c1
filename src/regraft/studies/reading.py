"""The runs of a study read back as `Results`: conclusions rest on what was recorded, never on what was in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from regraft.studies.cells import Cell
from regraft.studies.declaration import Study
from regraft.studies.results import Results

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy", "val_precision", "val_recall", "seconds")


def read_results(study: Study, cells: Sequence[Cell]) -> Results:
    """Gathers the measures of all cells (`cells_of`), each of which has been measured.

    Raises:
        InputError: a run is unfinished or damaged.
    """
    rows, columns = len(study.settings), len(study.repetitions)
    metrics = [cell.run.metrics() for cell in cells]
    histories = [_history(cell, found) for cell, found in zip(cells, metrics, strict=True)]
    epochs = max(len(history) for history in histories)

    def array(values: Sequence[Any], dtype: type = float) -> Any:
        return np.array(values, dtype).reshape(rows, columns)

    def measured(found: dict[str, Any], name: str) -> float:
        return float("nan") if found["diverged"] else float(found["validation"][name])

    curves = {name: np.full((len(cells), epochs), np.nan) for name in CURVES}
    for index, history in enumerate(histories):
        for name, values in curves.items():
            values[index, : len(history)] = [np.nan if row.get(name) is None else row[name] for row in history]
    # From the epoch in which a loss overflows, the answers are those of no classifier.
    lost = np.isnan(curves["loss"]) | np.isnan(curves["val_loss"])
    lost = np.logical_or.accumulate(lost, axis=1)
    for name in CURVES[:-1]:
        curves[name][lost] = np.nan
    grid = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    return Results(
        settings=study.settings,
        repetitions=study.repetitions,
        axes=study.axes,
        runs=tuple(tuple(cell.run.path for cell in row) for row in grid),
        accuracy=array([measured(found, "accuracy") for found in metrics]),
        loss=array([measured(found, "log_loss") for found in metrics]),
        best_epoch=array([0 if found["diverged"] else found["chosen"]["epoch"] for found in metrics], int),
        diverged=array([found["diverged"] for found in metrics], bool),
        chosen=tuple(
            tuple(label_of(found) for found in metrics[start : start + columns])
            for start in range(0, len(metrics), columns)
        ),
        train_images=array([found["images"]["train"] for found in metrics], int)[0],
        images=array([found["images"]["validation"] for found in metrics], int)[0],
        baseline=np.array(_baselines(metrics, columns)),
        curves={name: values.reshape(rows, columns, epochs) for name, values in curves.items()},
    )


def label_of(metrics: dict[str, Any]) -> str:
    """What a cell trained."""
    return "diverged" if metrics["diverged"] else str(metrics["chosen"]["label"])


def _history(cell: Cell, metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """The epochs of the head that was chosen, or of the first where all diverged."""
    head = 0 if metrics["diverged"] else metrics["chosen"]["head"]
    return [row for row in cell.run.history() if row["head"] == head]


def _baselines(metrics: Sequence[dict[str, Any]], columns: int) -> list[float]:
    """Of each repetition, from the first setting that did not diverge in it; NaN where all did."""
    found = []
    for column in range(columns):
        sound = (m for m in metrics[column::columns] if not m["diverged"])
        found.append(next((float(m["validation"]["baseline"]["accuracy"]) for m in sound), float("nan")))
    return found
