"""How a fine-tuning goes: its history, its best epoch, and when there is no use in going on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.training._top_trainer import TopTrainer

Arrays = list[npt.NDArray[Any]]


@dataclass(eq=False)
class Course:
    """A training so far.

    Attributes:
        history: a row for each epoch, before them one for the start (epoch 0) where validation is measured.
        best: the epoch with the lowest validation loss, the earlier one of equals, 0 for the start; without
            validation the last one.
        best_weights: of the trainer after that epoch.
    """

    history: list[dict[str, Any]]
    best: int
    best_weights: Arrays

    @classmethod
    def begun(cls, measured: dict[str, Any], start: Arrays) -> Course:
        """Before the first epoch: what was measured on validation, nothing where there is none, and the weights."""
        return cls([{"epoch": 0, **measured}] if measured else [], 0, start)

    @property
    def epoch(self) -> int:
        """The last one that was trained; 0 before the first."""
        return int(self.history[-1]["epoch"]) if self.history else 0

    @property
    def has_diverged(self) -> bool:
        """Whether the loss of the last epoch, or a weight of the best one, is no finite number."""
        if not self.epoch:
            return False
        return self.history[-1]["loss"] is None or not all(np.isfinite(array).all() for array in self.best_weights)

    def is_over(self, patience: int | None) -> bool:
        """Whether a further epoch is of no use: the loss is no number, or has not fallen for so many epochs."""
        if self.epoch and self.history[-1]["loss"] is None:
            return True
        measured = bool(self.history) and "val_loss" in self.history[-1]
        return measured and patience is not None and self.epoch - self.best >= patience

    def add(self, row: dict[str, Any], trainer: TopTrainer) -> None:
        """Takes up an epoch, and its weights where it is the best."""
        better = "val_loss" not in row or (row["loss"] is not None and _loss(row) < _loss(self.history[self.best]))
        self.history.append(row)
        if better:
            self.best, self.best_weights = self.epoch, trainer.weights()

    def images_per_second(self, images: int) -> float:
        """For epochs of so many images; NaN before the first."""
        seconds = sum(row["seconds"] for row in self.history if row["epoch"])
        return images * self.epoch / seconds if seconds else math.nan


def finite_or_none(value: float) -> float | None:
    """As JSON has it: a number, or null for what is none."""
    return value if math.isfinite(value) else None


def _loss(row: dict[str, Any]) -> float:
    return math.inf if row["val_loss"] is None else float(row["val_loss"])
