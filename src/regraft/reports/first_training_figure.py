"""One training in full: its errors against epochs and seconds, and what else was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.reports._curves import curve_of, has_diverged, is_known
from regraft.reports._drawing import (
    FULL_WIDTH,
    NORMAL,
    SMALL,
    Drawn,
    axes_at,
    drawn,
    epoch_axis,
    mark_divergence,
    marked_points,
    new_figure,
    note_in,
    panel_title,
    percent_axis,
    series_look,
    thinned,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import duration, listing, percent
from regraft.studies.results import Results

Floats = npt.NDArray[np.float64]
Curves = Mapping[str, Floats]

_LEFT, _GAP, _BOTTOM, _HIGH = 0.5, 0.58, 0.42, 1.55  # inches


def curves_of(results: Results, setting: int = 0, repetition: int = 0) -> dict[str, Floats]:
    """The curves of one training, (E,) each."""
    return {name: values[setting, repetition] for name, values in results.curves.items()}


def first_training(training: Results | Curves) -> Drawn | None:
    """One training in full: its errors against epochs, the same against seconds, and what else was measured.

    Three panels: the error on training and validation images against epochs; against seconds; accuracy, precision and
    recall on the validation images. A panel of which nothing was measured is left out. A training that diverged (its
    loss is no finite number at the end) ends with a ×.

    Args:
        training: `loss`, `accuracy`, `val_accuracy`, `val_precision`, `val_recall` and `seconds`, each (E,) float64;
            or results, of which the first training is taken.

    Returns:
        None where nothing was measured.
    """
    curves = curves_of(training) if isinstance(training, Results) else training
    diverged = has_diverged(curves)
    errors = [name for name in ("error", "val_error") if is_known(curves, name) or (diverged and "accuracy" in curves)]
    others = [name for name in ("val_accuracy", "val_precision", "val_recall") if is_known(curves, name)]
    kinds = ["epochs"] * bool(errors) + ["seconds"] * (bool(errors) and is_known(curves, "seconds"))
    kinds += ["others"] * bool(others)
    if not kinds:
        return None
    with figure_style():
        wide = (FULL_WIDTH - _LEFT - 0.08 - _GAP * (len(kinds) - 1)) / len(kinds)
        figure = new_figure(FULL_WIDTH, _BOTTOM + _HIGH + 0.26)
        for position, kind in enumerate(kinds):
            axes = axes_at(figure, _LEFT + position * (wide + _GAP), _BOTTOM, wide, _HIGH)
            for name in others if kind == "others" else errors:
                _draw_measure(axes, curves, name, kind, diverged)
            if kind == "seconds":
                _linear_seconds(axes)
            else:
                epoch_axis(axes, len(next(iter(curves.values()))))
            panel_title(axes, "validation images" if kind == "others" else "error")
            percent_axis(axes.yaxis)
            _limit(axes, curves, others if kind == "others" else errors)
            if kind != "seconds":
                _legend_within(axes)
            if diverged and kind == "seconds":
                note_in(axes, "× diverged")
        return drawn(figure, _first_description(curves, errors, others, diverged))


def _draw_measure(axes: Any, curves: Curves, name: str, kind: str, diverged: bool) -> None:
    values = curve_of(curves, name)
    points = thinned(len(values))
    x = curves["seconds"][points] if kind == "seconds" else points + 1.0
    look = _measure_look(name)
    place = ("error", "val_error", "val_accuracy", "val_precision", "val_recall").index(name)
    axes.plot(x, values[points], markevery=marked_points(len(x), place, 5), label=_short(name), **look)
    if diverged:
        known = np.flatnonzero(np.isfinite(values))
        at = known[-1] if len(known) else 0
        x_at = curves["seconds"][at] if kind == "seconds" else at + 1
        mark_divergence(axes, x_at, values[at] if len(known) else 0.5, look["color"])


def _limit(axes: Any, curves: Curves, names: Sequence[str]) -> None:
    """Room above and below the curves; an error is shown from 0."""
    values = np.concatenate([curve_of(curves, name) for name in names])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    room = 0.08 * max(high - low, 0.05)
    axes.set_ylim(0 if names[0].endswith("error") else low - room, high + room)


def _measure_look(name: str) -> dict[str, Any]:
    if name == "val_accuracy":  # wide and light: where classes are equally frequent, recall is the same line
        return {"color": COLOURS["series1"], "linewidth": 4.5, "alpha": 0.35, "marker": ""}
    if name in ("val_precision", "val_recall"):
        look = series_look(2 if name == "val_precision" else 3)
        return look | {"linewidth": 1.3, "linestyle": "-" if name == "val_precision" else (0, (3, 1.5))}
    role, index = ("train", 1) if name == "error" else ("validation", 0)
    return series_look(index) | {"color": COLOURS[role], "linewidth": 1.6}


def _short(name: str) -> str:
    return {"error": "training", "val_error": "validation"}.get(name, name.removeprefix("val_"))


def _legend_within(axes: Any) -> None:
    axes.legend(
        loc="best", fontsize=SMALL, handlelength=2.2, borderpad=0.2, labelspacing=0.3, handletextpad=0.5,
        frameon=True, framealpha=0.8, facecolor=COLOURS["paper"], edgecolor="none", fancybox=False,
    )  # fmt: skip


def _linear_seconds(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel("seconds", fontsize=NORMAL, labelpad=2)
    axes.xaxis.grid(visible=False)


def _first_description(curves: Curves, errors: Sequence[str], others: Sequence[str], diverged: bool) -> str:
    parts = [
        f"{percent(_last(curves, name))} on the {_short(name)} images" for name in errors if is_known(curves, name)
    ]
    texts = [f"the error ends at {listing(parts)}"] if parts else []
    texts += [f"{_short(name)} on the validation images at {percent(_last(curves, name))}" for name in others]
    epochs, seconds = len(next(iter(curves.values()))), curves.get("seconds")
    timed = f" and {duration(float(seconds[-1]))}" if seconds is not None and np.isfinite(seconds[-1]) else ""
    lost = "The training diverged; before that, " if diverged and texts else "The training diverged" if diverged else ""
    start = f"One training over {epochs} epochs{timed}: "
    return start + (lost[0].lower() + lost[1:] if lost else "") + listing(texts) + "."


def _last(curves: Curves, name: str) -> float:
    values = curve_of(curves, name)
    return float(values[np.isfinite(values)][-1])
