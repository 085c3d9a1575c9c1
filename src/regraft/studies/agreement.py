"""Standard and accelerated training side by side: how far apart they end, and how long each took."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.runs.folder import RunFolder
from regraft.studies.results import Results, Setting

STANDARD = "head.standard"
_COMPARED = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class Agreement:
    """One setting trained both ways, from the same start on the same batches.

    Attributes:
        setting: what was trained, such as `lr 0.01, momentum 0.9`.
        epochs: how many both trained.
        weights: the largest difference between two weights of the heads, biases among them, at their best epochs; None
            where the best epochs differ, so that the heads are not of the same moment.
        largest_weight: the largest weight of the standard head, to compare that with.
        loss, accuracy: the largest difference of validation loss (nats) and accuracy (0 to 1) at any epoch.
        standard_accuracy, accelerated_accuracy: on validation, after the last epoch.
        standard_seconds, accelerated_seconds: of all epochs. The accelerated time is that of all heads trained at once.
        same_images: whether both saw the same training and validation images.
    """

    setting: str
    epochs: int
    weights: float | None
    largest_weight: float
    loss: float
    accuracy: float
    standard_accuracy: float
    accelerated_accuracy: float
    standard_seconds: float
    accelerated_seconds: float
    same_images: bool


def compare_ways(results: Results) -> list[Agreement]:
    """Pairs the settings of a grid that varies `head.standard`, in its one repetition.

    Settings of which either way diverged are left out: there is nothing to compare.
    """
    found = []
    for standard, accelerated in pairs_of(results):
        if results.diverged[[standard, accelerated], 0].any():
            continue
        runs = results.runs[standard][0], results.runs[accelerated][0]
        heads = [_weights_of(run) for run in runs]
        both = {name: results.curves[name][[standard, accelerated], 0] for name in (*_COMPARED, "seconds")}
        measured = np.isfinite(both["val_loss"]).all(axis=0)
        same_epoch = results.best_epoch[standard, 0] == results.best_epoch[accelerated, 0]
        difference = {name: float(np.abs(values[0] - values[1])[measured].max()) for name, values in both.items()}
        found.append(
            Agreement(
                setting=results.chosen[standard][0],
                epochs=int(measured.sum()),
                weights=float(np.abs(heads[0] - heads[1]).max()) if same_epoch else None,
                largest_weight=float(np.abs(heads[0]).max()),
                loss=difference["val_loss"],
                accuracy=round(difference["val_accuracy"], 6),  # Keras counts in float32
                standard_accuracy=float(both["val_accuracy"][0][measured][-1]),
                accelerated_accuracy=float(both["val_accuracy"][1][measured][-1]),
                standard_seconds=float(both["seconds"][0][measured][-1]),
                accelerated_seconds=float(both["seconds"][1][measured][-1]),
                same_images=_images_of(runs[0]) == _images_of(runs[1]),
            )
        )
    return found


def pairs_of(results: Results) -> list[tuple[int, int]]:
    """The rows of the standard and the accelerated training of each setting."""

    def others(setting: Setting) -> tuple[Any, ...]:
        return tuple(value for axis, value in setting.values.items() if axis != STANDARD)

    rows = {(others(s), bool(s.values[STANDARD])): row for row, s in enumerate(results.settings)}
    return [(rows[values, True], rows[values, False]) for values in dict.fromkeys(values for values, _ in rows)]


def _weights_of(run: Path) -> npt.NDArray[np.float32]:
    return RunFolder(run).head().weights.flat()


def _images_of(run: Path) -> set[tuple[str, str]]:
    table = RunFolder(run).table("splits")
    return set(zip(table["sha256"].to_pylist(), table["split"].to_pylist(), strict=True))
