"""Learning curves of a study: each setting's mean over the repetitions with a band, for several measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from regraft.reports._curves import QUANTILES_FROM, QUANTITIES, Band, Quantity, bands_of, highest_shown
from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
    MAX_SERIES,
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
    setting_names,
    thinned,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import listing, percent
from regraft.studies.results import Results

_TRAIN: dict[str, Any] = {"linewidth": 1.1, "linestyle": (0, (3, 1.6))}


def band_words(repetitions: int) -> str:
    """What line and band mean, a sentence for the caption."""
    if repetitions == 1:
        return "Each line is a single repetition."
    reach = "the lowest to the highest" if repetitions < QUANTILES_FROM else "the 10th to the 90th percentile"
    return f"Lines are means over {repetitions} repetitions, bands reach from {reach}."


def learning_curve_bands(
    results: Results,
    quantity: Quantity,
    *,
    title: str | None = None,
    axis_values: Sequence[str] | None = None,
    with_train: bool = False,
    inches: float = 0.7 * FULL_WIDTH,
) -> Drawn | None:
    """One quantity against epochs, one line for each setting: `panels` with a single panel."""
    return panels(results, [quantity], title=title, axis_values=axis_values, with_train=with_train, inches=inches)


def panels(
    results: Results,
    quantities: Sequence[Quantity],
    *,
    title: str | None = None,
    axis_values: Sequence[str] | None = None,
    with_train: bool = False,
    inches: float = FULL_WIDTH,
) -> Drawn | None:
    """Several quantities against epochs side by side, with one legend: the mean over repetitions, and a band.

    A setting that diverged ends with a × and is named `diverged` in the legend. A loss that rises far above the other
    settings' leaves the panel at the top, where a small triangle marks it.

    Args:
        results: of the settings; of more than seven, the seven with the highest mean accuracy are drawn.
        quantities: one for each panel. One that was not measured is left out.
        title: above all.
        axis_values: names of the settings instead of those that follow from the axis that varies.
        with_train: adds the mean on the training images, dashed, where that is known.
        inches: width of the figure.

    Returns:
        None where nothing was measured.
    """
    names_title, names = setting_names(results, axis_values)
    kept = _most_accurate(results)
    dropped = len(results.settings) - len(kept)
    results, names = results.select(kept), [names[row] for row in kept]
    shown = [quantity for quantity in quantities if _is_measured(results, quantity)]
    if not shown:
        return None
    bands: dict[str, list[Band]] = {quantity: bands_of(results, quantity) for quantity in shown}
    labels = [name + _divergence_words(band) for name, band in zip(names, bands[shown[0]], strict=True)]
    train = [quantity.removeprefix("val_") for quantity in shown] if with_train else []
    has_train = any(_is_measured(results, quantity) for quantity in train if quantity in QUANTITIES)
    entries = [*labels, "training images"] if has_train else labels

    with figure_style():
        left, gap, bottom = 0.5, 0.56, 0.42
        wide = (inches - left - 0.08 - gap * (len(shown) - 1)) / len(shown)
        high = min(max(0.78 * wide, 1.45), 2.2)
        legend_top = 0.26 if title else 0.02
        rows = legend_rows(entries, inches - 0.06, names_title)
        figure = new_figure(inches, legend_top + LEGEND_ROW * rows + 0.3 + high + bottom)
        if title:
            figure.text(0.06 / inches, 1 - 0.04 / figure.get_figheight(), title, va="top", fontsize=9.5, weight="bold")
        for position, quantity in enumerate(shown):
            axes = axes_at(figure, left + position * (wide + gap), bottom, wide, high)
            other = train[position] if has_train and train[position] in QUANTITIES else None
            trained = bands_of(results, other) if other and _is_measured(results, other) else None
            _draw_panel(axes, quantity, bands[quantity], trained)
        looks = [_look(index, band) for index, band in enumerate(bands[shown[0]])]
        looks += [_TRAIN | {"color": COLOURS["muted"]}] * has_train
        add_legend(figure, list(zip(entries, looks, strict=True)), top=legend_top, title=names_title)
        return drawn(figure, _description(names_title, names, bands, dropped))


def _draw_panel(axes: Any, quantity: str, bands: Sequence[Band], train: Sequence[Band] | None) -> None:
    epochs = len(bands[0].mean)
    points = thinned(epochs)
    x = points + 1.0
    top, clipped = _top(quantity, [*bands, *(train or [])])
    axes.set_ylim(*_limits(quantity, [*bands, *(train or [])], top))
    epoch_axis(axes, epochs)
    for index, band in enumerate(bands):
        look = series_look(index)
        # What is far above the panel would only make the file's numbers long.
        mean, low, high = (np.minimum(values[points], 50 * top) for values in (band.mean, band.low, band.high))
        if band.repetitions - band.diverged > 1 or (band.is_lost and band.repetitions > 1):
            axes.fill_between(x, low, high, color=look["color"], alpha=0.16, linewidth=0, zorder=2)
        axes.plot(x, mean, linewidth=1.5, markevery=marked_points(len(x), index, len(bands)), zorder=4, **look)
        if train is not None:
            line = np.minimum(train[index].mean[points], 50 * top)
            axes.plot(x, line, color=look["color"], zorder=3, **_TRAIN)
        _mark_end(axes, index, band, quantity, top)
        _mark_off_scale(axes, band, look["color"], top)
    panel_title(axes, QUANTITIES[quantity])
    if clipped:
        note_in(axes, "▲ off scale")
    if quantity.endswith("loss"):
        axes.yaxis.get_major_locator().set_params(nbins=5, steps=[1, 2, 2.5, 5, 10])
    else:
        percent_axis(axes.yaxis)


def _mark_end(axes: Any, index: int, band: Band, quantity: str, top: float) -> None:
    if not band.is_lost:
        return
    colour = COLOURS[f"series{index + 1}"]
    known = np.flatnonzero(np.isfinite(band.mean))
    if len(known) and band.mean[known[-1]] <= top:
        mark_divergence(axes, known[-1] + 1, band.mean[known[-1]], colour)
        return
    # Nothing finite within the panel: at the edge where it was heading, beside others of its kind.
    worst = 0.05 if quantity.endswith(("accuracy", "precision", "recall")) else 0.9
    place = 0.04 + 0.06 * index + (known[-1] / max(len(band.mean) - 1, 1) * 0.5 if len(known) else 0)
    mark_divergence(axes, place, worst, colour, transform=axes.transAxes)


def _mark_off_scale(axes: Any, band: Band, colour: str, top: float) -> None:
    above = np.flatnonzero(np.isfinite(band.mean) & (np.nan_to_num(band.mean) > top))
    for first in above[np.diff(above, prepend=-2) > 1][:3]:
        axes.plot(
            [first + 1], [0.985], transform=axes.get_xaxis_transform(), marker="^", markersize=5, color=colour,
            markeredgecolor=COLOURS["paper"], markeredgewidth=0.5, clip_on=False, zorder=6,
        )  # fmt: skip


def _look(index: int, band: Band) -> dict[str, Any]:
    look = series_look(index)
    lost = {"marker": "x", "markeredgecolor": look["color"], "markeredgewidth": 2, "markersize": 6}
    return look | lost if band.is_lost else look


def _is_measured(results: Results, quantity: str) -> bool:
    """Whether there is something to draw: a number, or at least a divergence where others have numbers."""
    name = quantity.replace("error", "accuracy")
    return name in results.curves and bool(np.isfinite(results.curves[name]).any() or results.diverged.all())


def _most_accurate(results: Results) -> list[int]:
    if len(results.settings) <= MAX_SERIES:
        return list(range(len(results.settings)))
    means = [float(np.mean(row[np.isfinite(row)])) if np.isfinite(row).any() else -np.inf for row in results.accuracy]
    return sorted(sorted(range(len(means)), key=lambda row: -means[row])[:MAX_SERIES])


def _top(quantity: str, bands: Sequence[Band]) -> tuple[float, bool]:
    """The highest value that a panel shows, and whether a setting rises above it: only a loss can be so far off."""
    finite = [band for band in bands if np.isfinite(band.mean).any()]
    if not quantity.endswith("loss") or not finite:
        return 1.0, False
    tops = [float(np.nanmax(band.mean)) for band in finite]
    high = highest_shown(tops)
    reach = max(float(np.nanmax(band.high)) for band, top in zip(finite, tops, strict=True) if top <= high)
    return min(reach, 1.3 * high) * 1.03, max(tops) > high


def _limits(quantity: str, bands: Sequence[Band], top: float) -> tuple[float, float]:
    if quantity.endswith("loss"):
        return 0.0, top or 1.0
    known = [values[np.isfinite(values)] for band in bands for values in (band.low, band.high)]
    values = np.concatenate(known) if known else np.zeros(0)
    if not len(values):
        return 0.0, 1.0
    span = max(float(values.max() - values.min()), 0.05)
    low = 0.0 if quantity.endswith("error") else max(-0.015, float(values.min()) - 0.06 * span)
    return low, min(1.015, float(values.max()) + 0.06 * span)


def _divergence_words(band: Band) -> str:
    if band.is_lost:
        return " (diverged)"
    return f" ({band.diverged} of {band.repetitions} diverged)" if band.diverged else ""


def _description(title: str, names: Sequence[str], bands: Mapping[str, list[Band]], dropped: int) -> str:
    """One sentence: what is drawn, and where every setting ends in the first panel."""
    first = next(iter(bands))
    what = listing([QUANTITIES[quantity] for quantity in bands])
    only = f" (the {len(names)} most accurate of {len(names) + dropped} settings)" if dropped else ""
    of = f" by {title}" if title else ""
    repetitions = bands[first][0].repetitions
    over = f"means over {repetitions} repetitions" if repetitions > 1 else "a single repetition"
    last = f"{QUANTITIES[first]} at the end" if len(bands) > 1 else "at the end"
    ends = _ends(title, names, bands[first], first)
    return f"{what[0].upper()}{what[1:]} against epochs{of}{only}, {over}; {last}: {ends}."


def _ends(title: str, names: Sequence[str], bands: Sequence[Band], quantity: str) -> str:
    ends, lost = [], []
    for name, band in zip(names, bands, strict=True):
        known = band.mean[np.isfinite(band.mean)]
        if band.is_lost:
            lost.append(f"{title} {name} diverged".strip())
        elif len(known):
            value = float(known[-1])
            number = percent(value) if not quantity.endswith("loss") else f"{value:,.{0 if value >= 1000 else 3}f}"
            some = f" ({band.diverged} of {band.repetitions} repetitions diverged)" if band.diverged else ""
            ends.append(f"{number} for {name}{some}")
    return "; ".join([listing(ends)] * bool(ends) + lost)
