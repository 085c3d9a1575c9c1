"""What the cells of a study gave, as arrays: settings × repetitions (× epochs)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.studies.axes import values_label

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Setting:
    """One combination of the values that a study varies.

    Attributes:
        label: for people: `learning rate 0.01, momentum 0.9`.
        values: by axis, such as `{"head.learning_rate": 0.01}`; empty where nothing varies.
    """

    label: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Repetition:
    """What all settings share in one repetition: split, order of the batches and initial weights follow from it."""

    seed: int
    fold: int | None = None


@dataclass(frozen=True, eq=False)
class Results:
    """S settings, each trained in the same R repetitions: same images, same batches, same start within a repetition.

    All measures are of the *validation* images, at each head's best epoch (the lowest validation loss); the test
    images take no part.

    Attributes:
        settings, repetitions: what rows and columns mean.
        axes: the values of each axis that varies, in the order they were declared.
        runs: the run folder of each cell, (S, R) as nested tuples.
        accuracy, loss: float64 (S, R); NaN where the cell diverged.
        best_epoch: int64 (S, R), 1-based; 0 where the cell diverged.
        diverged: bool (S, R): a loss or a weight stopped being a finite number.
        chosen: what each cell trained, such as `lr 0.01, momentum 0.9`, (S, R).
        train_images, images: int64 (R,): how many images each repetition trained and was measured on.
        baseline: float64 (R,): accuracy of always answering the training images' most frequent class.
        curves: by name (`loss`, `accuracy`, `val_loss`, `val_accuracy`, `val_precision`, `val_recall`, `seconds`)
            float64 (S, R, epochs); NaN after a divergence and where something was not measured. `seconds` is the time
            since the start of the training at the end of each epoch, of all heads trained together.
    """

    settings: tuple[Setting, ...]
    repetitions: tuple[Repetition, ...]
    axes: dict[str, tuple[Any, ...]]
    runs: tuple[tuple[Path, ...], ...]
    accuracy: Floats
    loss: Floats
    best_epoch: Integers
    diverged: npt.NDArray[np.bool_]
    chosen: tuple[tuple[str, ...], ...]
    train_images: Integers
    images: Integers
    baseline: Floats
    curves: dict[str, Floats]

    def select(self, settings: Sequence[int]) -> Results:
        """The same for some of the settings, in the order given."""
        rows = list(settings)
        kept = tuple(self.settings[row] for row in rows)
        return replace(
            self,
            settings=kept,
            axes={
                axis: tuple(value for value in values if any(setting.values.get(axis) == value for setting in kept))
                for axis, values in self.axes.items()
            },
            runs=tuple(self.runs[row] for row in rows),
            accuracy=self.accuracy[rows],
            loss=self.loss[rows],
            best_epoch=self.best_epoch[rows],
            diverged=self.diverged[rows],
            chosen=tuple(self.chosen[row] for row in rows),
            curves={name: values[rows] for name, values in self.curves.items()},
        )

    def where(self, **values: Any) -> Results:
        """Only the settings with these values, axes written with `__` for the dot: `where(head__momentum=0.9)`.

        Their labels then name the other axes alone.
        """
        wanted = {axis.replace("__", "."): value for axis, value in values.items()}
        kept = self.select(
            [row for row, setting in enumerate(self.settings) if setting.values.items() >= wanted.items()]
        )
        labels = [
            values_label({axis: value for axis, value in setting.values.items() if axis not in wanted})
            for setting in kept.settings
        ]
        settings = tuple(
            replace(setting, label=label) if len(kept.settings) > 1 else setting
            for setting, label in zip(kept.settings, labels, strict=True)
        )
        return replace(kept, settings=settings)
