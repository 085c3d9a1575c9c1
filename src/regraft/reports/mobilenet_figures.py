"""The figure of the MobileNet study: what each stage reaches, and how fine-tuning went through its four steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.reports._comparison_phrases import number
from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
    LEGEND_SIZE,
    NORMAL,
    SMALL,
    Drawn,
    add_legend,
    axes_at,
    drawn,
    legend_rows,
    new_figure,
    panel_title,
    percent_axis,
    text_inches,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import listing, percent
from regraft.reports.mobilenet_found import Measured, MobileNetFound
from regraft.studies.mobilenet_runs import Step

Curve = npt.NDArray[np.float64]

TITLES = ("1 new head", "2 head, views", "3 last groups", "4 all groups")

_ROW, _ACCURACY, _LOSS = 0.25, 1.15, 1.0  # inches: a stage, and the panels of the steps
_LEFT, _GAP, _BETWEEN, _AXIS = 0.46, 0.42, 0.34, 0.4
_CHANCE: dict[str, Any] = {"color": COLOURS["muted"], "linewidth": 1.0, "linestyle": (0, (4, 2.5))}


def story(found: MobileNetFound) -> Drawn:
    """The stages with their test accuracies and intervals; below, validation and training through the four steps."""
    line: dict[str, Any] = {"linewidth": 1.5, "marker": "none"}
    entries: list[tuple[str, dict[str, Any]]] = [
        ("on validation", {**line, "color": COLOURS["validation"]}),
        ("in training", {**line, "color": COLOURS["train"]}),
        ("the step’s best epoch", {**_best_look(), "linewidth": 0}),
        (f"guessing one of {number(len(found.classes))} classes", {"marker": "none", **_CHANCE}),
    ]
    with figure_style():
        rows = len(found.stages) * _ROW
        top = 0.02 + LEGEND_ROW * legend_rows([name for name, _ in entries], FULL_WIDTH - 0.06)
        losses = _AXIS
        accuracies = losses + _LOSS + _BETWEEN
        stages = accuracies + _ACCURACY + 0.32 + _AXIS
        figure = new_figure(FULL_WIDTH, stages + rows + 0.3 + top)
        _draw_stages(figure, found, stages, rows)
        wide = (FULL_WIDTH - _LEFT - 0.08 - 3 * _GAP) / 4
        limits = _accuracy_limits(found.steps)
        for place, step in enumerate(found.steps):
            left = _LEFT + place * (wide + _GAP)
            above = axes_at(figure, left, accuracies, wide, _ACCURACY)
            below = axes_at(figure, left, losses, wide, _LOSS)
            _draw_accuracy(above, step, limits, found.chance)
            _draw_loss(below, step)
            panel_title(above, TITLES[step.number - 1])
            for axes in (above, below):
                _epochs(axes, step)
            below.set_xlabel("epoch", fontsize=NORMAL, labelpad=2)
            if not place:
                above.set_ylabel("accuracy", fontsize=NORMAL, labelpad=2)
                below.set_ylabel("loss", fontsize=NORMAL, labelpad=2)
        add_legend(figure, entries, top=0.02)
        return drawn(figure, _description(found))


def _draw_stages(figure: Any, found: MobileNetFound, bottom: float, high: float) -> None:
    names = [one.name for one in found.stages]
    notes = [_note(one) for one in found.stages]
    left = max(text_inches(name, LEGEND_SIZE) for name in names) + 0.14
    right = max(text_inches(note, LEGEND_SIZE) for note in notes) + 0.12
    axes = axes_at(figure, left, bottom, FULL_WIDTH - left - right, high)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.yaxis.grid(visible=False)
    axes.axvline(found.chance, zorder=2, **_CHANCE)
    look = {"color": COLOURS["series1"], "zorder": 4}
    for row, (one, note) in enumerate(zip(found.stages, notes, strict=True)):
        test = one.metrics["test"]
        axes.plot(test["accuracy_interval"], [row, row], linewidth=2, alpha=0.55, marker="|", markersize=7, **look)
        axes.plot([test["accuracy"]], [row], marker="o", markersize=6, **look)
        axes.text(1.03, row, note, fontsize=LEGEND_SIZE, va="center_baseline", color=COLOURS["ink"])
    percent_axis(axes.xaxis)
    axes.set_yticks(range(len(names)), names, fontsize=LEGEND_SIZE, color=COLOURS["ink"])
    panel_title(axes, "test accuracy with its 95 % interval")


def _note(one: Measured) -> str:
    test = one.metrics["test"]
    low, high = test["accuracy_interval"]
    return f"{percent(test['accuracy'])} ({100 * low:.1f} to {100 * high:.1f})"


def _column(step: Step, name: str) -> Curve:
    return np.array([np.nan if row.get(name) is None else row[name] for row in step.history], np.float64)


def _accuracy_limits(steps: Sequence[Step]) -> tuple[float, float]:
    """From the first epoch of the first step on: an untrained head would squeeze all else together."""
    known = np.concatenate([_column(step, "val_accuracy")[step.number == 1 :] for step in steps])
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    room = 0.08 * max(high - low, 0.05)
    return max(low - room, -0.015), min(high + room, 1.015)


def _draw_accuracy(axes: Any, step: Step, limits: tuple[float, float], chance: float) -> None:
    epochs, values = _column(step, "epoch"), _column(step, "val_accuracy")
    axes.plot(epochs, values, color=COLOURS["validation"], linewidth=1.5, zorder=4)
    if limits[0] <= chance <= limits[1]:
        axes.axhline(chance, zorder=2, **_CHANCE)
    axes.set_ylim(*limits)
    percent_axis(axes.yaxis, 4)
    _mark_best(axes, step, epochs, values)


def _draw_loss(axes: Any, step: Step) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = _column(step, "epoch")
    validation, train = _column(step, "val_loss"), _column(step, "loss")
    axes.plot(epochs, train, color=COLOURS["train"], linewidth=1.5, zorder=3)
    axes.plot(epochs, validation, color=COLOURS["validation"], linewidth=1.5, zorder=4)
    known = np.concatenate([validation[np.isfinite(validation)], train[np.isfinite(train)]])
    axes.set_ylim(0, 1.08 * float(known.max()) if known.size and known.max() > 0 else 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    _mark_best(axes, step, epochs, validation)


def _mark_best(axes: Any, step: Step, epochs: Curve, values: Curve) -> None:
    at = np.flatnonzero((epochs == step.best_epoch) & np.isfinite(values))
    if len(at):
        axes.axvline(step.best_epoch, color=COLOURS["muted"], linewidth=0.8, linestyle=(0, (2, 3)), zorder=2)
        axes.plot([step.best_epoch], values[at], zorder=6, clip_on=False, **_best_look())


def _best_look() -> dict[str, Any]:
    return {
        "color": COLOURS["validation"], "linestyle": "none", "marker": "o", "markersize": 6.5,
        "markeredgecolor": COLOURS["paper"], "markeredgewidth": 1.2,
    }  # fmt: skip


def _epochs(axes: Any, step: Step) -> None:
    from matplotlib.ticker import MaxNLocator

    last = max(1.0, float(step.history[-1]["epoch"]))
    axes.set_xlim(-0.04 * last, 1.04 * last)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=2))
    axes.xaxis.grid(visible=False)
    axes.tick_params(labelsize=SMALL, pad=2)


def _description(found: MobileNetFound) -> str:
    stages = listing([f"{percent(one.metrics['test']['accuracy'])} {one.name}" for one in found.stages])
    bests = listing(
        [
            f"{percent(step.history[step.best_epoch].get('val_accuracy'))} at epoch {step.best_epoch} of step "
            f"{step.number}"
            for step in found.steps
        ]
    )
    return f"Test accuracy: {stages}. Validation accuracy through fine-tuning, at the best epochs: {bests}."
