"""The figures of the cats-and-dogs study: accuracy against epochs, and what an image costs in each way of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
    LEGEND_SIZE,
    MAX_SERIES,
    NORMAL,
    SMALL,
    Drawn,
    add_legend,
    axes_at,
    drawn,
    fitting,
    legend_rows,
    new_figure,
    panel_title,
    percent_axis,
    range_with,
    series_look,
    text_inches,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import listing, percent

_LEFT, _BOTTOM, _HIGH, _GAP = 0.5, 0.42, 1.55, 0.55  # inches
_ROW = 0.25
_LEVEL: dict[str, Any] = {"linewidth": 1.0, "linestyle": (0, (4, 2.5))}


class Course(NamedTuple):
    """One training: its name, and against its epochs, from 0, validation loss and accuracy; NaN leaves a gap.

    `level` is an accuracy to compare it with, drawn as a dashed line in its colour; None for none.
    """

    name: str
    epochs: npt.NDArray[np.float64]
    loss: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]
    level: float | None = None


class Cost(NamedTuple):
    """What the images cost in one way of training, in seconds for 1,000 of them: once, and in every epoch."""

    name: str
    once: float
    epoch: float


def course_of(name: str, history: Sequence[dict[str, Any]], level: float | None = None) -> Course:
    """The course of a training from the rows of its history."""
    epochs, loss, accuracy = (
        np.array([np.nan if row.get(key) is None else row[key] for row in history], np.float64)
        for key in ("epoch", "val_loss", "val_accuracy")
    )
    return Course(name, epochs, loss, accuracy, level)


def courses(trainings: Sequence[Course], level: str = "") -> Drawn | None:
    """Validation accuracy and loss against epochs, a line for each training; epoch 0 is its start.

    Args:
        trainings: the first `MAX_SERIES` are drawn.
        level: what the dashed lines are, for the legend.

    Returns:
        None where no training has an epoch.
    """
    kept = [one for one in trainings if len(one.epochs) and one.epochs[-1] > 0][:MAX_SERIES]
    if not kept:
        return None
    levels = [one.level for one in kept if one.level is not None]
    with figure_style():
        looks = [_look(place) for place in range(len(kept))]
        entries = [(name, look) for name, look in zip(fitting([o.name for o in kept], 2.8), looks, strict=True)]
        if levels and level:
            entries.append((level, {"color": COLOURS["muted"], "marker": "none", **_LEVEL}))
        top = 0.02 + LEGEND_ROW * legend_rows([name for name, _ in entries], FULL_WIDTH - 0.06)
        figure = new_figure(FULL_WIDTH, top + 0.3 + _HIGH + _BOTTOM)
        wide = (FULL_WIDTH - 2 * _LEFT - _GAP + 0.35) / 2
        accuracy, loss = (axes_at(figure, _LEFT + i * (wide + _GAP), _BOTTOM, wide, _HIGH) for i in range(2))
        for one, look in zip(kept, looks, strict=True):
            accuracy.plot(one.epochs, one.accuracy, linewidth=1.5, zorder=4, **look)
            loss.plot(one.epochs, one.loss, linewidth=1.5, zorder=4, **look)
            if one.level is not None:
                accuracy.axhline(one.level, color=look["color"], zorder=2, **_LEVEL)
        shares = np.concatenate([*(one.accuracy for one in kept), np.array(levels, np.float64)])
        (low, high), _ = range_with(shares, None, 0.15)
        accuracy.set_ylim(max(low, -0.015), min(high, 1.015))
        percent_axis(accuracy.yaxis)
        losses = np.concatenate([one.loss for one in kept])
        most = float(np.nanmax(losses)) if np.isfinite(losses).any() else 1.0
        loss.set_ylim(0, 1.06 * most or 1.0)
        last = max(float(one.epochs[-1]) for one in kept)
        for axes, title in ((accuracy, "validation accuracy"), (loss, "validation loss")):
            panel_title(axes, title)
            _epoch_axis(axes, last)
        add_legend(figure, entries, top=0.02)
        return drawn(figure, _description(kept))


def costs(ways: Sequence[Cost]) -> Drawn | None:
    """What 1,000 images cost in each way of training, on a logarithmic scale: once, and in every epoch.

    Returns:
        None where there is nothing to compare.
    """
    if len(ways) < 2:
        return None
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    once = {"color": COLOURS["frozen"], "marker": "D", "markersize": 5, "linestyle": "none"}
    each = {"color": COLOURS["trained"], "marker": "o", "markersize": 6, "linestyle": "none"}
    entries: list[tuple[str, dict[str, Any]]] = [("once, before training", once), ("in every epoch", each)]
    values = [value for way in ways for value in (way.once, way.epoch) if value > 0]
    with figure_style():
        names = fitting([way.name for way in ways], 0.42 * FULL_WIDTH)
        left = max(text_inches(name, LEGEND_SIZE) for name in names) + 0.12
        tall, right = _ROW * len(ways) + 0.06, 0.25
        figure = new_figure(FULL_WIDTH, 0.25 + tall + _BOTTOM)
        axes = axes_at(figure, left, _BOTTOM, FULL_WIDTH - left - right, tall)
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 2, max(values) * 2)
        axes.set_ylim(len(ways) - 0.4, -0.6)
        axes.set_yticks(range(len(ways)), names, fontsize=LEGEND_SIZE, color=COLOURS["ink"])
        axes.yaxis.grid(visible=False)
        for row, way in enumerate(ways):
            if way.once > 0:
                axes.plot([way.once], [row], zorder=4, **once)
            axes.plot([way.epoch], [row], zorder=5, **each)
        axes.xaxis.set_major_locator(LogLocator(numticks=8))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(labelsize=SMALL, which="both")
        axes.set_yticks(range(len(ways)), names, fontsize=LEGEND_SIZE, color=COLOURS["ink"])
        axes.set_xlabel("seconds for 1,000 training images", fontsize=NORMAL, labelpad=2)
        add_legend(figure, entries, top=0.02)
        ends = listing([f"{_seconds(way.epoch)} for {name}" for name, way in zip(names, ways, strict=True)])
        return drawn(figure, f"Seconds for 1,000 training images in every epoch: {ends}.")


def _look(place: int) -> dict[str, Any]:
    """Every second line is dashed, with small marks: trainings may run alike, and none is to hide another."""
    look = series_look(place)
    return look | {"linestyle": (0, (2.5, 2)), "markersize": 0.7 * look["markersize"]} if place % 2 else look


def _seconds(value: float) -> str:
    return f"{value:.3g} s"


def _epoch_axis(axes: Any, last: float) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(-0.03 * last, 1.03 * last)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=2))
    axes.set_xlabel("epoch", fontsize=NORMAL, labelpad=2)
    axes.xaxis.grid(visible=False)


def _description(trainings: Sequence[Course]) -> str:
    ends = []
    for one in trainings:
        known = one.accuracy[np.isfinite(one.accuracy)]
        if len(known):
            ends.append(f"from {percent(float(known[0]))} to {percent(float(known[-1]))} for {one.name}")
    what = f"; accuracy {listing(ends)}" if ends else ""
    return f"Validation accuracy and loss against epochs{what}."
