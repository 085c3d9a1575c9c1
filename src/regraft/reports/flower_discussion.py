"""What the flower study's report says at its end, and at its head: discussion, limits, warnings."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from regraft.reports._comparison_phrases import is_equal, number, points
from regraft.reports._study_parts import quoted
from regraft.reports._study_results import limits as shared_limits
from regraft.reports._words import listing
from regraft.reports.document import named
from regraft.reports.flower_words import shortened_to

if TYPE_CHECKING:
    from regraft.reports.flower_experiments import Found

_SAME_STEP = 1e-6  # relative
_UNSTABLE = 1.5  # times the lowest validation loss


def discussion(found: Found) -> tuple[str, ...]:
    """How rate and momentum act together, what went wrong at the edges, and how much of it is chance."""
    return tuple(filter(None, (_effective_rates(found), _edges(found), _chance(found))))


def _effective_rates(found: Found) -> str:
    """Momentum m multiplies the step by 1 / (1 − m) in the long run: do equal products do equally well?"""
    sound = np.flatnonzero(~found.grid.diverged.any(axis=1))
    means = found.grid.accuracy.mean(axis=1)
    steps = [s.values["head.learning_rate"] / (1 - s.values["head.momentum"]) for s in found.grid.settings]
    pairs = [(a, b) for a, b in combinations(sound, 2) if np.isclose(steps[a], steps[b], rtol=_SAME_STEP)]
    if len(pairs) < 2 or not found.whole.learned:
        return ""
    gaps = {(a, b): abs(means[a] - means[b]) for a, b in pairs}
    median = float(np.median(list(gaps.values())))
    typical = float(np.median([abs(a - b) for a, b in combinations(means[sound], 2)]))
    if typical < 1e-9:
        return ""  # most combinations are equal, and so are these
    least, most = min(pairs, key=gaps.__getitem__), max(pairs, key=gaps.__getitem__)
    closest, farthest = (" and ".join(quoted(found.grid.settings[row].label) for row in pair) for pair in (least, most))
    equal = is_equal(gaps[least])
    near = "have the same accuracy" if equal else f"differ least, by {points(gaps[least])}"
    far = "differ most" if equal else "most"
    half = (
        "have the same accuracy, and half of all pairs of combinations differ"
        if is_equal(median)
        else f"differ by no more than {points(median)}, and half of all pairs of combinations"
    )
    verdict = (
        "What matters here is the long-run step rather than how it is made up."
        if median < 0.5 * typical
        else "So the long-run step explains a part of the results, and not all of them."
        if median < 0.8 * typical
        else "So the long-run step alone does not explain these results."
    )
    return (
        "Learning rate and momentum are not independent: in the long run a momentum of m multiplies the step by "
        f"(1\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}m)⁻¹. Of the {number(len(pairs))} pairs of combinations with the same "
        f"long-run step, {closest} {near}, and {farthest} {far}, by {points(gaps[most])}. Half of these pairs {half} "
        f"by no more than {points(typical)}. {verdict}"
    )


def _edges(found: Found) -> str:
    """Trainings that were too slow, trainings whose loss rose again, and trainings that diverged."""
    grid = found.grid
    epochs, repetitions = grid.curves["val_loss"].shape[-1], len(grid.repetitions)
    sound = np.flatnonzero(~grid.diverged.any(axis=1))
    labels = [quoted(setting.label) for setting in grid.settings]
    slow = [row for row in sound if epochs > 1 and (grid.best_epoch[row] == epochs).mean() > 0.5]
    final = grid.curves["val_loss"][..., -1]
    unstable = [row for row in sound if final[row].mean() > _UNSTABLE * grid.loss[row].mean()]
    lost = len(labels) - len(sound)
    sentences = []
    if slow:
        who = _combinations([labels[row] for row in slow], len(labels))
        often = " in most repetitions" if repetitions > 1 else ""
        was = "was" if len(slow) == 1 else "were"
        sentences.append(
            f"{who[0].upper()}{who[1:]} {was} still improving at the last of {epochs} epochs{often}: too slow for the "
            "time given, not wrong as such."
        )
    if unstable:
        who = _combinations([labels[row] for row in unstable], len(labels))
        sentences.append(
            f"With {who}, the validation loss ended at more than one and a half times its lowest value: steps that "
            "large overshoot, the answers become too sure of themselves, and only stopping at the best epoch keeps "
            "the accuracy."
        )
    if lost:
        who = _combinations([label for row, label in enumerate(labels) if row not in sound], len(labels))
        once = " in at least one repetition" if repetitions > 1 else ""
        sentences.append(f"{who[0].upper()}{who[1:]} diverged outright{once}.")
    return " ".join(sentences)


def _combinations(labels: list[str], total: int) -> str:
    """Few by their names, more by their number."""
    if len(labels) == total:
        return f"all {number(total)} combinations" if total > 1 else f"the only combination, {labels[0]},"
    if len(labels) > 3:
        return f"{number(len(labels))} of the {number(total)} combinations"
    return f"the combination{'s' if len(labels) > 1 else ''} {listing(labels)}"


def _chance(found: Found) -> str:
    """How much of the differences between settings one repetition alone would show."""
    whole = found.whole
    if whole.best is None or not whole.testable or len(whole.verdicts) - len(whole.diverged) < 2:
        return ""
    best, repetitions = whole.verdicts[whole.best], whole.repetitions
    every = f"in {'both' if repetitions == 2 else f'all {number(repetitions)}'} repetitions"
    share = f"of {number(repetitions)} repetitions"
    if best.wins == repetitions:
        often, choice = every, "have led to the same choice every time."
    elif best.wins * 2 < repetitions:
        often = f"in {'none' if not best.wins else f'only {number(best.wins)}'} {share}"
        choice = "more often than not have led to another choice."
    else:
        often, choice = f"in {number(best.wins)} {share}", "not always have led to this choice."
    scatter = (
        "is the same in every repetition"
        if is_equal(best.deviation)
        else f"scatters by {points(best.deviation)} (standard deviation) from repetition to repetition"
    )
    return (
        f"The accuracy of the best combination {scatter}, and it was the best of all {often}. A single training of "
        f"each combination, as is common, would {choice}"
    )


def limits(found: Found) -> tuple[str, ...]:
    """What the study does not show: what no grid shows, and that no layer of the network itself was trained."""
    return (
        *shared_limits((), found.grid, found.whole),
        "Only the new last layer was trained. Fine-tuning the layers below it, or enlarging the data by augmentation, "
        "may give higher accuracies and other best values.",
    )


def quick_warning(found: Found) -> str:
    """That the standard side was cut short or is not there; empty where neither is so."""
    if found.refused is not None:
        return f"No training was done through Keras: {named(found.refused.splitlines()[0].rstrip('.'))}."
    if not found.quick:
        return ""
    if not found.agreement:
        return "Quick study: the training through Keras was shortened, and none came to its end both ways."
    return (
        f"Quick study: the training through Keras was shortened to {shortened_to(found)}, and its speed and agreement "
        "rest on no more than that."
    )
