"""What the reports of all studies say of their settings: the table, the choice, the edges of the grid, the limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from regraft.reports import comparison_words as words
from regraft.reports._comparison_phrases import number
from regraft.reports._study_parts import quoted
from regraft.reports._words import count, listing
from regraft.reports.comparison_figures import reliability_of_choice
from regraft.reports.document import Figure, Table, literal
from regraft.studies.axes import axis_title, value_text
from regraft.studies.conclusions import Conclusion, at_edge
from regraft.studies.results import Results

RELIABILITY = "[[reliability]] shows how often each of the best settings would have been chosen."

_MOST_ROWS = 16  # of the table of settings: the best ones
_MOST_BARS = 8
_MOST_NAMED = 4
_FEW = 10  # repetitions


def ranked(conclusion: Conclusion) -> list[int]:
    """The settings from the highest mean accuracy down, those without a number last."""
    return sorted(
        range(len(conclusion.verdicts)),
        key=lambda row: -conclusion.verdicts[row].mean if math.isfinite(conclusion.verdicts[row].mean) else math.inf,
    )


def over(repetitions: int) -> str:
    """`over 15 repetitions`, for a caption."""
    return f"over {number(repetitions)} repetitions" if repetitions > 1 else "in a single repetition"


def settings_table(label: str, conclusion: Conclusion, rows: Sequence[int], caption: str = "") -> Table:
    """The settings with their accuracy, interval, difference from the best and verdict; of many, the first ones."""
    cells = words.table_rows(conclusion)
    kept = list(rows)[:_MOST_ROWS]
    more = len(rows) - len(kept)
    return Table(
        label,
        caption or f"Validation accuracy {over(conclusion.repetitions)}.",
        words.COLUMNS,
        tuple(cells[row] for row in kept),
        align="lrrrl",
        strong=tuple(place for place, row in enumerate(kept) if row == conclusion.best),
        note=f"{count(more, 'further setting')} with no higher mean, or without one, not shown." if more > 0 else "",
    )


def reliability_figure(conclusion: Conclusion) -> Figure | None:
    """How often each setting would be chosen; None where there is nothing to choose between."""
    verdicts = [conclusion.verdicts[row] for row in ranked(conclusion)]
    verdicts = [verdict for verdict in verdicts if not verdict.diverged][:_MOST_BARS]
    if len(verdicts) < 2 or not conclusion.testable:
        return None
    drawn = reliability_of_choice(
        [verdict.label for verdict in verdicts],
        [verdict.reliability for verdict in verdicts],
        [verdict.wins for verdict in verdicts],
        conclusion.repetitions,
    )
    if drawn is None:
        return None
    return Figure(
        "reliability",
        "Reliability of the choice: how often each of the best settings would be chosen, if the repetitions were drawn "
        "again (bars), and from one repetition alone (marks).",
        drawn.svg,
        drawn.description,
        drawn.width,
    )


def edge_remarks(results: Results, conclusion: Conclusion) -> str:
    """Which values of the best setting are the last ones tried on their side; empty where none is, or nothing learnt.

    Axis by axis it says what `comparison_words.edge_remark` says of one.
    """
    if conclusion.best is None or not conclusion.learned:
        return ""
    values = results.settings[conclusion.best].values
    found = [(axis, edge) for axis in results.axes if (edge := at_edge(results, axis, conclusion)) is not None]
    if len(found) < 2:
        return "".join(literal(words.edge_remark(edge, axis_title(axis), values[axis])) for axis, edge in found)
    places = [
        f"the {axis_title(axis)} ({value_text(values[axis])}, the {'smallest' if edge == 'low' else 'largest'})"
        for axis, edge in found
    ]
    return literal(
        f"At the edge of what was tried are {listing(places)}. Values beyond may do better still, so these ranges "
        "should be widened before the setting is settled on."
    )


def limits(axes: Iterable[str], results: Results, conclusion: Conclusion) -> tuple[str, ...]:
    """What the study does not show."""
    axes = tuple(axes)
    networks = "these networks" if "backbone.name" in axes else "this network"
    several = len(results.settings) > 1
    compared = len(conclusion.verdicts) - len(conclusion.diverged)
    found = []
    if conclusion.best is not None:
        found.append(
            "The accuracies compared are those of validation images at the best epoch of each training. Choosing the "
            "epoch on the same images makes all of them a little too high, alike for every setting; the test accuracy "
            "is free of this."
            if several
            else "The validation accuracy is that of the best epoch of each training. Choosing the epoch on the same "
            "images makes it a little too high; the test accuracy is free of this."
        )
    found.append(
        f"The conclusions hold for images like these, {networks} and these ranges; the intervals know nothing of "
        "images of another kind."
    )
    if conclusion.repetitions == 1:
        found.append("A single repetition does not tell how much of a difference is chance.")
    elif conclusion.repetitions < _FEW and compared > 1:
        found.append(
            f"With {number(conclusion.repetitions)} repetitions, only large differences can be found; that none was "
            "found does not mean that there is none."
        )
    found.append(_unfinished(results))
    if any(axis.startswith("images.") for axis in axes):
        found.append("Settings that differ in their images were measured on different images, which adds to chance.")
    return tuple(filter(None, found))


def _unfinished(results: Results) -> str:
    """Settings whose best epoch was the last one; empty where there is none, and where there was but one epoch."""
    epochs = np.isfinite(results.curves["val_loss"]).sum(axis=-1)
    last = (results.best_epoch == epochs) & (epochs > 1) & ~results.diverged
    slow = [quoted(s.label) for s, row in zip(results.settings, last, strict=True) if row.mean() > 0.5]
    if not slow:
        return ""
    often = " in most repetitions" if len(results.repetitions) > 1 else ""
    if len(slow) == len(results.settings):
        who = "every setting" if len(slow) > 1 else "the only setting"
        return f"The validation loss of {who} was still falling at the last epoch{often}: more epochs may do better."
    some = slow if len(slow) <= _MOST_NAMED + 1 else [*slow[:_MOST_NAMED], f"{len(slow) - _MOST_NAMED} more"]
    theirs = "its" if len(slow) == 1 else "their"
    return (
        f"The validation loss was still falling at the last epoch{often} with {listing(some)}: more epochs may raise "
        f"{theirs} accuracy."
    )


def divergence_warning(results: Results) -> str:
    """How many trainings diverged; empty where none did."""
    diverged, total = int(results.diverged.sum()), results.diverged.size
    if not diverged:
        return ""
    if diverged == total:
        which = {1: "The only training", 2: "Both trainings"}.get(total, f"All {total:,} trainings")
    else:
        which = f"{diverged:,} of {total:,} trainings"
    return f"{which} diverged: a loss or a weight stopped being finite."
