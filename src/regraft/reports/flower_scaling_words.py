"""What the flower study says of inputs scaled to 0…1, where the network was trained on others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regraft.reports._comparison_phrases import is_equal, number, p_value, points, points_range, signed_points
from regraft.reports._words import THIN
from regraft.reports.document import named
from regraft.studies.scaling import OVERALL

if TYPE_CHECKING:
    from regraft.reports.flower_experiments import Found

Row = dict[str, Any]

_RANGES = {"tf": "−1…1", "lite": "−0.99…1"}
_FOUND = 0.05


def scaling_text(found: Found, facts: dict[str, Any]) -> str:
    """What the wrong scaling costs, at the settings where both could be trained."""
    own = _RANGES.get(facts["backbone"]["preprocessing"]["name"])
    trained = f"was trained on inputs scaled to {own}" if own else "was not trained on inputs scaled to 0…1"
    start = (
        f"{named(facts['backbone']['name'])} {trained}. To feed it inputs scaled to 0…1 is a common mistake, and one "
        "that raises no error."
    )
    rates = len(found.rates.settings)
    if not found.scaling:
        return (
            f"{start} What it costs could not be measured: with one scaling or the other, trainings diverged at every "
            "learning rate."
        )
    single = [row for row in found.scaling if row["setting"] != OVERALL]
    sentences = [start, "Everything else the same, [[scaling]] shows what it costs.", _each(single)]
    if len(single) > 1:
        sentences += [_together(found.scaling), _tuned(found.scaling)]
    if all(row["p"] is None for row in single):
        sentences.append("A single repetition allows no test of this.")
    if len(single) < rates:
        left = rates - len(single)
        sentences.append(
            f"{number(left).capitalize()} of the {number(rates)} learning rates {'is' if left == 1 else 'are'} left "
            "out, because trainings diverged."
        )
    return " ".join(filter(None, sentences))


def scaling_sentence(found: Found) -> str:
    """What the wrong scaling costs, in a sentence; empty where it was not compared or not tested."""
    row = _overall(found.scaling)
    if row is None or row["p"] is None:
        return ""
    inputs = "Inputs scaled to 0…1 in place of the network’s own range"
    if not _is_found(row):
        return f"{inputs} were not shown to change the accuracy."
    return f"{inputs} {'cost' if row['difference'] < 0 else 'gained'} {points(row['difference'])}."


def _overall(rows: tuple[Row, ...]) -> Row | None:
    """The row of all learning rates together, or that of the only one."""
    return next((row for row in rows if row["setting"] == OVERALL), rows[0] if len(rows) == 1 else None)


def _each(single: list[Row]) -> str:
    """What was found at the learning rates, one by one."""
    if all(row["p"] is None for row in single):
        return "" if len(single) > 1 else f"At the only learning rate compared, the accuracy is {_moved(single[0])}."
    worse = [row for row in single if _is_found(row) and row["difference"] < 0]
    better = [row for row in single if _is_found(row) and row["difference"] > 0]
    if not worse and not better:
        if len(single) > 1:
            return "At no single learning rate was a difference found to be more than chance."
        return "At the only learning rate compared, no difference was found to be more than chance."
    parts = []
    if worse:
        parts.append(f"It costs {_sizes(worse)} {_where(worse, single)}")
    if better:
        gains = "it gains" if worse else "It gains"
        parts.append(f"{gains} {_sizes(better)} {_where(better, single)}, which was not to be expected")
    return f"{'; '.join(parts)}."


def _sizes(rows: list[Row]) -> str:
    return points_range([row["difference"] for row in rows])


def _where(some: list[Row], single: list[Row]) -> str:
    if len(single) == 1:
        return "at the only learning rate compared"
    if len(some) == len(single):
        return "at every learning rate" if len(single) > 2 else "at both learning rates"
    return f"at {number(len(some))} of the {number(len(single))} learning rates"


def _together(rows: tuple[Row, ...]) -> str:
    """What was found over all learning rates."""
    row = _overall(rows)
    if row is None:
        return ""
    start = f"Over all learning rates together, the accuracy is {_moved(row)}"
    if row["p"] is None:
        return f"{start}."
    if is_equal(row["difference"]):
        return f"{start} ({p_value(row['p'])})."
    judged = "is more than chance" if _is_found(row) else "was not shown to be more than chance"
    return (
        f"{start} (95{THIN}% interval {signed_points(row['low'])} to {signed_points(row['high'])}, "
        f"{p_value(row['p'])}), which {judged}."
    )


def _moved(row: Row) -> str:
    if is_equal(row["difference"]):
        return "the same"
    return f"{points(row['difference'])} {'lower' if row['difference'] < 0 else 'higher'}"


def _tuned(rows: tuple[Row, ...]) -> str:
    """Whether choosing the learning rate anew makes up for a cost; empty where no cost was found."""
    if not any(_is_found(row) and row["difference"] < 0 for row in rows):
        return ""
    single = [row for row in rows if row["setting"] != OVERALL]
    gap = max(row["own"] for row in single) - max(row["wrong"] for row in single)
    if gap > 0.0005:
        return (
            "Choosing the learning rate anew does not make up for it: the best mean accuracy is still "
            f"{points(gap)} lower."
        )
    higher = f"a mean accuracy that is {points(gap)} higher" if gap < -0.0005 else "the same mean accuracy"
    return f"With the learning rate chosen anew, though, the wrong scaling reaches {higher}."


def _is_found(row: Row) -> bool:
    return row["p"] is not None and row["p"] < _FOUND
