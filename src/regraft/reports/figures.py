"""The figures of a run: learning curves and the confusion matrix, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from regraft.reports._svg import COLOURS, figure_style, svg_of
from regraft.reports._words import THIN, shortened, width

MAX_MATRIX_CLASSES = 30
"""With more classes than this a confusion matrix is not drawn: nobody could read it."""

MAX_OTHER_HEADS = 60
"""Of the heads that were not chosen, the curves of so many are drawn at most."""

_MAX_POINTS = 200  # of one curve: more cannot be told apart at the width of the figure
_SETTINGS = (
    *("learning_rate", "momentum", "nesterov", "weight_decay", "seed"),
    # These are there only where they are not the default.
    *("hidden", "hidden_activation", "dropout", "optimizer", "label_smoothing"),
)
_INCH = 72.0

Row = Mapping[str, Any]
Curve = npt.NDArray[np.float64]


def learning_curves(
    history: Sequence[Row], chosen: Mapping[str, Any], quantity: Literal["loss", "accuracy"]
) -> str | None:
    """Loss or accuracy against epochs: the chosen head on train and validation, the other heads thin and grey.

    Args:
        history: the rows of `history.jsonl`; those of the phase `grid` are drawn. A None leaves a gap.
        chosen: the settings of the chosen head as its rows in the history have them, and its `epoch`.
        quantity: what is drawn.

    Returns:
        An SVG file, or None where the history has no finite value of the chosen setting.
    """
    heads = _heads(history)
    index = next((i for i, rows in enumerate(heads) if all(rows[0].get(k) == chosen.get(k) for k in _SETTINGS)), None)
    if index is None:
        return None
    train, validation = (_curve(heads[index], column) for column in (quantity, f"val_{quantity}"))
    validated = bool(np.isfinite(validation[1]).any())
    if not validated and not np.isfinite(train[1]).any():
        return None
    column = f"val_{quantity}" if validated else quantity
    others = [_curve(rows, column) for i, rows in enumerate(heads) if i != index][:MAX_OTHER_HEADS]

    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    with figure_style():
        figure = Figure(figsize=(4.7, 3.15))
        axes = figure.add_axes((0.115, 0.135, 0.865, 0.71))
        axes.plot(*_thinned(*train), color=COLOURS["train"], linewidth=1.8, label="train", zorder=3)
        if validated:
            axes.plot(*_thinned(*validation), color=COLOURS["validation"], linewidth=1.8, label="validation", zorder=4)
        _mark_epoch(axes, chosen.get("epoch"), validation if validated else train, validated)
        for position, (epochs, values) in enumerate(others):
            label = None if position else "other heads" if len(others) > 1 else "other head"
            axes.plot(*_thinned(epochs, values), color=COLOURS["other"], linewidth=0.7, zorder=1, label=label)
        last = max(train[0].max(), 2)
        axes.set_xlim(1, last + 0.015 * (last - 1))
        axes.set_ylim(*_limits(quantity, [train[1], validation[1]], [values for _, values in others]))
        axes.set_xlabel("epoch")
        axes.xaxis.grid(visible=False)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=2))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        if quantity == "accuracy":
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}{THIN}%"))
        axes.set_title(quantity, loc="left", fontsize=10.5, fontweight="bold", x=-0.105, pad=24)
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.115, 1.02), ncols=4, borderaxespad=0, handlelength=1.3,
            columnspacing=1.1, handletextpad=0.5, fontsize=8,
        )  # fmt: skip
        return svg_of(figure)


def confusion_matrix(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> str | None:
    """Counts by true class (rows) and answer (columns), shaded by the share of the row; right answers in blue.

    Args:
        matrix: (classes, classes) counts.
        classes: names in the order of rows and columns.

    Returns:
        An SVG file, or None for more than `MAX_MATRIX_CLASSES` classes.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    size = len(classes)
    if size > MAX_MATRIX_CLASSES:
        return None
    names = [shortened(name, 22) for name in classes]
    cell = 44 if size <= 6 else 34 if size <= 12 else 25
    longest = max(map(width, names)) * 5.6 + 8
    upright = longest <= cell  # the names of the columns fit above them as they are
    left, top = max(longest, 58) + 8, (32.0 if upright else max(0.72 * longest + 12, 32))
    overhang = 0.0 if upright else max(4 * width(name) + 8 - cell * (size - i - 0.5) for i, name in enumerate(names))
    total_width, total_height = left + size * cell + max(6.0, overhang), top + size * cell + 6

    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure

    rows, columns = np.nonzero(counts)
    shares = counts[rows, columns] / counts.sum(axis=1)[rows]
    roles = ["right" if row == column else "wrong" for row, column in zip(rows, columns, strict=True)]
    # No cell is darker than this: dark enough to stand out, light enough for the same ink everywhere.
    faces = [to_rgba(COLOURS[role], 0.14 + 0.54 * share) for role, share in zip(roles, shares, strict=True)]
    gap = 0.03
    corners = np.array([(gap, gap), (1 - gap, gap), (1 - gap, 1 - gap), (gap, 1 - gap)])
    with figure_style():
        figure = Figure(figsize=(total_width / _INCH, total_height / _INCH))
        axes = figure.add_axes(
            (left / total_width, 6 / total_height, size * cell / total_width, size * cell / total_height)
        )
        axes.set_xlim(0, size)
        axes.set_ylim(size, 0)
        empty = np.argwhere(counts.T == 0)[:, None] + corners
        axes.add_collection(PolyCollection(empty, facecolors=to_rgba(COLOURS["grid"], 0.45), linewidths=0))
        cells = np.stack([columns, rows], axis=1)[:, None] + corners
        axes.add_collection(PolyCollection(cells, facecolors=faces, linewidths=0))
        small = 9 if size <= 12 else 7.5
        for row, column in zip(rows, columns, strict=True):
            weight = "bold" if row == column else "normal"
            axes.text(
                column + 0.5, row + 0.5, f"{counts[row, column]}",
                ha="center", va="center_baseline", fontsize=small, fontweight=weight,
            )  # fmt: skip
        slant: dict[str, Any] = (
            {"ha": "center"} if upright else {"ha": "left", "rotation": 45, "rotation_mode": "anchor"}
        )
        axes.set_xticks(np.arange(size) + 0.5, names, color=COLOURS["ink"], fontsize=small, **slant)
        axes.set_yticks(np.arange(size) + 0.5, names, color=COLOURS["ink"], fontsize=small)
        axes.tick_params(top=False, bottom=False, left=False, labeltop=True, labelbottom=False, pad=3)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        corner: dict[str, Any] = {"ha": "right", "va": "center", "color": COLOURS["muted"], "fontsize": 8}
        figure.text((left - 3) / total_width, 1 - (top - 21) / total_height, "answer →", **corner)
        figure.text((left - 3) / total_width, 1 - (top - 8) / total_height, "true class ↓", **corner)
        return svg_of(figure)


def _heads(history: Sequence[Row]) -> list[list[Row]]:
    """The rows of the grid by head, each in the order of epochs."""
    heads: dict[Any, list[Row]] = {}
    for row in history:
        if row.get("phase", "grid") == "grid":
            heads.setdefault(row["head"], []).append(row)
    return [sorted(rows, key=lambda row: row["epoch"]) for _, rows in sorted(heads.items())]


def _curve(rows: Sequence[Row], column: str) -> tuple[Curve, Curve]:
    values = [np.nan if row.get(column) is None else row[column] for row in rows]
    return np.array([row["epoch"] for row in rows], np.float64), np.array(values, np.float64)


def _thinned(epochs: Curve, values: Curve) -> tuple[Curve, Curve]:
    if len(epochs) <= _MAX_POINTS:
        return epochs, values
    kept = np.unique(np.linspace(0, len(epochs) - 1, _MAX_POINTS).astype(int))
    return epochs[kept], values[kept]


def _mark_epoch(axes: Any, epoch: int | None, curve: tuple[Curve, Curve], validated: bool) -> None:
    at = np.flatnonzero((curve[0] == (epoch or 0)) & np.isfinite(curve[1]))
    if epoch is None or not len(at):
        return
    axes.axvline(epoch, color=COLOURS["muted"], linewidth=0.8, linestyle=(0, (2, 3)), zorder=2)
    axes.plot(
        [epoch], curve[1][at], marker="o", markersize=6, linestyle="none", zorder=5, clip_on=False,
        color=COLOURS["validation" if validated else "train"], markeredgecolor=COLOURS["paper"], markeredgewidth=1.4,
        label=f"best epoch ({epoch})",
    )  # fmt: skip


def _limits(quantity: str, chosen: Sequence[Curve], others: Sequence[Curve]) -> tuple[float, float]:
    """The range of the axis: all of the chosen curves, and as much of the others as does not flatten these."""
    values = np.concatenate(chosen)
    values = values[np.isfinite(values)]
    rest = np.concatenate([*others, values])
    rest = rest[np.isfinite(rest)]
    if quantity == "accuracy":
        low = min(values.min(), max(np.quantile(rest, 0.1), values.min() - 0.2))
        return max(0.0, np.floor(low * 20 - 0.2) / 20), 1.005
    high = max(values.max(), min(np.quantile(rest, 0.9), 1.5 * values.max()))
    return 0.0, float(high) * 1.04 or 1.0
