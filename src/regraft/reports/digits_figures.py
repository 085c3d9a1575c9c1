"""The figures of the digits study: accuracy by number of images, over runs, and during learning.

Accuracies are drawn on a scale that is logarithmic in the error: between 90 % and 99.9 % there is as much to see as
between 10 % and 90 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    marked_points,
    new_figure,
    panel_title,
    percent_axis,
    range_with,
    series_look,
    text_inches,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import THIN, count, listing
from regraft.reports.digits_found import DigitsFound, Floats, Setting
from regraft.reports.digits_words import NAMES, accuracy, proportion_text
from regraft.studies.digits_study import WAYS

BOXES_FROM = 3
"""A box is drawn from so many runs on; fewer are dots and their mean."""

MOST_POINTS = 40
"""Of a course that is drawn: of more, neighbours are averaged."""

_LEFT, _RIGHT, _BOTTOM, _GAP = 0.58, 0.18, 0.42, 0.22  # inches
_LABELLED = 0.5  # inches between columns whose panels each have a scale of their own
_HIGH = 1.4
_BETWEEN = 0.72  # inches between one row of panels and the next: ticks, label and title
_BOX_ROW = 0.18
_DASHED: dict[str, Any] = {"linestyle": (0, (3.2, 1.8))}
_MARKS = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.8, 0.98, 0.998, 0.9998, 0.95, 0.995, 0.9995, 0.7, 0.6, 0.3, 0.0)
"""Of the vertical axis, where there is room; those before others go before them."""
_APART = 0.16  # inches between two marks
_JITTER = (0.0, 0.5, -0.5, 0.25, -0.25, 0.75, -0.75, 1.0, -1.0)  # in units of 0.2 rows, by rank: the same every time


def by_images(found: DigitsFound) -> Drawn:
    """Final accuracy against training images, a line for each way: a panel without dropout and one with it.

    Bands reach from the lowest run to the highest, small dots are single runs.
    """
    images = [found.images(proportion) for proportion in found.proportions]
    with figure_style():
        entries = [(NAMES[way], series_look(place)) for place, way in enumerate(WAYS)]
        top = 0.02 + LEGEND_ROW * legend_rows([name for name, _ in entries], FULL_WIDTH - 0.06)
        figure = new_figure(FULL_WIDTH, top + 0.3 + 1.25 * _HIGH + _BOTTOM)
        wide = (FULL_WIDTH - _LEFT - _RIGHT - _GAP) / 2
        everything = [value for setting in _settings(found) for value in found.accuracies(setting)]
        for column, dropout in enumerate((False, True)):
            axes = axes_at(figure, _LEFT + column * (wide + _GAP), _BOTTOM, wide, 1.25 * _HIGH)
            for place, way in enumerate(WAYS):
                values = np.stack([found.accuracies(Setting(way, dropout, p)) for p in found.proportions])
                errors, look = _errors(found, values), series_look(place)
                if found.repeated:
                    axes.fill_between(
                        images, errors.min(axis=1), errors.max(axis=1), color=look["color"], alpha=0.14, linewidth=0
                    )
                    axes.plot(
                        np.array(images) * 1.045 ** (place - 1), errors, linestyle="none", marker="o", markersize=2.6,
                        markeredgewidth=0, color=look["color"], alpha=0.75, zorder=3,
                    )  # fmt: skip
                axes.plot(images, _errors(found, values.mean(axis=1)), linewidth=1.5, zorder=4, **look)
            axes.set_xscale("log")
            _image_ticks(axes, images, wide)
            _error_axis(axes, found, np.array(everything), labelled=not column, title=not column)
            panel_title(axes, "with dropout" if dropout else "without dropout")
            axes.set_xlabel("training images", fontsize=NORMAL, labelpad=2)
        add_legend(figure, entries, top=0.02)
        return drawn(figure, f"Accuracy on the test images by number of training images: {_ends(found)}.")


def over_runs(found: DigitsFound) -> Drawn:
    """Box plots of the final accuracies over the runs: a panel for each proportion, a row for each way."""
    settings = [(way, dropout) for way in WAYS for dropout in (False, True)]
    names = [_name(way, dropout) for way, dropout in settings]
    with figure_style():
        left = max(text_inches(name, LEGEND_SIZE) for name in names) + 0.12
        high = _BOX_ROW * len(settings) + 0.06
        figure, places = _grid(len(found.proportions), left, high, top=0.0)
        for place, (proportion, at) in enumerate(zip(found.proportions, places, strict=True)):
            axes = axes_at(figure, *at, high)
            axes.set_ylim(len(settings) - 0.4, -0.6)
            axes.set_yticks(range(len(settings)), names if place % 2 == 0 else [""] * len(names))
            axes.tick_params(axis="y", labelsize=LEGEND_SIZE, labelcolor=COLOURS["ink"])
            axes.yaxis.grid(visible=False)
            percent_axis(axes.xaxis, 4)
            values = np.stack([found.accuracies(Setting(*setting, proportion)) for setting in settings])
            low, high_end = range_with(values, None)[0]
            axes.set_xlim(max(-0.01, low), min(1.0 + 0.03 * (high_end - low), high_end))
            for row, (way, _) in enumerate(settings):
                _draw_box(axes, row, values[row], series_look(WAYS.index(way))["color"])
            panel_title(axes, _panel_name(found, proportion))
            axes.set_xlabel("test accuracy", fontsize=NORMAL, labelpad=2)
        runs = count(len(found.repeats), "run")
        return drawn(figure, f"Accuracy on the test images of {runs} of every setting: {_ends(found)}.")


def during_learning(found: DigitsFound) -> Drawn:
    """Mean accuracy against images processed: a panel for each proportion, a line for each way; dashed with dropout."""
    with figure_style():
        entries: list[tuple[str, dict[str, Any]]] = [
            *((NAMES[way], series_look(place)) for place, way in enumerate(WAYS)),
            *((name, {"color": COLOURS["muted"], "marker": "none", **look}) for name, look in
              (("without dropout", {}), ("with dropout", _DASHED))),
        ]  # fmt: skip
        top = 0.02 + LEGEND_ROW * legend_rows([name for name, _ in entries], FULL_WIDTH - 0.06)
        figure, places = _grid(len(found.proportions), _LEFT, _HIGH, top=top, gap=_LABELLED)
        every = int(found.plan["every"])
        for place, (proportion, at) in enumerate(zip(found.proportions, places, strict=True)):
            axes = axes_at(figure, *at, _HIGH)
            measurements = found.measurements(proportion)
            processed = averaged(every * np.arange(1.0, measurements + 1))
            for line, (way, dropout) in enumerate((way, dropout) for way in WAYS for dropout in (False, True)):
                course = averaged(found.course(Setting(way, dropout, proportion)))
                look = series_look(WAYS.index(way)) | (_DASHED if dropout else {})
                axes.plot(
                    processed, _errors(found, course), linewidth=1.0, zorder=4 - 0.1 * line,
                    markevery=marked_points(len(course), line, 6), **look | {"markersize": 3.4},
                )  # fmt: skip
            _processed_axis(axes, every, measurements)
            drawn_ones = [
                averaged(found.course(setting)) for setting in _settings(found) if setting.proportion == proportion
            ]
            _error_axis(axes, found, np.concatenate(drawn_ones), title=place % 2 == 0)
            panel_title(axes, _panel_name(found, proportion))
        add_legend(figure, entries, top=0.02)
        return drawn(
            figure,
            f"Mean accuracy on the test images during learning, for monitoring only; after the last image: "
            f"{_ends(found)}.",
        )


def averaged(course: Floats) -> Floats:
    """A course of at most 40 points: of a longer one, the means of so many neighbours each that they suffice."""
    each = -(-len(course) // MOST_POINTS)
    starts = np.arange(0, len(course), each)
    return np.add.reduceat(course, starts) / np.diff(np.append(starts, len(course)))


def _grid(
    panels: int, left: float, high: float, *, top: float, gap: float = _GAP
) -> tuple[Any, list[tuple[float, float, float]]]:
    """A figure for panels in two columns, and the left, the bottom and the width of each, in inches."""
    rows = (panels + 1) // 2
    tall = top + 0.3 + rows * high + (rows - 1) * _BETWEEN + _BOTTOM
    wide = (FULL_WIDTH - left - _RIGHT - gap) / 2
    places = [
        (left + panel % 2 * (wide + gap), tall - top - 0.3 - high - panel // 2 * (high + _BETWEEN), wide)
        for panel in range(panels)
    ]
    return new_figure(FULL_WIDTH, tall), places


def _errors(found: DigitsFound, accuracies: Floats) -> Floats:
    """The errors, none below half an image: a logarithm has no place for none at all."""
    return np.maximum(1 - np.asarray(accuracies), 0.5 / found.tested)


def _error_axis(axes: Any, found: DigitsFound, accuracies: Floats, *, title: bool, labelled: bool = True) -> None:
    """The vertical axis: accuracy, upwards, logarithmic in the error."""
    from matplotlib.ticker import FixedLocator, NullLocator

    errors = _errors(found, accuracies)
    floor = 0.5 / found.tested
    low, high = float(errors.min()), float(errors.max())
    axes.set_yscale("log")
    axes.set_ylim(min(1.0, high * 1.15), low / 1.15)
    bottom, top = axes.get_ylim()
    inch = np.log(bottom / top) / (axes.get_position().height * axes.figure.get_figheight())
    ticks = [(floor, f"100{THIN}%")] if low <= floor else []
    for mark in _MARKS:
        at = 1 - mark
        if top <= at <= bottom and all(abs(np.log(at / other)) > _APART * inch for other, _ in ticks):
            ticks.append((at, f"{100 * mark:.4g}{THIN}%"))
    axes.yaxis.set_major_locator(FixedLocator([at for at, _ in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels([text if labelled else "" for _, text in ticks])
    axes.tick_params(labelsize=SMALL)
    if title:
        axes.set_ylabel("test accuracy", fontsize=NORMAL, labelpad=3)


def _image_ticks(axes: Any, images: Sequence[int], wide: float) -> None:
    """The numbers of images that there are; where two would touch, the first."""
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = min(images) / 1.25, max(images) * 1.25
    axes.set_xlim(low, high)
    kept: list[int] = []
    for number in sorted(set(images)):
        apart = np.log(number / kept[-1]) / np.log(high / low) * wide if kept else wide
        if not kept or apart > text_inches(f"{number:,}", SMALL) + 0.08:
            kept.append(number)
    axes.xaxis.set_major_locator(FixedLocator(kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{number:,}" for number in kept])
    axes.xaxis.grid(visible=False)


def _processed_axis(axes: Any, every: int, measurements: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    last = every * measurements
    axes.set_xlim(0, 1.03 * last)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("images processed", fontsize=NORMAL, labelpad=2)
    axes.xaxis.grid(visible=False)


def _draw_box(axes: Any, row: int, values: Floats, colour: str) -> None:
    low, lower, middle, upper, high = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    if len(values) >= BOXES_FROM:
        axes.plot([low, high], [row, row], color=colour, linewidth=1, zorder=2)
        axes.barh(row, upper - lower, left=lower, height=0.6, color=colour, alpha=0.25, linewidth=0, zorder=2.6)
    else:
        middle = values.mean()
    if len(values) > 1:
        axes.plot(
            [middle, middle], [row - 0.32, row + 0.32], color=colour, linewidth=2, solid_capstyle="butt", zorder=3
        )
    axes.plot(
        np.sort(values), row + 0.2 * np.resize(_JITTER, len(values)), linestyle="none", marker="o", markersize=3.2,
        color=COLOURS["ink"], alpha=0.65, markeredgewidth=0, zorder=4,
    )  # fmt: skip


def _settings(found: DigitsFound) -> list[Setting]:
    return [Setting(way, dropout, p) for p in found.proportions for dropout in (False, True) for way in WAYS]


def _name(way: Any, dropout: bool) -> str:
    return f"{NAMES[way]}, dropout" if dropout else NAMES[way]


def _panel_name(found: DigitsFound, proportion: float) -> str:
    return f"{proportion_text(proportion)}: {count(found.images(proportion), 'image')}"


def _ends(found: DigitsFound) -> str:
    """The means at the smallest and at the largest proportion, in words."""
    parts = []
    for proportion in dict.fromkeys((found.proportions[0], found.proportions[-1])):
        means = [
            f"{accuracy(found.mean(Setting(way, dropout, proportion)), found.decimals)} {_name(way, dropout)}"
            for way in WAYS
            for dropout in (False, True)
        ]
        parts.append(
            f"with {count(found.images(proportion), 'image')} {listing(means).replace(', dropout', ' with dropout')}"
        )
    return "; ".join(parts)
