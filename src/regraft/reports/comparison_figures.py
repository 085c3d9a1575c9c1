"""Settings compared, one row each: box plots, means with intervals, and how reliable the choice of the best is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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
    fitting,
    mark_divergence,
    new_figure,
    percent_axis,
    range_with,
    setting_names,
    text_inches,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import THIN, count, listing, percent, shortened
from regraft.studies.results import Results

MAX_ROWS = 24
"""Of more settings than this, box plots show the most accurate."""

BOXES_FROM = 4
"""A box is drawn from so many repetitions on; fewer are points and their mean."""

_COLUMNS = 38  # of a name
_NAMED = 8  # rows at most that a description names one by one
_BOTTOM = 0.43  # inches below the axes
_JITTER = (0.0, 0.5, -0.5, 0.25, -0.25, 0.75, -0.75, 1.0, -1.0)  # in units of 0.2 rows, by rank: the same every time


def box_plots(results: Results, *, varied: str | None = None, inches: float = FULL_WIDTH) -> Drawn | None:
    """Validation accuracy by setting, one row each: a box, its median, and every repetition as a point.

    Boxes reach from the lower to the upper quartile, lines from the lowest to the highest repetition. A dashed line
    marks the accuracy of always answering the most frequent class, where that is within reach. A setting of which
    every repetition diverged is a × with the word.

    Args:
        varied: what the rows are, above their names; by default the name of the axis that varies.
        inches: width of the figure, 4 or more.

    Returns:
        None where there is no repetition.
    """
    if not results.accuracy.size:
        return None
    title, names = setting_names(results, columns=_COLUMNS)
    order = np.argsort(-np.nan_to_num(_means(results.accuracy), nan=-1.0), kind="stable")[:MAX_ROWS]
    kept = sorted(int(row) for row in order)
    dropped = len(names) - len(kept)
    names, accuracy = [names[row] for row in kept], results.accuracy[kept]
    baseline = float(np.mean(results.baseline))
    limits, within = range_with(accuracy, baseline)
    lost = np.count_nonzero(~np.isfinite(accuracy), axis=1)
    repetitions = accuracy.shape[1]
    notes = [f"{number} of {repetitions} diverged" if 0 < number < repetitions else "" for number in lost]
    with figure_style():
        title = title if varied is None else varied
        figure, axes = _rows(names, title, notes, inches, 0.29, above=0.2 if within else 0.0)
        axes.set_xlim(max(-0.01, limits[0]), min(1.01, limits[1]))
        for row, values in enumerate(accuracy):
            _draw_box(axes, row, values[np.isfinite(values)])
            if lost[row] == repetitions:
                _draw_divergence(axes, row, baseline if within else None)
        if within:
            _draw_baseline(axes, baseline)
        axes.set_xlabel("validation accuracy", fontsize=NORMAL, labelpad=2)
        only = f" (the {len(kept)} most accurate of {len(kept) + dropped} settings)" if dropped else ""
        ends = _ends(title, names, _means(accuracy))
        description = (
            f"Validation accuracy of {count(repetitions, 'repetition')} by {title or 'setting'}{only}; {ends}."
        )
        return drawn(figure, description)


def means_with_intervals(
    labels: Sequence[str],
    means: npt.ArrayLike,
    lows: npt.ArrayLike,
    highs: npt.ArrayLike,
    baseline: float | None = None,
    *,
    varied: str = "",
    measure: str = "validation accuracy",
    inches: float = FULL_WIDTH,
) -> Drawn | None:
    """A point and its interval in each row, and the numbers beside it.

    Args:
        labels: of the rows.
        means, lows, highs: (S,) shares of 1; a mean of NaN is shown as diverged, NaN bounds as no interval.
        baseline: accuracy of always answering the most frequent class: a dashed line, where it is within reach.
        varied: what the rows are, above their names.
        measure: what the means are of.
        inches: width of the figure, 4 or more.

    Returns:
        None without rows.
    """
    values = np.stack([np.asarray(numbers, np.float64) for numbers in (means, lows, highs)])
    if not values.size:
        return None
    names = [shortened(label, _COLUMNS) for label in labels]
    limits, within = range_with(values, baseline)
    notes = [_interval_words(*column) for column in values.T]
    with figure_style():
        figure, axes = _rows(names, varied, notes, inches, 0.26, above=0.2 if within else 0.0)
        axes.set_xlim(*limits)
        for row, (mean, low, high) in enumerate(values.T):
            if not np.isfinite(mean):
                _draw_divergence(axes, row, baseline if within else None)
                continue
            if np.isfinite([low, high]).all():
                axes.plot([low, high], [row, row], color=COLOURS["series1"], linewidth=2, alpha=0.55, zorder=3)
                axes.plot([low, high], [row, row], color=COLOURS["series1"], marker="|", markersize=7, linestyle="none")
            axes.plot([mean], [row], marker="o", markersize=6, color=COLOURS["series1"], zorder=4)
        if within and baseline is not None:
            _draw_baseline(axes, baseline)
        axes.set_xlabel(measure, fontsize=NORMAL, labelpad=2)
        ends = [f"{note} for {name}" if note else f"{name} diverged" for name, note in zip(names, notes, strict=True)]
        return drawn(figure, f"{measure[:1].upper()}{measure[1:]}, mean and interval: {listing(ends)}.")


def reliability_of_choice(
    labels: Sequence[str],
    reliability: npt.ArrayLike,
    wins: npt.ArrayLike,
    repetitions: int,
    *,
    varied: str = "",
    inches: float = FULL_WIDTH,
) -> Drawn | None:
    """How often each setting is the best: in bootstrap resamples (bars), and in single repetitions (diamonds).

    Args:
        labels: of the settings.
        reliability: (S,) shares of the resamples of the repetitions in which a setting has the highest mean.
        wins: (S,) in how many repetitions a setting is the best by itself.
        repetitions: how many there are.
        varied: what the rows are, above their names.
        inches: width of the figure, 4 or more.

    Returns:
        None where no reliability is known, as with a single repetition.
    """
    shares = np.asarray(reliability, np.float64)
    counts = np.asarray(wins, np.float64)
    if not np.isfinite(shares).any() or repetitions < 1:
        return None
    shares = np.nan_to_num(shares)
    # Settings that are never the best say nothing here: beyond a dozen rows they are left out.
    kept = [row for row in range(len(shares)) if len(shares) <= 12 or shares[row] >= 0.005 or counts[row] > 0]
    names = [shortened(labels[row], _COLUMNS) for row in kept]
    notes = [_whole_percent(shares[row]) for row in kept]
    dropped = len(shares) - len(kept)
    bar = {"color": COLOURS["series1"], "linewidth": 7, "alpha": 0.55, "solid_capstyle": "butt"}
    mark = {
        "color": COLOURS["series2"], "marker": "D", "markersize": 5.5, "linestyle": "none",
        "markeredgecolor": COLOURS["paper"], "markeredgewidth": 0.7,
    }  # fmt: skip
    entries = [("of the bootstrap resamples", bar), (f"of the {count(repetitions, 'repetition')}", mark)]
    with figure_style():
        figure, axes = _rows(names, varied, notes, inches, 0.26, above=LEGEND_ROW + 0.05)
        axes.set_xlim(-0.01, 1.01)
        for line, row in enumerate(kept):
            axes.barh(line, shares[row], height=0.56, color=COLOURS["series1"], alpha=0.55, linewidth=0, zorder=2)
            if counts[row]:
                axes.plot([counts[row] / repetitions], [line], zorder=4, clip_on=False, **mark)
        add_legend(figure, entries, top=0.0, title="best in")
        axes.set_xlabel("share in which the setting is the best", fontsize=NORMAL, labelpad=2)
        ends = [f"{note} for {name}" for name, note in zip(names, notes, strict=True)]
        others = f"; {count(dropped, 'other setting')} never" if dropped else ""
        return drawn(
            figure, f"Share of the bootstrap resamples in which a setting is the best: {listing(ends)}{others}."
        )


def _rows(
    names: Sequence[str], title: str, notes: Sequence[str], inches: float, high: float, above: float
) -> tuple[Any, Any]:
    """A figure and axes with one named row for each setting, the first on top, and a note at the right of each."""
    names = fitting(names, 0.42 * inches)
    left = max(text_inches(name, LEGEND_SIZE) for name in names)
    left = max(left, text_inches(title, NORMAL)) + 0.12
    right = max(text_inches(note, SMALL) for note in notes) + 0.1 if any(notes) else 0.12
    above += 0.22 if title else 0.04
    tall = high * len(names) + 0.06
    figure = new_figure(inches, above + tall + _BOTTOM)
    axes = axes_at(figure, left, _BOTTOM, inches - left - right, tall)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names, fontsize=LEGEND_SIZE, color=COLOURS["ink"])
    axes.yaxis.grid(visible=False)
    percent_axis(axes.xaxis, max(2, min(6, int((inches - left - right) / 0.55))))
    for row, note in enumerate(notes):
        axes.text(
            1 + 0.06 / (inches - left - right), row, note, transform=axes.get_yaxis_transform(),
            fontsize=SMALL, color=COLOURS["muted"], va="center_baseline",
        )  # fmt: skip
    if title:
        figure.text(
            (left - 0.05) / inches, (_BOTTOM + tall + 0.03) / figure.get_figheight(), title,
            fontsize=NORMAL, color=COLOURS["muted"], ha="right", va="bottom",
        )  # fmt: skip
    return figure, axes


def _draw_box(axes: Any, row: int, values: npt.NDArray[np.float64]) -> None:
    if not len(values):
        return
    colour = COLOURS["series1"]
    low, lower, middle, upper, high = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    if len(values) >= BOXES_FROM:
        axes.plot([low, high], [row, row], color=colour, linewidth=1, zorder=2)
        axes.barh(row, upper - lower, left=lower, height=0.56, color=COLOURS["paper"], linewidth=0, zorder=2.5)
        axes.barh(row, upper - lower, left=lower, height=0.56, color=colour, alpha=0.25, linewidth=0, zorder=2.6)
    else:
        middle = values.mean()
    axes.plot([middle, middle], [row - 0.3, row + 0.3], color=colour, linewidth=2, solid_capstyle="butt", zorder=3)
    jitter = 0.2 * np.resize(_JITTER, len(values))
    axes.plot(
        np.sort(values), row + jitter, linestyle="none", marker="o", markersize=3.4, color=COLOURS["ink"], alpha=0.65,
        markeredgewidth=0, zorder=4,
    )  # fmt: skip


def _draw_divergence(axes: Any, row: int, baseline: float | None) -> None:
    low, high = axes.get_xlim()
    share = 0.0 if baseline is None else (baseline - low) / (high - low)
    start = share + 0.03 if share < 0.3 else 0.03  # beside the line of the baseline, not on it
    place = axes.get_yaxis_transform()
    mark_divergence(axes, start, row, COLOURS["series2"], transform=place)
    axes.annotate(
        "diverged", xy=(start, row), xycoords=place, xytext=(8, 0), textcoords="offset points",
        fontsize=LEGEND_SIZE, va="center_baseline",
    )  # fmt: skip


def _draw_baseline(axes: Any, baseline: float) -> None:
    axes.axvline(baseline, color=COLOURS["muted"], linewidth=1.1, linestyle=(0, (4, 2.5)), zorder=2)
    low, high = axes.get_xlim()
    share = (baseline - low) / (high - low)
    side = "left" if share < 0.3 else "right" if share > 0.7 else "center"
    axes.annotate(
        f"most frequent class {percent(baseline)}", xy=(baseline, 1), xycoords=axes.get_xaxis_transform(),
        xytext=(0, 3), textcoords="offset points", ha=side, va="bottom", fontsize=SMALL, color=COLOURS["muted"],
    )  # fmt: skip


def _means(accuracy: npt.NDArray[np.float64]) -> list[float]:
    """The mean of each row's finite values; NaN where there is none."""
    return [float(np.mean(row[np.isfinite(row)])) if np.isfinite(row).any() else float("nan") for row in accuracy]


def _ends(title: str, names: Sequence[str], means: Sequence[float]) -> str:
    """The mean of every row in words; of many rows only the highest and the lowest."""
    known = [(mean, name) for mean, name in zip(means, names, strict=True) if np.isfinite(mean)]
    lost = [
        f"{title} {name} diverged".strip() for mean, name in zip(means, names, strict=True) if not np.isfinite(mean)
    ]
    if len(names) <= _NAMED:
        means_of = listing([f"{percent(mean)} for {name}" for mean, name in known])
        return "; ".join([f"mean: {means_of}"] * bool(known) + lost)
    ends = [f"{percent(mean)} for {name}" for mean, name in ([max(known), min(known)] if known else [])]
    lost = [f"{count(len(lost), 'setting')} diverged"] * bool(lost)
    return "; ".join([f"mean from {' down to '.join(ends)}"] * bool(ends) + lost)


def _whole_percent(share: float) -> str:
    """To a whole percent; what is not all or nothing is never rounded to it."""
    if 0 < share < 0.005:
        return f"<1{THIN}%"
    return f">99{THIN}%" if 0.995 <= share < 1 else f"{100 * share:.0f}{THIN}%"


def _interval_words(mean: float, low: float, high: float) -> str:
    """`91.2 % (89.9 to 92.3)`; nothing where the mean is not known."""
    if not np.isfinite(mean):
        return ""
    bounds = f" ({100 * low:.1f} to {100 * high:.1f})" if np.isfinite([low, high]).all() else ""
    return percent(mean) + bounds
