"""Crossing domains in one figure: every method's accuracy on the target, with intervals, beside what adapts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regraft._files import atomic_path, write_text
from regraft.reports._drawing import (
    LEGEND_ROW,
    LEGEND_SIZE,
    NORMAL,
    SMALL,
    Drawn,
    add_legend,
    axes_at,
    drawn,
    new_figure,
    panel_title,
    percent_axis,
    text_inches,
)
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import percent, shortened
from regraft.reports.rate_range_figure import check_suffix

_DOTS = 200  # an inch, of a PNG
_ROW, _BOTTOM, _WIDE, _SAYS = 0.24, 0.4, 3.1, 1.5  # inches: of a method, the axis, the panel, the words beside it
_LOOKS = {
    "baseline": {"color": COLOURS["muted"], "marker": "o"},
    "instances": {"color": COLOURS["series2"], "marker": "s"},
    "features": {"color": COLOURS["series1"], "marker": "D"},
    "parameters": {"color": COLOURS["series3"], "marker": "^"},
}


def draw_adaptation(facts: Mapping[str, Any]) -> Drawn:
    """Draws the accuracies on the measured target images, or, without any, the scores that need no labels.

    Args:
        facts: of an adaptation.
    """
    with figure_style():
        return drawn(_figure(facts), _description(facts))


def _figure(facts: Mapping[str, Any]) -> Any:
    """To be called inside `figure_style`."""
    rows = list(facts["methods"])
    measured = _is_measured(facts)
    names = [f"{row['title']}{' (chosen)' if _is_chosen(row, facts) else ''}" for row in rows]
    left = 0.12 + max(1.15 * text_inches(name, LEGEND_SIZE) for name in names)  # one of them is bold
    kinds = [kind for kind in _LOOKS if any(row["what"] == kind for row in rows)]
    top = 0.06 + LEGEND_ROW + 0.3
    figure = new_figure(left + _WIDE + (_SAYS if measured else 0.15), top + _ROW * len(rows) + _BOTTOM)
    axes = axes_at(figure, left, _BOTTOM, _WIDE, _ROW * len(rows))
    _points(axes, rows, measured)
    axes.set_yticks(range(len(rows)), names, fontsize=LEGEND_SIZE)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.yaxis.grid(visible=False)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(COLOURS["ink"])
        label.set_fontweight("bold" if _is_chosen(row, facts) else "normal")
    percent_axis(axes.xaxis)
    panel_title(axes, _title(facts, measured))
    if measured:
        axes.set_xlabel("accuracy, with 95 % intervals", fontsize=NORMAL, labelpad=2)
    else:
        axes.set_xlabel("accuracy there and back, a score without target labels", fontsize=NORMAL, labelpad=2)
    entries = [(kind, {**_LOOKS[kind], "linestyle": "none", "markersize": 5}) for kind in kinds]
    add_legend(figure, entries, top=0.03, title="transfers" if len(kinds) > 1 else "")
    return figure


def _points(axes: Any, rows: list[dict[str, Any]], measured: bool) -> None:
    for place, row in enumerate(rows):
        look: dict[str, Any] = _LOOKS[row["what"]]
        value = row["measured"]["accuracy"] if measured else row["scores"].get("there_and_back")
        if value is None:
            continue
        if measured:
            low, high = row["measured"]["accuracy_interval"]
            axes.plot([low, high], [place, place], color=look["color"], linewidth=1.5, zorder=3)
            axes.text(
                1.03, place, _beside(row), transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL,
                color=COLOURS["muted"],
            )  # fmt: skip
        axes.plot(
            [value], [place], linestyle="none", markersize=5, markeredgecolor=COLOURS["paper"], markeredgewidth=0.5,
            zorder=4, **look,
        )  # fmt: skip
    before = next((row for row in rows if row["name"] == "source-only"), None)
    if measured and before is not None:
        axes.axvline(before["measured"]["accuracy"], color=COLOURS["other"], linestyle="--", linewidth=1, zorder=2)


def _beside(row: Mapping[str, Any]) -> str:
    against = row["against"].get("source-only")
    value = percent(row["measured"]["accuracy"])
    if against is None:
        return f"{value}  before"
    words = {"helps": "helps", "hurts": "hurts", "no difference": "(unclear)"}[against["kind"]]
    difference = f"{100 * against['difference']:+.1f}".replace("-", "\N{MINUS SIGN}")
    return f"{value}  {difference} {words}"


def _is_chosen(row: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return bool(row["name"] == facts["chosen"]["method"])


def _title(facts: Mapping[str, Any], measured: bool) -> str:
    names = f"{shortened(facts['source']['name'], 18)} → {shortened(facts['target']['name'], 18)}"
    images = f"{facts['target']['measured']:,} images measured" if measured else "nothing measured"
    return f"{names}, {images}"


def _is_measured(facts: Mapping[str, Any]) -> bool:
    return bool(facts["target"]["measured"])


def _description(facts: Mapping[str, Any]) -> str:
    """The figure in words."""
    if not _is_measured(facts):
        return "Scores of every method that need no target labels; nothing could be measured."
    parts = ", ".join(f"{row['title']} {percent(row['measured']['accuracy'])}" for row in facts["methods"])
    return f"Accuracy on {facts['target']['measured']} target images: {parts}."


def write_adaptation_figure(facts: Mapping[str, Any], path: Path) -> None:
    """Writes the figure as .svg, .png or .pdf, whole or not at all.

    Raises:
        InputError: another suffix, or the place cannot be written.
    """
    kind = check_suffix(path)
    if kind == ".svg":
        write_text(path, draw_adaptation(facts).svg)
        return
    # Without what would tell one writing from the next.
    nothing: dict[str, None] = {"Software": None} if kind == ".png" else {"CreationDate": None}
    with figure_style(), atomic_path(path) as temporary:
        _figure(facts).savefig(temporary, format=kind[1:], dpi=_DOTS, metadata=nothing, facecolor=COLOURS["paper"])
