"""A run and its control while they were trained: validation accuracy against epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
    NORMAL,
    Drawn,
    add_legend,
    axes_at,
    drawn,
    legend_rows,
    new_figure,
    panel_title,
    percent_axis,
    range_with,
    series_look,
    thinned,
)
from regraft.reports._svg import figure_style
from regraft.reports._words import count, percent

_WIDE, _HIGH, _LEFT, _BOTTOM = 4.2, 1.9, 0.46, 0.42  # inches
_LOGARITHMIC = 8  # from so many times as many epochs on, the shorter training would be squeezed to a line

History = Sequence[Mapping[str, Any]]
Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def draw_control(metrics: Mapping[str, Any], history: History, control_history: History) -> Drawn | None:
    """Draws the validation accuracies of a run and of its control.

    Args:
        metrics: of the run.
        history: of the run: the fine-tuning, where there was one, is drawn, else the chosen head.
        control_history: of the control.

    Returns:
        None where one of them has no accuracy to draw.
    """
    tuned = "finetune" in metrics
    head = metrics.get("chosen", {}).get("head", 0)
    own = [row for row in history if row.get("phase") == ("finetune" if tuned else "grid")]
    run = _curve(own if tuned else [row for row in own if row.get("head") == head])
    control = _curve([row for row in control_history if row.get("phase") == "scratch"])
    if not len(run[0]) or not len(control[0]):
        return None
    names = f"with transfer: {'fine-tuning' if tuned else 'the head'}", "from scratch: all layers"
    entries = [
        (name, {**series_look(index), "linewidth": 1.5} | ({} if len(curve[0]) <= 30 else {"marker": "none"}))
        for index, (name, curve) in enumerate(zip(names, (run, control), strict=True))
    ]
    with figure_style():
        wide = _LEFT + _WIDE + 0.1
        top = 0.02 + LEGEND_ROW * legend_rows(list(names), min(wide, FULL_WIDTH) - 0.06)
        figure = new_figure(wide, top + 0.3 + _HIGH + _BOTTOM)
        axes = axes_at(figure, _LEFT, _BOTTOM, _WIDE, _HIGH)
        for (epochs, values), (_, look) in zip((run, control), entries, strict=True):
            some = thinned(len(epochs))
            axes.plot(epochs[some], values[some], zorder=4, **look)
        _axes(axes, run, control)
        add_legend(figure, entries, top=0.02)
        return drawn(figure, _description(run, control))


def _curve(rows: History) -> Curve:
    """Epochs from 1 on, and the accuracies that were measured after them."""
    known = sorted(
        (row["epoch"], row["val_accuracy"]) for row in rows if row["epoch"] and row.get("val_accuracy") is not None
    )
    values = np.array(known, np.float64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def _axes(axes: Any, run: Curve, control: Curve) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    (low, high), _ = range_with(np.concatenate([run[1], control[1]]), None, 0.1)
    axes.set_ylim(max(low, -0.01), min(high, 1.01))
    percent_axis(axes.yaxis)
    panel_title(axes, "validation accuracy")
    longest, shortest = sorted((run[0][-1], control[0][-1]), reverse=True)
    if longest > _LOGARITHMIC * shortest:
        axes.set_xscale("log")
        axes.set_xlim(0.93, longest * 1.07)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("epoch, on a logarithmic scale", fontsize=NORMAL, labelpad=2)
    else:
        room = 0.03 * longest
        axes.set_xlim(1 - room, longest + room)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch", fontsize=NORMAL, labelpad=2)
    axes.xaxis.grid(visible=False)


def _description(run: Curve, control: Curve) -> str:
    def end(curve: Curve) -> str:
        return f"{percent(float(curve[1][-1]))} after {count(int(curve[0][-1]), 'epoch')}"

    return f"Validation accuracy against epochs: with transfer {end(run)}, from scratch {end(control)}."
