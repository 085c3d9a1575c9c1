"""What a study's conclusion says in words: sentences and table cells made from its numbers, at any outcome."""

from __future__ import annotations

import math

from regraft.reports._comparison_finding import Finding
from regraft.reports._comparison_phrases import (
    MAJORITY,
    NAMED,
    SMALLER_RATES,
    Subjects,
    is_equal,
    level,
    number,
    p_value,
    points,
    signed_points,
)
from regraft.reports._words import percent, shown
from regraft.studies.conclusions import Conclusion, Edge, Verdict


def finding(
    conclusion: Conclusion,
    *,
    quantity: str = "validation accuracy",
    subject: str = "setting",
    subjects: str | None = None,
) -> str:
    """The paragraph that says what was found: the best, what is worse, what no difference was found for, what failed.

    Args:
        quantity: what was measured.
        subject, subjects: what was compared, singular and plural (by default with an `s`): `momentum`, `momenta`.
    """
    return Finding(conclusion, quantity, Subjects(conclusion, subject, subjects or f"{subject}s")).text()


def recommendation(conclusion: Conclusion, *, subject: str = "setting", subjects: str | None = None) -> str:
    """Which setting to use, which may be used in its place, and how firm the choice is."""
    called = Subjects(conclusion, subject, subjects or f"{subject}s")
    if not conclusion.repetitions or not conclusion.verdicts:
        return f"No {subject} can be recommended, because nothing was measured."
    if conclusion.best is None:
        return f"No {subject} can be recommended, because {called.everyone()} diverged; {SMALLER_RATES}."
    verdict = conclusion.verdicts[conclusion.best]
    best = called.name(conclusion.best)
    if not conclusion.learned:
        which = "only one tried" if len(conclusion.verdicts) == 1 else "one with the highest mean"
        return (
            f"No {subject} can be recommended, because the {which}, {best}, was not shown to do better than {MAJORITY}."
        )
    if len(conclusion.verdicts) == 1:
        return f"Only one {subject} was tried, {best}, so that there is nothing to recommend it over."
    if not conclusion.testable:
        return (
            f"The provisional choice is {best}, which did best in the only repetition; it should be confirmed over "
            "several repetitions."
        )
    sentences = [f"The recommended {subject} is {best}."]
    if ties := conclusion.ties:
        which = ("which", "either of which", "any of which")[min(len(ties), 3) - 1]
        if len(ties) <= NAMED:
            sentences.append(f"No difference from it was found for {called.names(ties)}, {which} may be used instead.")
        else:
            # That no difference was found is no reason to take one that did much worse.
            nearest = sorted(ties, key=lambda row: -conclusion.verdicts[row].mean)[:NAMED]
            farthest = conclusion.verdicts[nearest[-1]].difference
            gap = "the same mean" if is_equal(farthest) else f"means at most {points(farthest)} lower"
            sentences.append(
                f"No difference from it was found for {called.counted(len(ties))}; of these, {called.names(nearest)} "
                "come "
                f"closest, with {gap}, and may be used instead."
            )
    if len(conclusion.verdicts) - len(conclusion.diverged) > 1:
        firm = "; the choice is not a firm one" if verdict.reliability < 0.5 else ""
        sentences.append(
            f"When the repetitions are resampled with replacement (bootstrap), the same {subject} comes out best in "
            f"{percent(verdict.reliability)} of the cases{firm}."
        )
    return " ".join(sentences)


def edge_remark(edge: Edge | None, axis_label: str, value: object) -> str:
    """That the best value is the last one tried on its side, so that better ones may lie beyond; empty if it is not.

    Args:
        edge: of `at_edge`.
        axis_label: what the axis varies, such as `learning rate`.
        value: the best one.
    """
    if edge is None:
        return ""
    written = f"{value:g}" if isinstance(value, int | float) else shown(str(value))
    most, beyond = ("smallest", "Smaller") if edge == "low" else ("largest", "Larger")
    return (
        f"The best {axis_label}, {written}, is the {most} one tried. {beyond} values may do better still, so the range "
        "should be widened before this one is settled on."
    )


def test_note(conclusion: Conclusion) -> str:
    """Which test was made, and why that one. (In a test file, import the module: pytest collects this name.)"""
    repetitions = conclusion.repetitions
    if repetitions < 2:
        return (
            "No test was made. It would need at least two repetitions, since a single one does not tell how much the "
            "accuracy varies with the split, the order of the batches and the initial weights."
        )
    if conclusion.best is None:
        return "There was nothing to compare, so that no test was made."
    comparisons = sum(not math.isnan(verdict.p) for verdict in conclusion.verdicts)
    intervals = f"{level(conclusion.confidence)} interval"
    factor = (
        f"1/{repetitions} + {conclusion.ratio:.2f} rather than by 1/{repetitions}, where {repetitions} is the number "
        f"of repetitions and {conclusion.ratio:.2f} the number of validation images divided by that of training images"
    )
    if not comparisons:
        return (
            f"There was nothing to compare, so that no test was made. The {intervals} is based on Student’s t "
            "distribution. As the training sets of different repetitions overlap, its variance is corrected: the "
            f"variance between repetitions is multiplied by {factor} (Nadeau and Bengio, 2003)."
        )
    many = comparisons > 1
    adjusted = f" and adjusted for {number(comparisons)} comparisons by Holm’s method (1979)" if many else ""
    not_adjusted = ", but not adjusted for the number of comparisons" if many else ""
    return (
        "Within a repetition, all settings share the training and validation images, the batches and the initial "
        "weights, so that their accuracies are compared in pairs. The training sets of different repetitions overlap. "
        "The usual paired t-test makes no allowance for this and reports differences far too readily; the corrected "
        "resampled t-test is therefore used (Nadeau and Bengio, 2003; for repeated cross-validation, Bouckaert and "
        f"Frank, 2004). It multiplies the variance of the differences by {factor}. The p values are two-sided"
        f"{adjusted}; a difference counts as found where p is below {1 - conclusion.confidence:.2g}. The {intervals}s "
        f"are corrected in the same way{not_adjusted}. As the best setting was picked by its mean, that mean is, if "
        "anything, a little too high; only the test images tell how well it does on new images."
    )


def verdict_word(verdict: Verdict) -> str:
    """The verdict in a table's cell: `worse (p = 0.004)`."""
    if verdict.status == "diverged":
        return "diverged" + (f" in {verdict.diverged} of {verdict.repetitions}" if verdict.repetitions > 1 else "")
    if verdict.status == "best":
        return "best"
    if verdict.status == "at chance":
        return "not above chance"
    if math.isnan(verdict.p):
        return "not tested"
    return f"{'worse' if verdict.status == 'worse' else 'no difference found'} ({p_value(verdict.p)})"


def columns(confidence: float = 0.95) -> tuple[str, ...]:
    """The titles of the columns of `table_rows`."""
    interval = f"{level(confidence)} interval"
    return ("Setting", "Mean accuracy", interval, "Difference from the best (points)", "Verdict")


COLUMNS = columns()


def table_rows(conclusion: Conclusion) -> tuple[tuple[str, ...], ...]:
    """One row for each setting, in the order of the settings, under `columns`; a dash where there is no number."""
    return tuple(
        (
            shown(verdict.label),
            _or_dash(percent(verdict.mean), verdict.mean),
            _or_dash(f"{100 * verdict.low:.1f} to {percent(verdict.high)}", verdict.low),
            "–" if verdict.status == "best" else _or_dash(signed_points(verdict.difference), verdict.difference),
            "highest, but not above chance"
            if verdict.status == "best" and not conclusion.learned
            else verdict_word(verdict),
        )
        for verdict in conclusion.verdicts
    )


def _or_dash(text: str, value: float) -> str:
    return "–" if math.isnan(value) else text
