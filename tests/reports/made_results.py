"""Results of a study made up from its accuracies, for the tests of conclusions and of what reports say of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.studies.results import Repetition, Results, Setting


def made_results(
    accuracy: npt.ArrayLike,
    *,
    labels: Sequence[str] | None = None,
    axes: Mapping[str, Sequence[Any]] | None = None,
    loss: npt.ArrayLike | None = None,
    baseline: npt.ArrayLike = 0.2,
    images: int = 200,
    train_images: int = 800,
    epochs: int = 4,
) -> Results:
    """Settings × repetitions from accuracies (S, R), NaN where a cell diverged (its last two epochs are NaN).

    Args:
        labels: of the settings; without them the values of the axes, or `A`, `B`, ...
        axes: the settings are all combinations of their values, the last axis varying fastest.
        loss: (S, R); without it 1 - accuracy.
    """
    shares = np.asarray(accuracy, np.float64)
    settings, repetitions = shares.shape
    grid = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    values = grid or [{} for _ in range(settings)]
    assert len(values) == settings
    names = list(labels) if labels is not None else [_label(one) or _letter(row) for row, one in enumerate(values)]
    diverged = np.isnan(shares)
    losses = 1 - shares if loss is None else np.asarray(loss, np.float64)
    return Results(
        settings=tuple(Setting(name, one) for name, one in zip(names, values, strict=True)),
        repetitions=tuple(Repetition(seed) for seed in range(repetitions)),
        axes={axis: tuple(tried) for axis, tried in (axes or {}).items()},
        runs=tuple(tuple(Path(f"cells/{row}-{seed}") for seed in range(repetitions)) for row in range(settings)),
        accuracy=shares,
        loss=np.where(diverged, np.nan, losses),
        best_epoch=np.where(diverged, 0, epochs),
        diverged=diverged,
        chosen=tuple((name,) * repetitions for name in names),
        train_images=np.full(repetitions, train_images),
        images=np.full(repetitions, images),
        baseline=np.broadcast_to(np.asarray(baseline, np.float64), (repetitions,)).copy(),
        curves=_curves(shares, diverged, epochs),
    )


def _curves(shares: npt.NDArray[np.float64], diverged: npt.NDArray[np.bool_], epochs: int) -> dict[str, Any]:
    """Straight lines from half the final accuracy to it."""
    rise = np.linspace(0.5, 1, epochs)
    lines = np.where(diverged, 0.2, shares)[..., None] * rise
    lines[diverged, -2:] = np.nan
    seconds = np.broadcast_to(np.arange(1, epochs + 1) * 0.1, lines.shape).copy()
    rising = ("accuracy", "val_accuracy", "val_precision", "val_recall")
    return {"loss": 1 - lines, "val_loss": 1.1 - lines, "seconds": seconds} | dict.fromkeys(rising, lines)


def _label(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{axis.split('.')[-1].replace('_', ' ')} {value}" for axis, value in values.items())


def _letter(row: int) -> str:
    return chr(ord("A") + row) if row < 26 else f"S{row}"
