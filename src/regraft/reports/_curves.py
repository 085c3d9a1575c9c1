"""The curves behind the figures: what can be drawn, and each setting's mean with its band over the repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from regraft.studies.results import Results

Floats = npt.NDArray[np.float64]
Quantity = Literal["val_loss", "val_accuracy", "val_error", "val_precision", "val_recall", "loss", "accuracy", "error"]

QUANTITIES: dict[str, str] = {
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "val_error": "validation error",
    "val_precision": "validation precision",
    "val_recall": "validation recall",
    "loss": "training loss",
    "accuracy": "training accuracy",
    "error": "training error",
}
"""What can be drawn, and what it is called. An error is 1 − accuracy."""

_OFF_SCALE = 10.0  # a loss so many times above the others' does not decide the range

QUANTILES_FROM = 10
"""With fewer repetitions than this a band is their whole range."""


@dataclass(frozen=True, eq=False)
class Band:
    """One setting's curve over E epochs; NaN where no repetition has a finite value.

    Attributes:
        mean, low, high: float64 (E,), over the repetitions that did not diverge; over all where all of them did.
        diverged: how many repetitions did.
        repetitions: how many there are.
    """

    mean: Floats
    low: Floats
    high: Floats
    diverged: int
    repetitions: int

    @property
    def is_lost(self) -> bool:
        """Every repetition diverged."""
        return self.diverged == self.repetitions


def curve_of(curves: Mapping[str, Floats], quantity: str) -> Floats:
    """The curve of a quantity (the last axis is epochs), an error made from the accuracy; infinities are NaN."""
    values = np.asarray(curves[quantity.replace("error", "accuracy")], np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    return 1 - values if quantity.endswith("error") else values


def is_known(curves: Mapping[str, Floats], quantity: str) -> bool:
    """Whether a quantity was measured at all."""
    return quantity.replace("error", "accuracy") in curves and bool(np.isfinite(curve_of(curves, quantity)).any())


def has_diverged(curves: Mapping[str, Floats]) -> bool:
    """Whether a single training's loss is no finite number at the end."""
    return "loss" in curves and not np.isfinite(curves["loss"][-1])


def highest_shown(tops: Sequence[float]) -> float:
    """The highest value that the axis of a loss shows, from each curve's: what lies far above the others is cut off."""
    return max((top for top in tops if top <= _OFF_SCALE * min(tops)), default=1.0)


def bands_of(results: Results, quantity: str) -> list[Band]:
    """The mean curve and its band of every setting."""
    values = curve_of(results.curves, quantity)
    return [_band(values[row], results.diverged[row]) for row in range(len(results.settings))]


def _band(values: Floats, diverged: npt.NDArray[np.bool_]) -> Band:
    """Of one setting's curves (R, E)."""
    kept = values if diverged.all() else values[~diverged]
    mean, low, high = (np.full(values.shape[1], np.nan) for _ in range(3))
    known = np.isfinite(kept).any(axis=0)
    if known.any():
        shares = (0, 1) if len(values) < QUANTILES_FROM else (0.1, 0.9)
        mean[known] = np.nanmean(kept[:, known], axis=0)
        low[known], high[known] = np.nanquantile(kept[:, known], shares, axis=0)
    return Band(mean, low, high, int(diverged.sum()), len(values))
