"""What augmented views buy: accuracy against how many of them each image came in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
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
    percent_axis,
    range_with,
    series_look,
)
from regraft.reports._svg import figure_style
from regraft.reports._words import listing, percent, shortened, shown

_INCHES, _LEFT, _RIGHT, _BOTTOM, _HIGH = 0.75 * FULL_WIDTH, 0.6, 0.1, 0.42, 2.2
_APART = (
    0.09  # of the distance between two numbers of views: so far apart are the lines, that no interval hides another
)

Point = tuple[int, float, float, float]


def draw_views(lines: Mapping[str, Sequence[Point]]) -> Drawn:
    """Draws a line for each way of training, with an interval at every number of views.

    The numbers of views stand side by side at equal distances: what matters is how many times as many there are.

    Args:
        lines: by name, such as `frozen` and `fine-tuned`: the number of views, the mean accuracy, and the ends of its
            interval (NaN where there is none). At most seven lines.

    Raises:
        ValueError: there is nothing to draw, or too much.
    """
    if not lines or len(lines) > MAX_SERIES or not all(lines.values()):
        raise ValueError(f"1 to {MAX_SERIES} lines with points are needed, received {len(lines)}")
    numbers = sorted({point[0] for points in lines.values() for point in points})
    place = {views: position for position, views in enumerate(numbers)}
    with figure_style():
        names = fitting([shortened(name, 60) for name in lines], 0.8 * _INCHES)
        rows = legend_rows(names, _INCHES - 0.06)
        figure = new_figure(_INCHES, 0.02 + LEGEND_ROW * rows + 0.12 + _HIGH + _BOTTOM)
        axes = axes_at(figure, _LEFT, _BOTTOM, _INCHES - _LEFT - _RIGHT, _HIGH)
        for index, points in enumerate(lines.values()):
            shift = _APART * (index - (len(lines) - 1) / 2)
            _draw_line(axes, index, [(place[point[0]] + shift, *point[1:]) for point in sorted(points)])
        values = np.array([value for points in lines.values() for point in points for value in point[1:]], np.float64)
        (low, high), _ = range_with(values, None, 0.08)
        axes.set_ylim(max(low, -0.015), min(high, 1.015))
        percent_axis(axes.yaxis)
        axes.set_xlim(-0.5, len(numbers) - 0.5)
        axes.set_xticks(range(len(numbers)), [f"{views:,}" for views in numbers], fontsize=SMALL)
        axes.xaxis.grid(visible=False)
        axes.set_xlabel("augmented views of each training image", fontsize=NORMAL, labelpad=2)
        axes.set_ylabel("accuracy", fontsize=NORMAL, labelpad=3)
        add_legend(figure, [(name, series_look(index)) for index, name in enumerate(names)], top=0.02)
        return drawn(figure, _description(lines))


def _draw_line(axes: Any, index: int, points: Sequence[tuple[float, float, float, float]]) -> None:
    look = series_look(index)
    x, mean, low, high = np.array(points, np.float64).T
    known = np.isfinite(low) & np.isfinite(high)
    axes.vlines(x[known], low[known], high[known], color=look["color"], linewidth=2.2, alpha=0.45, zorder=3)
    axes.plot(x, mean, linewidth=1.5, zorder=4, **look)


def _description(lines: Mapping[str, Sequence[Point]]) -> str:
    parts = []
    for name, points in lines.items():
        first, last = min(points), max(points)
        ends = [f"{percent(first[1])}{_interval(first)} with {first[0]:,}"]
        ends += [f"{percent(last[1])}{_interval(last)} with {last[0]:,}"] * (len(points) > 1)
        parts.append(f"{shown(name)}: {listing(ends)}")
    return f"Accuracy by the number of augmented views. {'; '.join(parts)}."


def _interval(point: Point) -> str:
    low, high = point[2:]
    return f" ({percent(low)} to {percent(high)})" if math.isfinite(low) and math.isfinite(high) else ""
