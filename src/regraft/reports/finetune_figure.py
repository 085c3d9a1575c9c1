"""How fine-tuning went: loss, validation accuracy and learning rate against epochs, from the frozen network on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
    NORMAL,
    Drawn,
    add_legend,
    axes_at,
    drawn,
    legend_rows,
    mark_divergence,
    new_figure,
    panel_title,
    percent_axis,
    range_with,
    thinned,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import count, percent

_PHASE = "finetune"
_OFF_SCALE = 2.5  # times the highest loss of validation from the start to the best epoch: what is above is cut off
_LEFT, _GAP, _BOTTOM, _HIGH = 0.46, 0.5, 0.42, 1.75  # inches
_WIDE = 1.94, 1.84, 0.96  # of the panels
_FROZEN: dict[str, Any] = {"color": COLOURS["muted"], "linewidth": 0.9, "linestyle": (0, (1, 2))}

Curve = npt.NDArray[np.float64]


def draw_finetuning(history: Sequence[Mapping[str, Any]], best_epoch: int) -> Drawn | None:
    """Draws the rows of the phase `finetune`; epoch 0 is the frozen network with its trained head.

    Args:
        history: the rows of `history.jsonl`; a None leaves a gap.
        best_epoch: is marked; 0 where no epoch was better than the start.

    Returns:
        None where the history has no epoch of fine-tuning.
    """
    rows = sorted((row for row in history if row.get("phase") == _PHASE), key=lambda row: row["epoch"])
    if not rows or rows[-1]["epoch"] == 0:
        return None
    epochs = np.array([row["epoch"] for row in rows], np.float64)
    train, loss, accuracy, rates = (
        np.array([np.nan if row.get(name) is None else row[name] for row in rows], np.float64)
        for name in ("loss", "val_loss", "val_accuracy", "learning_rate")
    )
    entries: list[tuple[str, dict[str, Any]]] = [
        ("training images", {"color": COLOURS["train"]}),
        ("validation images", {"color": COLOURS["validation"]}),
        (f"best epoch ({best_epoch})" if best_epoch else "best: the start (epoch 0)", _best_look()),
        ("the frozen network", _FROZEN),
    ]
    high = _highest(epochs, train, loss, best_epoch)
    if np.nanmax([*train, *loss, 0]) > high:
        entries.append(("off scale", _look("muted")))
    if _is_lost(epochs, train):
        entries.append(("diverged", {"color": COLOURS["train"], "linestyle": "none", "marker": "x", "markersize": 6}))
    with figure_style():
        labels = [label for label, _ in entries]
        top = 0.02 + LEGEND_ROW * legend_rows(labels, FULL_WIDTH - 0.06)
        figure = new_figure(FULL_WIDTH, top + 0.3 + _HIGH + _BOTTOM)
        panels = [
            axes_at(figure, _LEFT + position * _GAP + sum(_WIDE[:position]), _BOTTOM, wide, _HIGH)
            for position, wide in enumerate(_WIDE)
        ]
        _draw_loss(panels[0], epochs, train, loss, best_epoch, high)
        _draw_accuracy(panels[1], epochs, accuracy, best_epoch)
        _draw_rate(panels[2], epochs, rates)
        add_legend(figure, entries, top=0.02)
        return drawn(figure, _description(epochs, loss, accuracy, best_epoch))


def _highest(epochs: Curve, train: Curve, loss: Curve, best: int) -> float:
    """The highest loss that is shown: what rises far above validation's up to the best epoch is cut off."""
    known = np.concatenate([train[np.isfinite(train)], loss[np.isfinite(loss)]])
    usual = loss[(epochs <= best) & np.isfinite(loss)]
    high = float(known.max()) if known.size else 1.0
    return (min(high, _OFF_SCALE * float(usual.max())) if usual.size else high) * 1.06 or 1.0


def _draw_loss(axes: Any, epochs: Curve, train: Curve, loss: Curve, best: int, high: float) -> None:
    shown = 50 * high  # what is far above the panel would only make the file's numbers long
    _lines(axes, epochs, (np.minimum(train, shown), "train"), (np.minimum(loss, shown), "validation"))
    axes.set_ylim(0, high)
    axes.yaxis.get_major_locator().set_params(nbins=5, steps=[1, 2, 2.5, 5, 10])
    _start_and_best(axes, epochs, loss, best)
    for values, look in ((loss, _look("validation")), (train, _look("train"))):
        above = np.flatnonzero(np.nan_to_num(values) > high)
        for first in above[np.diff(above, prepend=-2) > 1][:3]:
            axes.plot([epochs[first]], [0.985], transform=axes.get_xaxis_transform(), clip_on=False, zorder=6, **look)
    if _is_lost(epochs, train):
        before = np.flatnonzero(np.isfinite(train) & (train <= high))
        at, value = (epochs[before[-1]], train[before[-1]]) if len(before) else (epochs[1], high)
        mark_divergence(axes, float(at), float(value), COLOURS["train"])
    panel_title(axes, "loss")
    _epoch_axis(axes, epochs)


def _is_lost(epochs: Curve, train: Curve) -> bool:
    """Whether the training loss stopped being a finite number."""
    return not np.isfinite(train[epochs > 0]).all()


def _look(role: str) -> dict[str, Any]:
    """Of the mark where a line leaves the panel."""
    paper = {"markeredgecolor": COLOURS["paper"], "markeredgewidth": 0.5}
    return {"color": COLOURS[role], "linestyle": "none", "marker": "^", "markersize": 5} | paper


def _draw_accuracy(axes: Any, epochs: Curve, accuracy: Curve, best: int) -> None:
    _lines(axes, epochs, (accuracy, "validation"))
    (low, high), _ = range_with(accuracy, None, 0.15)
    axes.set_ylim(max(low, -0.015), min(high, 1.015))
    percent_axis(axes.yaxis)
    _start_and_best(axes, epochs, accuracy, best)
    panel_title(axes, "validation accuracy")
    _epoch_axis(axes, epochs)


def _draw_rate(axes: Any, epochs: Curve, rates: Curve) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    known = np.isfinite(rates)
    axes.plot(epochs[known], rates[known], color=COLOURS["ink"], linewidth=1.1, marker=_dots(epochs), markersize=2.5)
    axes.set_ylim(0, 1.12 * float(rates[known].max()) if known.any() and rates[known].max() > 0 else 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: rate_text(value)))
    panel_title(axes, "learning rate")
    _epoch_axis(axes, epochs, 3)


def rate_text(rate: float) -> str:
    """A learning rate as short as it can be: `0.01`, `2e-5`."""
    text = f"{rate:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e") if "e" in text else text


def _lines(axes: Any, epochs: Curve, *lines: tuple[Curve, str]) -> None:
    points = thinned(len(epochs))
    for values, role in lines:
        axes.plot(
            epochs[points], values[points], color=COLOURS[role], linewidth=1.5, zorder=4, marker=_dots(epochs),
            markersize=3,
        )  # fmt: skip


def _dots(epochs: Curve) -> str:
    """Every epoch is a dot where there are few: a single one has no line."""
    return "o" if len(epochs) <= 30 else "none"


def _start_and_best(axes: Any, epochs: Curve, values: Curve, best: int) -> None:
    """A dotted line at the value of the frozen network, and a mark at the epoch that was kept."""
    if epochs[0] == 0 and np.isfinite(values[0]):
        axes.axhline(values[0], zorder=2, **_FROZEN)
    at = np.flatnonzero((epochs == best) & np.isfinite(values))
    if len(at):
        axes.axvline(best, color=COLOURS["muted"], linewidth=0.8, linestyle=(0, (2, 3)), zorder=2)
        axes.plot([best], values[at], zorder=6, clip_on=False, **_best_look())


def _best_look() -> dict[str, Any]:
    return {
        "color": COLOURS["validation"], "linestyle": "none", "marker": "o", "markersize": 6.5,
        "markeredgecolor": COLOURS["paper"], "markeredgewidth": 1.2,
    }  # fmt: skip


def _epoch_axis(axes: Any, epochs: Curve, most: int = 6) -> None:
    from matplotlib.ticker import MaxNLocator

    last = float(epochs[-1])
    axes.set_xlim(-0.03 * last, 1.03 * last)
    axes.xaxis.set_major_locator(MaxNLocator(most, integer=True, min_n_ticks=2))
    axes.set_xlabel("epoch", fontsize=NORMAL, labelpad=2)
    axes.xaxis.grid(visible=False)


def _description(epochs: Curve, loss: Curve, accuracy: Curve, best: int) -> str:
    def at(epoch: int) -> str:
        row = np.flatnonzero(epochs == epoch)
        parts = []
        if len(row) and np.isfinite(accuracy[row[0]]):
            parts.append(f"accuracy {percent(float(accuracy[row[0]]))}")
        if len(row) and np.isfinite(loss[row[0]]):
            parts.append(f"loss {loss[row[0]]:.3f}")
        return " and ".join(parts) or "nothing finite was measured"

    end = f"; after epoch {best}, the best one: {at(best)}" if best else ", which no epoch was better than"
    return (
        f"Loss, validation accuracy and learning rate against {count(int(epochs[-1]), 'epoch')} of fine-tuning. On "
        f"validation, the frozen network: {at(0)}{end}."
    )
