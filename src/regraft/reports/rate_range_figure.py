"""A learning-rate range test as a figure: the loss while the rate rose, and the rate it suggests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft._files import atomic_path, write_text
from regraft.errors import InputError
from regraft.reports._drawing import (
    FULL_WIDTH,
    LEGEND_ROW,
    NORMAL,
    SMALL,
    Drawn,
    add_legend,
    axes_at,
    drawn,
    mark_divergence,
    new_figure,
    text_inches,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import shortened
from regraft.reports.finetune_figure import rate_text

if TYPE_CHECKING:
    from regraft.training.rate_range import RateRange

TITLE = "Learning-rate range test"
SUFFIXES = (".svg", ".png", ".pdf")
"""What `write_rate_range` writes."""

_INCHES, _LEFT, _RIGHT, _BOTTOM, _HIGH = 0.75 * FULL_WIDTH, 0.6, 0.1, 0.42, 2.1
_ABOVE = 0.26  # inches above the panel, for what is said of the suggested rate
_DOTS = 200  # an inch, of a PNG

_BATCHES: dict[str, Any] = {"color": COLOURS["other"], "linewidth": 0.8}
_SMOOTHED: dict[str, Any] = {"color": COLOURS["train"], "linewidth": 2.0}
_SUGGESTED: dict[str, Any] = {"color": COLOURS["validation"], "linewidth": 1.3, "linestyle": (0, (4, 2))}

Floats = npt.NDArray[np.float64]


def draw_rate_range(found: RateRange, title: str = TITLE) -> Drawn:
    """Draws the losses of the batches, their moving average and the suggested rate against the learning rate.

    Args:
        found: what `rate_range` gave.
        title: above it.
    """
    with figure_style():
        return drawn(_figure(found, title), _description(found))


def check_suffix(path: Path) -> str:
    """The suffix of a file that `write_rate_range` can write, in small letters; to be asked before long work.

    Raises:
        InputError: another suffix.
    """
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InputError(
            f"A figure cannot be written to {path.name}.",
            expected="a file name that ends in .svg, .png or .pdf",
            received=f"the suffix {path.suffix!r}" if path.suffix else "a name without a suffix",
        )
    return kind


def write_rate_range(found: RateRange, path: Path, title: str = TITLE) -> None:
    """Writes the figure to a file of the format its suffix names.

    Args:
        found: what `rate_range` gave.
        path: ends in `.svg`, `.png` or `.pdf`; it is whole or absent.
        title: above the figure.

    Raises:
        InputError: another suffix, or the file cannot be written.
    """
    kind = check_suffix(path)
    if kind == ".svg":
        write_text(path, draw_rate_range(found, title).svg)
        return
    # Without what would tell one writing from the next.
    nothing: dict[str, None] = {"Software": None} if kind == ".png" else {"CreationDate": None}
    with figure_style(), atomic_path(path) as temporary:
        _figure(found, title).savefig(
            temporary, format=kind[1:], dpi=_DOTS, metadata=nothing, facecolor=COLOURS["paper"]
        )


def _figure(found: RateRange, title: str) -> Any:
    """To be called inside `figure_style`."""
    top = 0.26
    figure = new_figure(_INCHES, top + LEGEND_ROW + _ABOVE + _HIGH + _BOTTOM)
    head = shortened(title, 56)
    high = figure.get_figheight()
    figure.text(0.06 / _INCHES, 1 - 0.04 / high, head, va="top", fontsize=9.5, fontweight="bold")
    wide = _INCHES - _LEFT - _RIGHT
    axes = axes_at(figure, _LEFT, _BOTTOM, wide, _HIGH)
    _rate_axis(axes, found.rates)
    axes.set_ylim(*_range(found))
    axes.plot(found.rates, _finite(found.losses), zorder=2, **_BATCHES)
    axes.plot(found.rates, _finite(found.smoothed), zorder=4, **_SMOOTHED)
    entries = [("loss of a batch", _BATCHES), ("moving average", _SMOOTHED)]
    bad = np.flatnonzero(~np.isfinite(found.losses))
    known = np.flatnonzero(np.isfinite(found.smoothed))
    if len(bad) and len(known):
        last = known[-1]
        mark_divergence(axes, found.rates[last], found.smoothed[last], COLOURS["train"])
        entries.append(("diverged", {"color": COLOURS["train"], "linestyle": "none", "marker": "x", "markersize": 6}))
    if found.suggested is None:
        _say_above(axes, 1.0, "no rate lowered the loss", wide, "muted")
    else:
        _mark_suggestion(axes, found, wide)
        entries.append(("suggested rate", _SUGGESTED))
    add_legend(figure, entries, top=top)
    return figure


def _mark_suggestion(axes: Any, found: RateRange, wide: float) -> None:
    """The suggested rate as a line with its value, and the lowest point of the moving average it comes from."""
    rate = found.suggested
    assert rate is not None
    lowest = int(np.argmin(np.where(np.isfinite(found.smoothed), found.smoothed, np.inf)))
    axes.plot(
        [found.rates[lowest]], [found.smoothed[lowest]], marker="o", markersize=5.5, linestyle="none", zorder=6,
        color=COLOURS["train"], markeredgecolor=COLOURS["paper"], markeredgewidth=1, clip_on=False,
    )  # fmt: skip
    low, high = axes.get_xlim()
    if not low <= rate <= high:  # a tenth of a rate near the lowest that was tried
        axes.set_xlim(min(low, rate / 1.5), high)
        low = axes.get_xlim()[0]
    axes.axvline(rate, zorder=3, **_SUGGESTED)
    _say_above(axes, np.log(rate / low) / np.log(high / low), _value(rate), wide, "validation")


def _say_above(axes: Any, part: float, words: str, wide: float, role: str) -> None:
    """A few words above the panel at a part of its width, within it."""
    half = 0.5 * 1.1 * text_inches(words, NORMAL) / wide
    axes.text(
        min(max(part, half), 1 - half), 1.02, words, transform=axes.transAxes, ha="center", va="bottom",
        fontsize=NORMAL, fontweight="bold", color=COLOURS[role],
    )  # fmt: skip


def _rate_axis(axes: Any, rates: Floats) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = float(rates.min()), float(rates.max())
    room = (high / low) ** 0.015 if high > low else 1.5
    axes.set_xlim(low / room, high * room)
    axes.xaxis.set_major_locator(LogLocator(numticks=9))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rate_text(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(labelsize=SMALL)
    axes.set_xlabel("learning rate (logarithmic)", fontsize=NORMAL, labelpad=2)
    axes.set_ylabel("loss", fontsize=NORMAL, labelpad=3)


def _range(found: RateRange) -> tuple[float, float]:
    """All of the moving average; what single batches have above or below it is cut off."""
    smoothed = found.smoothed[np.isfinite(found.smoothed)]
    if not len(smoothed):
        return 0.0, 1.0
    low, high = float(smoothed.min()), float(smoothed.max())
    room = 0.1 * max(high - low, 0.05 * abs(high), 1e-9)
    return max(0.0, low - room), high + room


def _value(rate: float) -> str:
    """A suggestion is no more exact than two digits."""
    return rate_text(float(f"{rate:.2g}"))


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _description(found: RateRange) -> str:
    tried = f"The loss while the learning rate rose from {_value(found.rates[0])} to {_value(found.rates[-1])}"
    if found.suggested is None:
        return f"{tried}: no rate lowered the loss."
    lowest = int(np.argmin(np.where(np.isfinite(found.smoothed), found.smoothed, np.inf)))
    return (
        f"{tried}: its moving average was lowest, {found.smoothed[lowest]:.3g}, at {_value(found.rates[lowest])}; "
        f"the suggested rate is {_value(found.suggested)}."
    )
