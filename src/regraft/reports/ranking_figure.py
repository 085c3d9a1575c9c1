"""The backbones of a ranking: accuracy against time, and those that no other beats in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from regraft.reports._drawing import (
    FULL_WIDTH,
    NORMAL,
    SMALL,
    Drawn,
    axes_at,
    drawn,
    new_figure,
    percent_axis,
    text_inches,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import listing, percent, shortened
from regraft.transfer.ranked import RankedBackbone

_LEFT, _RIGHT, _BOTTOM, _TOP = 0.55, 0.12, 0.45, 0.12  # inches
_HIGH = 3.1
_LINE = 0.15  # inches that a name takes in height
_GAP = 0.07  # between a point and its name


def ranking_figure(backbones: Sequence[RankedBackbone]) -> Drawn:
    """Accuracy with its 95 % interval against milliseconds an image, on a logarithmic axis, the front as a line.

    Args:
        backbones: at least one.
    """
    with figure_style():
        wide = FULL_WIDTH - _LEFT - _RIGHT
        figure = new_figure(FULL_WIDTH, _BOTTOM + _HIGH + _TOP)
        axes = axes_at(figure, _LEFT, _BOTTOM, wide, _HIGH)
        _ranges(axes, backbones)
        front = sorted((one for one in backbones if one.on_front), key=lambda one: one.ms_per_image)
        if len(front) > 1:
            axes.plot(
                [one.ms_per_image for one in front], [one.accuracy for one in front], color=COLOURS["series1"],
                linewidth=1.3, zorder=3,
            )  # fmt: skip
        for one in backbones:
            _point(axes, one)
        _names(axes, backbones, wide)
        return drawn(figure, _description(backbones, front))


def _ranges(axes: Any, backbones: Sequence[RankedBackbone]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    times = [one.ms_per_image for one in backbones]
    low, high = min(times) / 1.35, max(times) * 1.35
    low, high = (low, high) if high / low > 4 else (low / 2, high * 2)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    steps = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]
    axes.xaxis.set_major_locator(FixedLocator([step for step in steps if low <= step <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("milliseconds an image, forward pass on this machine (logarithmic)", fontsize=NORMAL, labelpad=2)
    bounds = [bound for one in backbones for bound in one.accuracy_interval]
    room = 0.1 * max(max(bounds) - min(bounds), 0.02)
    axes.set_ylim(max(min(bounds) - room, -0.02), min(max(bounds) + room, 1.02))
    percent_axis(axes.yaxis, 6)
    axes.set_ylabel("accuracy of the linear probe, 95 % interval", fontsize=NORMAL, labelpad=3)


def _point(axes: Any, one: RankedBackbone) -> None:
    colour = COLOURS["series1"] if one.on_front else COLOURS["muted"]
    axes.plot(
        [one.ms_per_image] * 2, one.accuracy_interval, color=colour, linewidth=1.1, alpha=0.55, zorder=2,
        solid_capstyle="butt",
    )  # fmt: skip
    filled = colour if one.on_front else COLOURS["paper"]
    axes.plot(
        [one.ms_per_image], [one.accuracy], marker="o", markersize=6, color=colour, markerfacecolor=filled,
        markeredgewidth=1.3, linestyle="none", zorder=4,
    )  # fmt: skip


def _names(axes: Any, backbones: Sequence[RankedBackbone], wide: float) -> None:
    """Beside each point its name, at the first of a few places where it lies on nothing; else with a thin line to it.

    All in inches from the lower left corner of the axes.
    """
    places = [_inches(axes, one.ms_per_image, one.accuracy, wide) for one in backbones]
    taken = [(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in places]
    for one, (x, y) in zip(backbones, places, strict=True):  # the intervals, too: a name on a line is hard to read
        low, high = (_inches(axes, one.ms_per_image, bound, wide)[1] for bound in one.accuracy_interval)
        taken.append((x - 0.02, min(low, y), x + 0.02, max(high, y)))
    ends = sorted(place for one, place in zip(backbones, places, strict=True) if one.on_front)
    for (x1, y1), (x2, y2) in pairwise(ends):  # and so is one on the front
        steps = max(1, round(math.hypot(x2 - x1, y2 - y1) / 0.04))
        middles = [(x1 + (x2 - x1) * step / steps, y1 + (y2 - y1) * step / steps) for step in range(steps)]
        taken += [(x - 0.02, y - 0.02, x + 0.02, y + 0.02) for x, y in middles]
    for one, (x, y) in zip(backbones, places, strict=True):
        name = shortened(one.name, 30)
        long = text_inches(name, SMALL)
        left, low = _free_place(x, y, long, wide, taken)
        taken.append((left, low, left + long, low + _LINE))
        middle = (left + long / 2, low + _LINE / 2)
        if max(abs(middle[0] - x) - long / 2, abs(middle[1] - y) - _LINE / 2) > 2 * _GAP:
            to = (min(max(x, left), left + long), min(max(y, low), low + _LINE))
            axes.plot(
                [x / wide, to[0] / wide], [y / _HIGH, to[1] / _HIGH], transform=axes.transAxes,
                color=COLOURS["other"], linewidth=0.7, zorder=1,
            )  # fmt: skip
        axes.text(
            left / wide, middle[1] / _HIGH, name, transform=axes.transAxes, fontsize=SMALL, va="center_baseline",
            color=COLOURS["ink"] if one.on_front else COLOURS["muted"], zorder=5,
            bbox={"facecolor": COLOURS["paper"], "alpha": 0.75, "linewidth": 0, "pad": 0.6},
        )  # fmt: skip


def _inches(axes: Any, milliseconds: float, accuracy: float, wide: float) -> tuple[float, float]:
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    across = (math.log(milliseconds) - math.log(left)) / (math.log(right) - math.log(left))
    return across * wide, (accuracy - low) / (high - low) * _HIGH


def _free_place(
    x: float, y: float, long: float, wide: float, taken: Sequence[tuple[float, float, float, float]]
) -> tuple[float, float]:
    """The lower left corner of a name: right or left of its point, level with it or ever farther above and below."""
    levels = [sign * step * 0.6 * _LINE for step in range(30) for sign in (1, -1)]
    for level in levels:
        for left in (x + _GAP, x - _GAP - long):
            low = y - _LINE / 2 + level
            inside = left >= 0 and left + long <= wide and low >= 0 and low + _LINE <= _HIGH
            if inside and not any(_overlap((left, low, left + long, low + _LINE), other) for other in taken):
                return left, low
    return min(max(x + _GAP, 0.0), max(wide - long, 0.0)), y - _LINE / 2  # more names than there is room for


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _description(backbones: Sequence[RankedBackbone], front: Sequence[RankedBackbone]) -> str:
    told = listing([f"{shortened(one.name, 30)} {percent(one.accuracy)} at {one.ms_per_image:.3g} ms" for one in front])
    return (
        f"Accuracy against milliseconds an image of {len(backbones)} backbones. On the line are those that no other "
        f"beats in both: {told}."
    )
