"""Standard and accelerated training on top of each other, and how much faster the accelerated one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.reports._curves import QUANTITIES, Quantity, curve_of, has_diverged, highest_shown, is_known
from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
    NORMAL,
    SMALL,
    Drawn,
    add_legend,
    axes_at,
    drawn,
    epoch_axis,
    legend_rows,
    mark_divergence,
    marked_points,
    new_figure,
    note_in,
    panel_title,
    percent_axis,
    series_look,
    text_inches,
    thinned,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import listing, shortened

Floats = npt.NDArray[np.float64]
Curves = Mapping[str, Floats]

MAX_PAIRS = 5
"""Of more trainings than this, `agreement` draws the first ones."""

_LEFT, _GAP, _BOTTOM = 0.5, 0.58, 0.42  # inches
_STANDARD: dict[str, Any] = {"linewidth": 4.5, "alpha": 0.35, "marker": ""}
_ACCELERATED: dict[str, Any] = {"linewidth": 1.3, "linestyle": (0, (3, 1.5))}


def agreement(
    trainings: Sequence[tuple[str, Curves, Curves]],
    *,
    quantities: Sequence[Quantity] = ("loss", "val_loss", "accuracy", "val_accuracy"),
) -> Drawn | None:
    """Standard and accelerated training on top of each other, against epochs and against seconds.

    The standard training is a thick light line, the accelerated one a thin dashed line over it. In each row up to two
    quantities stand against epochs, the last of them also against seconds on a logarithmic axis, where an arrow spans
    what the accelerated training saves: the seconds to the last epoch that both trained.

    Args:
        trainings: label, curves of the standard and of the accelerated training, (E,) float64 by name as in
            `Results.curves`; the two may differ in the number of epochs.
        quantities: what is drawn.

    Returns:
        None where nothing can be compared.
    """
    pairs = list(trainings)[:MAX_PAIRS]
    shown = [name for name in quantities if any(is_known(one, name) for _, *both in pairs for one in both)]
    if not shown:
        return None
    rows = [shown[start : start + 2] for start in range(0, len(shown), 2)]
    speed_ups = [ratio for _, standard, accelerated in pairs if (ratio := speed_up(standard, accelerated))]
    labels = [shortened(label, 34) for label, _, _ in pairs]
    grey = {"color": COLOURS["muted"]}
    entries = [("standard", _STANDARD | grey), ("accelerated", _ACCELERATED | grey | {"marker": ""})]
    entries += [(label, series_look(index) | {"linewidth": 1.3}) for index, label in enumerate(labels)] * (
        len(pairs) > 1
    )

    with figure_style():
        columns = max(len(row) for row in rows) + bool(speed_ups)
        wide = (FULL_WIDTH - _LEFT - 0.08 - _GAP * (columns - 1)) / columns
        high, above = min(0.85 * wide, 1.7), 0.52 if speed_ups else 0.26
        legend = LEGEND_ROW * legend_rows([label for label, _ in entries], FULL_WIDTH - 0.06) + 0.06
        figure = new_figure(FULL_WIDTH, legend + len(rows) * (above + high + _BOTTOM))
        for line, row in enumerate(rows):
            bottom = _BOTTOM + (len(rows) - 1 - line) * (above + high + _BOTTOM)
            for position, name in enumerate([*row, row[-1]] if speed_ups else row):
                axes = axes_at(figure, _LEFT + position * (wide + _GAP), bottom, wide, high)
                seconds = position == len(row)
                _draw_pairs(axes, pairs, name, seconds)
                panel_title(axes, QUANTITIES[name], pad=22 if speed_ups else 5)
                if seconds:
                    _log_seconds(axes)
                    _draw_speed_up(axes, pairs, speed_ups, wide)
                else:
                    epoch_axis(axes, max(len(next(iter(one.values()))) for _, *both in pairs for one in both), most=5)
        add_legend(figure, entries, top=0.02)
        return drawn(figure, _agreement_description(pairs, shown, speed_ups))


def speed_up(standard: Curves, accelerated: Curves) -> float | None:
    """How many times as long the standard training took to the last epoch that both trained; None if not timed."""
    if "seconds" not in standard or "seconds" not in accelerated:
        return None
    last = min(len(standard["seconds"]), len(accelerated["seconds"])) - 1
    slow, fast = (float(curves["seconds"][last]) if last >= 0 else 0.0 for curves in (standard, accelerated))
    return slow / fast if np.isfinite([slow, fast]).all() and slow > 0 and fast > 0 else None


def speed_words(ratios: Sequence[float]) -> str:
    """`230 times as fast`, or `180 to 230 times as fast`."""
    if max(ratios) < 1.05 and min(ratios) >= 0.95:
        return "equally fast"
    low, high = (f"{value:.2g}" if value < 9.5 else f"{value:,.0f}" for value in (min(ratios), max(ratios)))
    return f"{low} times as fast" if low == high else f"{low} to {high} times as fast"


def _draw_pairs(axes: Any, pairs: Sequence[tuple[str, Curves, Curves]], name: str, seconds: bool) -> None:
    for index, (_, standard, accelerated) in enumerate(pairs):
        look = series_look(index)
        for curves, style in ((standard, _STANDARD), (accelerated, look | _ACCELERATED)):
            if not is_known(curves, name) or (seconds and not is_known(curves, "seconds")):
                continue
            values = curve_of(curves, name)
            points = thinned(len(values))
            x = np.asarray(curves["seconds"], np.float64)[points] if seconds else points + 1.0
            x = np.where(x > 0, x, np.nan)  # a logarithmic axis has no 0
            every = marked_points(len(x), index, len(pairs))
            axes.plot(x, values[points], markevery=every, zorder=3, **{"color": look["color"]} | style)
            known = np.flatnonzero(np.isfinite(values[points]) & np.isfinite(x))
            if has_diverged(curves) and len(known):
                mark_divergence(axes, x[known[-1]], values[points][known[-1]], look["color"])
    if name.endswith("loss"):
        both = [curves for _, *pair in pairs for curves in pair if is_known(curves, name)]
        tops = [float(np.nanmax(curve_of(curves, name))) for curves in both]
        axes.set_ylim(0, 1.06 * highest_shown(tops) or 1.0)
        if max(tops) > highest_shown(tops):
            note_in(axes, "▲ off scale")
        axes.yaxis.get_major_locator().set_params(nbins=4, steps=[1, 2, 2.5, 5, 10])
    else:
        percent_axis(axes.yaxis, 4)


def _log_seconds(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    if high / low < 12:
        axes.set_xlim(low / 3, high * 3)
    axes.xaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("seconds (logarithmic)", fontsize=NORMAL, labelpad=2)
    axes.xaxis.grid(visible=False)


def _draw_speed_up(
    axes: Any, pairs: Sequence[tuple[str, Curves, Curves]], ratios: Sequence[float], wide: float
) -> None:
    """An arrow above the panel from the end of standard training to the end of accelerated training."""
    _, standard, accelerated = next(pair for pair in pairs if speed_up(*pair[1:]))
    last = min(len(standard["seconds"]), len(accelerated["seconds"])) - 1
    slow, fast = standard["seconds"][last], accelerated["seconds"][last]
    place = axes.get_xaxis_transform()
    axes.annotate(
        "", xy=(fast, 1.06), xytext=(slow, 1.06), xycoords=place, textcoords=place, annotation_clip=False,
        arrowprops={"arrowstyle": "-|>", "color": COLOURS["ink"], "linewidth": 1, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    words = speed_words(ratios)
    half = 0.5 * text_inches(words, SMALL) / wide  # of the panel's width: the text stays above it
    low, high = np.log(axes.get_xlim())
    middle = (np.log(slow * fast) / 2 - low) / (high - low)
    middle = min(max(middle, half), 1 - half)
    axes.text(middle, 1.09, words, transform=axes.transAxes, ha="center", va="bottom", fontsize=SMALL)


def _agreement_description(
    pairs: Sequence[tuple[str, Curves, Curves]], shown: Sequence[str], ratios: Sequence[float]
) -> str:
    differences = []
    for name in shown:
        largest = [gap for _, *both in pairs if (gap := _largest_difference(both[0], both[1], name)) is not None]
        if largest:
            value = f"{max(largest):.2g}" if name.endswith("loss") else f"{100 * max(largest):.2g} points"
            differences.append(f"{value} in {QUANTITIES[name]}")
    faster = f"; accelerated training is {speed_words(ratios)}" if ratios else ""
    far = f"; the largest difference is {listing(differences)}" if differences else ""
    return f"Standard training (thick) and accelerated training (dashed) on top of each other{far}{faster}."


def _largest_difference(standard: Curves, accelerated: Curves, name: str) -> float | None:
    if not (is_known(standard, name) and is_known(accelerated, name)):
        return None
    one, other = curve_of(standard, name), curve_of(accelerated, name)
    epochs = min(len(one), len(other))
    gaps = np.abs(one[:epochs] - other[:epochs])
    return float(np.nanmax(gaps)) if np.isfinite(gaps).any() else None
