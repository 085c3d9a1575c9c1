"""What the figures of a study share: sizes, the look and the name of a setting, legends, ranges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.reports._svg import COLOURS, svg_of
from regraft.reports._words import THIN, shortened, shown, width
from regraft.studies.axes import axis_title, value_text
from regraft.studies.results import Results

Floats = npt.NDArray[np.float64]

FULL_WIDTH = 6.3
"""Inches between the margins of a printed page: figures are drawn at the size at which they are printed."""

SMALL, LEGEND_SIZE, NORMAL = 7.5, 8.0, 8.5
"""Font sizes in points."""

LEGEND_ROW = 0.175
"""Inches that one row of a legend takes."""

MAX_SERIES = 7
"""So many lines at most have colours and markers that a reader can tell apart."""

_MARKERS = ("o", "s", "^", "D", "v", "p", "*")
_MAX_POINTS = 200  # of one curve: more cannot be told apart at the width of a page
_MARKED = 6  # markers along a curve, about
_HANDLE = 0.3  # inches of line before a name in a legend


class Drawn(NamedTuple):
    """A figure: the SVG file, what it shows for readers who cannot see it, and its share of the page's width."""

    svg: str
    description: str
    width: float


def new_figure(inches: float, high: float) -> Any:
    """An empty matplotlib figure; to be called and filled inside `figure_style`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(inches, high))


def drawn(figure: Any, description: str) -> Drawn:
    """The finished figure; to be called inside `figure_style`, under which it is written."""
    return Drawn(svg_of(figure), description, round(float(min(1.0, figure.get_figwidth() / FULL_WIDTH)), 3))


def axes_at(figure: Any, left: float, bottom: float, wide: float, high: float) -> Any:
    """Axes whose place and size are given in inches from the lower left corner, with small numbers at its ticks."""
    full_wide, full_high = figure.get_size_inches()
    axes = figure.add_axes((left / full_wide, bottom / full_high, wide / full_wide, high / full_high))
    axes.tick_params(labelsize=SMALL)
    return axes


def text_inches(text: str, points: float) -> float:
    """How wide a text is in the font of printed reports; rather less in most others. To be called in `figure_style`."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=points)
    measured = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] if text else 0.0
    return max(float(measured), 0.5 * width(text) * points) / 72  # what the font lacks may be wider than it measures


def fitting(names: Sequence[str], inches: float) -> list[str]:
    """The names, the longest cut in the middle, so that none is wider. To be called in `figure_style`."""
    columns = max((width(shown(name)) for name in names), default=0)
    while columns > 8 and any(text_inches(shortened(name, columns), LEGEND_SIZE) > inches for name in names):
        columns -= 1
    return [shortened(name, columns) for name in names]


def series_look(index: int) -> dict[str, Any]:
    """Colour and marker of the setting at a place among at most `MAX_SERIES`."""
    return {
        "color": COLOURS[f"series{index % MAX_SERIES + 1}"],
        "marker": _MARKERS[index % MAX_SERIES],
        "markersize": 6.5 if _MARKERS[index % MAX_SERIES] == "*" else 4.2,
        "markeredgecolor": COLOURS["paper"],
        "markeredgewidth": 0.3 if _MARKERS[index % MAX_SERIES] == "*" else 0.5,
    }


def marked_points(epochs: int, index: int = 0, of: int = 1) -> slice:
    """Which points of a curve get a marker: a few, at other places for each setting so that none hides another."""
    step = max(1, math.ceil(epochs / _MARKED))
    return slice(index * step // max(of, 1), None, step)


def thinned(epochs: int) -> npt.NDArray[np.int64]:
    """Indices of the epochs that are drawn: all of them, or a few hundred spread evenly."""
    return np.unique(np.linspace(0, epochs - 1, min(epochs, _MAX_POINTS)).astype(np.int64))


def mark_divergence(axes: Any, x: float, y: float, colour: str, **place: Any) -> None:
    """A bold × where a training diverged."""
    axes.plot(
        [x], [y], marker="x", markersize=7, markeredgewidth=2, color=colour, linestyle="none", clip_on=False,
        zorder=6, **place,
    )  # fmt: skip


def percent_axis(axis: Any, most: int = 5) -> None:
    """Ticks of an axis of shares, written in percent."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}{THIN}%"))


def epoch_axis(axes: Any, epochs: int, most: int = 6) -> None:
    """The x axis of a panel over epochs."""
    from matplotlib.ticker import MaxNLocator

    room = 0.02 * (epochs - 1) or 0.5
    axes.set_xlim(1 - room, epochs + room)
    axes.xaxis.set_major_locator(MaxNLocator(most, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", fontsize=NORMAL, labelpad=2)
    axes.xaxis.grid(visible=False)


def panel_title(axes: Any, text: str, pad: float = 5) -> None:
    """The name of what a panel shows, so many points above it on the left."""
    axes.set_title(text, loc="left", fontsize=NORMAL, fontweight="bold", pad=pad)


def note_in(axes: Any, text: str) -> None:
    """A small remark in the upper right corner of a panel."""
    box = {"facecolor": COLOURS["paper"], "alpha": 0.8, "linewidth": 0, "pad": 1.5}
    axes.text(
        0.985, 0.97, text, transform=axes.transAxes, ha="right", va="top", fontsize=SMALL, color=COLOURS["muted"],
        bbox=box, zorder=7,
    )  # fmt: skip


def legend_rows(labels: Sequence[str], inches: float, title: str = "") -> int:
    """How many rows a legend takes in a width."""
    places = _legend_places(labels, inches, title)
    return places[-1][1] + 1 if places else 0


def add_legend(
    figure: Any, entries: Sequence[tuple[str, dict[str, Any]]], *, top: float, left: float = 0.06, title: str = ""
) -> None:
    """Rows of short lines with their names below the upper edge of a figure.

    Args:
        entries: the name and the look (colour, marker, line style) of each.
        top, left: where it begins, in inches from the upper left corner.
        title: before the first name.
    """
    from matplotlib.lines import Line2D

    wide, high = figure.get_size_inches()
    labels = [label for label, _ in entries]
    inches: dict[str, Any] = {"transform": figure.dpi_scale_trans}
    middle = high - top - LEGEND_ROW / 2
    if title:
        figure.text(left, middle, title, fontsize=NORMAL, color=COLOURS["muted"], va="center_baseline", **inches)
    for (x, row), (label, look) in zip(_legend_places(labels, wide - left, title), entries, strict=True):
        y, at = middle - row * LEGEND_ROW, left + x
        line: dict[str, Any] = {"linewidth": 1.5, "markevery": [1]} | look | inches
        figure.add_artist(Line2D([at, at + _HANDLE / 2, at + _HANDLE], [y] * 3, **line))
        figure.text(at + _HANDLE + 0.06, y, label, fontsize=LEGEND_SIZE, va="center_baseline", **inches)


def _legend_places(labels: Sequence[str], inches: float, title: str) -> list[tuple[float, int]]:
    """Where each name goes: inches from the left, and the row. Columns are of one width where one row is not enough."""
    start = text_inches(title, NORMAL) + 0.1 if title else 0.0
    widths = [text_inches(label, LEGEND_SIZE) + _HANDLE + 0.22 for label in labels]
    if start + sum(widths) <= inches:
        return [(start + sum(widths[:position]), 0) for position in range(len(labels))]
    columns = max(1, min(len(labels), int((inches - start) / max(widths))))
    return [(start + position % columns * max(widths), position // columns) for position in range(len(labels))]


def range_with(values: Floats, extra: float | None, room: float = 0.12) -> tuple[tuple[float, float], bool]:
    """The range of an axis for finite values, and whether it takes in `extra` too (where that does not squash them)."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    span = max(high - low, 0.02)
    within = extra is not None and low - 1.2 * span <= extra <= high + 1.2 * span
    if extra is not None and within:
        low, high = min(low, extra), max(high, extra)
    span = max(high - low, 0.02)
    return (low - room * span, high + room * span), within


def setting_names(results: Results, given: Sequence[str] | None = None, columns: int = 34) -> tuple[str, list[str]]:
    """What the settings are called in a legend: its title, and a name for each of them.

    Args:
        results: of the settings.
        given: names to use instead of those that follow from the settings.
        columns: longer names are cut in the middle.
    """
    if given is not None:
        return "", [shortened(name, columns) for name in given]
    varied = [axis for axis, values in results.axes.items() if len(values) > 1]
    if len(varied) == 1 and all(varied[0] in setting.values for setting in results.settings):
        names = [shortened(value_text(setting.values[varied[0]]), columns) for setting in results.settings]
        return shown(axis_title(varied[0])), names
    return "", [shortened(setting.label, columns) for setting in results.settings]
