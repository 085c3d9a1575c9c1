"""The accuracy over two axes of a study: a number and a shade for each combination."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_SIZE,
    NORMAL,
    SMALL,
    Drawn,
    axes_at,
    drawn,
    new_figure,
    text_inches,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import count, percent, shortened, shown
from regraft.studies.axes import axis_title, value_text
from regraft.studies.results import Results

Floats = npt.NDArray[np.float64]

MAX_ROWS, MAX_COLUMNS = 30, 20
"""With more values than this a heat map is not drawn: it would not fit a page."""

_COLUMNS = 22  # of the name of a value
_GAP = 0.012  # inches around a cell
_LEAST_SPAN = 0.05  # of accuracy between the faintest and the strongest shade


class _Cell(NamedTuple):
    mean: float
    diverged: int
    trained: int


def heat_map(results: Results, row_axis: str, column_axis: str) -> Drawn | None:
    """Mean validation accuracy for each pair of values of two axes, over the repetitions and all other axes.

    The best cell of those in which nothing diverged is outlined (the best ones, where they are equal). A cell in which
    everything diverged is hatched and says `div.`; one in which something did shows the mean of the rest, and how many
    diverged.

    Args:
        results: whose axes include both.
        row_axis, column_axis: such as `head.learning_rate` and `head.momentum`.

    Returns:
        None where an axis has no values or too many for a page, or nothing was trained.
    """
    values = [results.axes.get(axis, ()) for axis in (row_axis, column_axis)]
    if not 0 < len(values[0]) <= MAX_ROWS or not 0 < len(values[1]) <= MAX_COLUMNS or not results.accuracy.size:
        return None
    cells = [[_cell(results, {row_axis: row, column_axis: column}) for column in values[1]] for row in values[0]]
    whole = [cell.mean for line in cells for cell in line if not cell.diverged and cell.trained]
    best = max(whole, default=None)
    rows, columns = ([shortened(value_text(value), _COLUMNS) for value in axis] for axis in values)
    titles = shown(axis_title(row_axis)), shown(axis_title(column_axis))
    with figure_style():
        left = max(text_inches(name, LEGEND_SIZE) for name in rows) + 0.34
        longest = max(text_inches(name, LEGEND_SIZE) for name in columns)
        wide = min(max(0.72, longest + 0.1), (FULL_WIDTH - left - 0.06) / len(columns))
        slanted = longest + 0.04 > wide
        partly = any(0 < cell.diverged < cell.trained for line in cells for cell in line)
        tall = max(0.4 if partly else 0.32, (text_inches(titles[0], NORMAL) + 0.1) / len(rows))
        top = (0.75 * longest + 0.2 if slanted else 0.2) + 0.24
        overhang = max(0.06, 0.75 * longest - 0.5 * wide + 0.05) if slanted else 0.06
        overhang = max(overhang, (text_inches(titles[1], NORMAL) - wide * len(columns)) / 2 + 0.03)
        inches, high = left + wide * len(columns) + overhang, top + tall * len(rows) + 0.06
        figure = new_figure(inches, high)
        axes = axes_at(figure, left, 0.06, wide * len(columns), tall * len(rows))
        axes.set_xlim(0, len(columns))
        axes.set_ylim(len(rows), 0)
        means = np.array([[cell.mean for cell in line] for line in cells])
        for (row, column), share in np.ndenumerate(_shares(means)):
            _draw_cell(axes, row, column, cells[row][column], float(share), best, (wide, tall))
        _name_axes(figure, axes, rows, columns, titles, slanted)
        return drawn(figure, _description(cells, best, rows, columns, titles))


def _cell(results: Results, values: dict[str, Any]) -> _Cell:
    chosen = [
        index
        for index, setting in enumerate(results.settings)
        if all(setting.values.get(axis) == value for axis, value in values.items())
    ]
    accuracy = results.accuracy[chosen]
    finite = accuracy[np.isfinite(accuracy)]
    mean = float(finite.mean()) if finite.size else float("nan")
    return _Cell(mean, int(accuracy.size - finite.size), int(accuracy.size))


def _shares(means: Floats) -> Floats:
    """How strong the shade of each cell is, 0 to 1; differences of less than a few points stay faint."""
    if not np.isfinite(means).any():
        return means
    low, high = np.nanmin(means), np.nanmax(means)
    shares: Floats = 1 - (high - means) / max(high - low, _LEAST_SPAN)
    return shares


def _draw_cell(
    axes: Any, row: int, column: int, cell: _Cell, share: float, best: float | None, inches: tuple[float, float]
) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    wide, tall = inches
    across, down = _GAP / wide, _GAP / tall
    middle: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": NORMAL if wide > 0.45 else SMALL}

    def rectangle(**look: Any) -> None:
        axes.add_patch(Rectangle((column + across, row + down), 1 - 2 * across, 1 - 2 * down, **look))

    if not cell.trained:
        rectangle(facecolor=to_rgba(COLOURS["grid"], 0.45), linewidth=0)
        axes.text(column + 0.5, row + 0.5, "–", **middle)
        return
    if cell.diverged == cell.trained:
        grey = to_rgba(COLOURS["grid"], 0.45)
        rectangle(facecolor=grey, edgecolor=COLOURS["other"], hatch="////", linewidth=0)
        box = {"facecolor": COLOURS["paper"], "linewidth": 0, "pad": 1.5}
        axes.text(column + 0.5, row + 0.5, "div.", bbox=box, **middle)
        return
    # No cell is darker than this: the same ink is read on all of them.
    rectangle(facecolor=to_rgba(COLOURS["heat"], 0.08 + 0.56 * share), linewidth=0)
    is_best = cell.mean == best and not cell.diverged
    if is_best:
        rectangle(fill=False, edgecolor=COLOURS["ink"], linewidth=1.8, zorder=3, gid=f"best-{row}-{column}")
    number = f"{100 * cell.mean:.1f}" if wide > 0.29 else f"{100 * cell.mean:.0f}"
    weight = "bold" if is_best else "normal"
    axes.text(column + 0.5, row + (0.34 if cell.diverged else 0.5), number, fontweight=weight, **middle)
    if cell.diverged:
        note = f"{cell.diverged} of {cell.trained} div." if wide > 0.7 else f"{cell.diverged} div."
        axes.text(column + 0.5, row + 0.75, note, **middle | {"fontsize": SMALL})


def _name_axes(
    figure: Any, axes: Any, rows: list[str], columns: list[str], titles: tuple[str, str], slanted: bool
) -> None:
    inches, high = figure.get_size_inches()
    slant: dict[str, Any] = {"ha": "left", "rotation": 45, "rotation_mode": "anchor"} if slanted else {"ha": "center"}
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, color=COLOURS["ink"], fontsize=LEGEND_SIZE, **slant)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, color=COLOURS["ink"], fontsize=LEGEND_SIZE)
    axes.tick_params(top=False, bottom=False, left=False, labeltop=True, labelbottom=False, pad=3)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    place = axes.get_position()
    title: dict[str, Any] = {"fontsize": NORMAL, "color": COLOURS["muted"]}
    figure.text((place.x0 + place.x1) / 2, 1 - 0.03 / high, titles[1], ha="center", va="top", **title)
    figure.text(0.03 / inches, (place.y0 + place.y1) / 2, titles[0], ha="left", va="center", rotation=90, **title)


def _description(
    cells: list[list[_Cell]], best: float | None, rows: list[str], columns: list[str], titles: tuple[str, str]
) -> str:
    flat = [(cell, rows[i], columns[j]) for i, line in enumerate(cells) for j, cell in enumerate(line)]
    lost = sum(cell.diverged > 0 for cell, _, _ in flat)
    parts = [
        f"highest with {percent(best)} at {titles[0]} {row} and {titles[1]} {column}"
        for cell, row, column in flat
        if best is not None and cell.mean == best and not cell.diverged
    ][:1]
    known = [cell.mean for cell, _, _ in flat if cell.diverged < cell.trained]
    parts += [f"lowest with {percent(min(known))}"] if parts else []
    parts += [f"{count(lost, 'cell')} with trainings that diverged"] * bool(lost)
    return f"Mean validation accuracy in percent by {titles[0]} (rows) and {titles[1]} (columns): {', '.join(parts)}."
