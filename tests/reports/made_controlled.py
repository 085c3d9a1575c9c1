"""Runs with a control made up for the reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_runs import MadeRun, make_run

from regraft.runs.folder import RunFolder


def control_rows(epochs: int = 4) -> list[dict[str, Any]]:
    """The history of a control, its random start first."""
    rows: list[dict[str, Any]] = [
        {
            "phase": "scratch",
            "head": 0,
            "epoch": epoch,
            "val_loss": 1.1 - 0.1 * epoch,
            "val_accuracy": 0.3 + 0.1 * epoch,
        }
        for epoch in range(epochs + 1)
    ]
    return [*rows, {"phase": "scratch refit", "head": 0, "epoch": 1, "loss": 0.9}]


def control_facts(**changes: Any) -> dict[str, Any]:
    """What a control writes into the metrics of its run, with changes."""
    facts: dict[str, Any] = {
        "folder": "control", "accuracy": 0.5, "accuracy_interval": [0.33, 0.67], "validation_accuracy": 0.6,
        "images": 30, "difference_points": 36.7, "interval_points": [15.2, 54.3], "p": 0.003, "test": "McNemar",
        "kind": "helps", "verdict": "Transfer helps here: 86.7 % with transfer, 50.0 % from scratch.",
        "settings": "adam, lr 0.001, cosine, BatchNorm in training mode", "learning_rate": 0.001,
        "tried": [
            {"learning_rate": 0.0003, "epochs": 1, "val_loss": 1.0456, "val_accuracy": 0.4},
            {"learning_rate": 0.001, "epochs": 1, "val_loss": 0.95, "val_accuracy": 0.5},
            {"learning_rate": 0.003, "epochs": 1, "val_loss": None, "val_accuracy": None},
        ],
        "epochs": 4, "budget_epochs": 100, "best_epoch": 4, "refit_epochs": 4, "batch_size": 32, "augmented": False,
        "parameters": 399_971, "seconds": 153.2, "warnings": ["The control had 4 epochs, fewer than the 100."],
    }  # fmt: skip
    return facts | changes


def make_controlled(folder: Path, *, rows: list[dict[str, Any]] | None = None, **changes: Any) -> MadeRun:
    """A made run with a control, whose folder has a history alone."""
    seconds = {"find": 0.2, "features": 3.4, "heads": 0.7, "control": 155.0, "total": 162.5}
    run, images = make_run(folder, changes={"control": control_facts(**changes), "seconds": seconds})
    control = RunFolder(run.path / "control")
    control.path.mkdir()
    control.write_history(control_rows() if rows is None else rows)
    return run, images
