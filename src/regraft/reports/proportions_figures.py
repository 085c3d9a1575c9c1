"""The figures of the proportions study: accuracy against training images, and what is gained by transfer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regraft.evaluation.learning_curves import Prediction
from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
    NORMAL,
    SMALL,
    Drawn,
    add_legend,
    axes_at,
    drawn,
    legend_rows,
    new_figure,
    percent_axis,
    series_look,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import listing, percent
from regraft.studies.proportions_results import Comparison, Curve

_LEFT, _BOTTOM, _HIGH = 0.55, 0.45, 2.6  # inches
_NEAR = 0.2  # a level as far below the curves as this is left out: it would squash them
_NAMES = {"transfer": "with transfer", "scratch": "from random weights"}
_AHEAD: dict[str, Any] = {"marker": "none", "linestyle": (0, (4, 2.5))}


def learning_curves(
    transfer: Curve, scratch: Curve | None, ahead: Sequence[Prediction], majority: float, marked: Sequence[int] = ()
) -> Drawn:
    """Accuracy against training images on a logarithmic scale: means, their intervals, repetitions, what lies ahead.

    Args:
        transfer, scratch: what was measured.
        ahead: of the law, from the fewest images on; empty where there is none.
        majority: the accuracy of always answering with the most frequent class; drawn where the curves come near it.
        marked: numbers of images beyond those measured that get a tick.
    """
    curves = {"transfer": transfer, **({} if scratch is None else {"scratch": scratch})}
    lows = [min(point.low for point in curve.means) for curve in curves.values()]
    lows += [float(curve.accuracies.min()) for curve in curves.values()]
    chance = majority > min(lows) - _NEAR
    level: dict[str, Any] = {"color": COLOURS["muted"], "marker": "none", "linewidth": 1.0, "linestyle": (0, (1, 2))}
    with figure_style():
        looks = {name: series_look(place) for place, name in enumerate(curves)}
        entries = [(_NAMES[name], looks[name]) for name in curves]
        if ahead:
            entries.append(("law of the error, with transfer", {"color": COLOURS["series3"], **_AHEAD}))
        if chance:
            entries.append(("most frequent class", level))
        top = 0.02 + LEGEND_ROW * legend_rows([name for name, _ in entries], FULL_WIDTH - 0.06)
        figure = new_figure(FULL_WIDTH, top + 0.12 + _HIGH + _BOTTOM)
        axes = axes_at(figure, _LEFT, _BOTTOM, FULL_WIDTH - _LEFT - 0.15, _HIGH)
        axes.set_xscale("log")
        if ahead:
            counts = [point.images for point in ahead]
            colour = COLOURS["series3"]
            axes.fill_between(
                counts, [p.low for p in ahead], [p.high for p in ahead], color=colour, alpha=0.16, linewidth=0, zorder=1
            )
            axes.plot(counts, [p.accuracy for p in ahead], color=colour, linewidth=1.4, zorder=3, **_AHEAD)
            axes.axvline(transfer.images[-1], color=COLOURS["other"], linewidth=0.8, zorder=1)
        for name, curve in curves.items():
            _draw(axes, curve, looks[name])
        if chance:
            axes.axhline(majority, zorder=2, **level)
        axes.set_ylim(max(-0.01, min(*lows, *([majority] * chance)) - 0.04), 1.01)
        percent_axis(axes.yaxis, 6)
        _image_axis(axes, [*transfer.images, *marked])
        add_legend(figure, entries, top=0.02)
        return drawn(figure, _description(curves, ahead))


def gains(comparisons: Sequence[Comparison]) -> Drawn | None:
    """By how much transfer is better, with its interval, for each number of images; None where there is nothing."""
    if not comparisons:
        return None
    look = series_look(0)
    with figure_style():
        figure = new_figure(0.6 * FULL_WIDTH, 0.08 + 1.5 + _BOTTOM)
        axes = axes_at(figure, _LEFT, _BOTTOM, 0.6 * FULL_WIDTH - _LEFT - 0.15, 1.5)
        axes.set_xscale("log")
        counts = [one.images for one in comparisons]
        middle = [one.test.difference for one in comparisons]
        ends = [
            [one.test.difference - one.test.low for one in comparisons],
            [one.test.high - one.test.difference for one in comparisons],
        ]
        axes.errorbar(counts, middle, ends, linestyle="none", capsize=3, linewidth=1.2, **look)
        axes.axhline(0, color=COLOURS["muted"], linewidth=0.8)
        axes.margins(x=0.12, y=0.12)
        axes.set_ylabel("difference", fontsize=NORMAL, labelpad=2)
        percent_axis(axes.yaxis)
        _image_axis(axes, counts, room=1.5)
        each = listing(
            [
                f"{percent(abs(d))} {'more' if d >= 0 else 'less'} with {n:,}"
                for n, d in zip(counts, middle, strict=True)
            ]
        )
        return drawn(figure, f"Accuracy with transfer minus that from random weights: {each} images.")


def _draw(axes: Any, curve: Curve, look: dict[str, Any]) -> None:
    """The mean with its band, and a dot for each repetition."""
    means = curve.means
    axes.fill_between(
        curve.images, [m.low for m in means], [m.high for m in means], color=look["color"], alpha=0.16, linewidth=0,
        zorder=2,
    )  # fmt: skip
    axes.plot(curve.images, [m.mean for m in means], linewidth=1.6, zorder=5, **look)
    if len(curve.repeats) > 1:
        for row in curve.accuracies:
            axes.plot(
                curve.images, row, linestyle="none", marker="o", markersize=2.6, markeredgewidth=0, alpha=0.55,
                color=look["color"], zorder=4,
            )  # fmt: skip


def _image_axis(axes: Any, counts: Sequence[int], room: float = 1.12) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    axes.set_xlim(min(counts) / room, max(counts) * room)
    axes.xaxis.set_major_locator(FixedLocator(_apart(counts)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=SMALL)
    axes.xaxis.grid(visible=False)
    axes.set_xlabel("training images", fontsize=NORMAL, labelpad=2)


def _apart(counts: Sequence[int]) -> list[int]:
    """The numbers that get a tick: none so near to the one before that their names would touch."""
    kept: list[int] = []
    least = (max(counts) / min(counts)) ** 0.08
    for count in sorted(set(counts), reverse=True):
        if not kept or kept[-1] / count > least:
            kept.append(count)
    return kept[::-1]


def _description(curves: dict[str, Curve], ahead: Sequence[Prediction]) -> str:
    parts = []
    for name, curve in curves.items():
        first, last = curve.means[0], curve.means[-1]
        span = f"{percent(last.mean)} with {curve.images[-1]:,} training images"
        if len(curve.images) > 1:
            span = f"from {percent(first.mean)} with {curve.images[0]:,} to {span}"
        parts.append(f"{_NAMES[name]} {span}")
    if ahead:
        parts.append(f"the law of the error leads to {percent(ahead[-1].accuracy)} with {ahead[-1].images:,.0f}")
    return f"Test accuracy against training images: {'; '.join(parts)}."
