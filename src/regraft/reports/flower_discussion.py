"""What the flower study's report says at its end, and at its head: discussion, limits, warnings."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from regraft.reports._comparison_phrases import points
from regraft.reports._words import count, listing
from regraft.reports.document import named
from regraft.reports.grid_document import limits as grid_limits

if TYPE_CHECKING:
    from regraft.reports.flower_experiments import Found


def discussion(found: Found) -> tuple[str, ...]:
    """How rate and momentum act together, what went wrong at the edges, and how much of it is chance."""
    return tuple(filter(None, (_effective_rates(found), _edges(found), _chance(found))))


def _effective_rates(found: Found) -> str:
    """Momentum m multiplies the step by 1 / (1 − m) in the long run: do equal products do equally well?"""
    sound = np.logical_not(found.grid.diverged.any(axis=1))
    means = found.grid.accuracy.mean(axis=1)
    effective = [s.values["head.learning_rate"] / (1 - s.values["head.momentum"]) for s in found.grid.settings]
    pairs = [
        (a, b)
        for a, b in combinations(range(len(effective)), 2)
        if sound[a] and sound[b] and np.isclose(effective[a], effective[b], rtol=1e-6)
    ]
    if len(pairs) < 2:
        return ""
    gaps = {pair: abs(means[pair[0]] - means[pair[1]]) for pair in pairs}
    least, most = min(pairs, key=gaps.__getitem__), max(pairs, key=gaps.__getitem__)
    closest, farthest = (" and ".join(named(found.grid.settings[row].label) for row in pair) for pair in (least, most))
    median = float(np.median(list(gaps.values())))
    typical = float(np.median([abs(x - y) for x, y in combinations(means[sound], 2)]))
    verdict = (
        "What matters here is the long-run step rather than how it is made up."
        if median < 0.5 * typical
        else "So the long-run step explains a part of the results, and not all of them."
        if median < 0.8 * typical
        else "So the long-run step alone does not explain these results."
    )
    return (
        "Learning rate and momentum are not independent: in the long run a momentum of m multiplies the step by "
        f"1/(1\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}m). Of the {len(pairs)} pairs of combinations with the same "
        "long-run "
        f"step, {closest} differ least, by {points(gaps[least])}, and {farthest} most, by {points(gaps[most])}; in the "
        f"median such pairs differ by {points(median)}, where any two combinations differ by {points(typical)}. "
        f"{verdict}"
    )


def _edges(found: Found) -> str:
    """Trainings that were too slow, and trainings whose loss rose again."""
    epochs = found.grid.curves["val_loss"].shape[-1]
    sound = np.logical_not(found.grid.diverged.any(axis=1))
    slow = [
        named(s.label)
        for s, row, fine in zip(found.grid.settings, found.grid.best_epoch, sound, strict=True)
        if fine and (row == epochs).mean() > 0.5
    ]
    final, lowest = found.grid.curves["val_loss"][..., -1], found.grid.loss
    with np.errstate(all="ignore"):
        risen = np.where(sound, np.nanmean(final, axis=1) / np.nanmean(lowest, axis=1), np.nan)
    unstable = [named(s.label) for s, ratio in zip(found.grid.settings, risen, strict=True) if ratio > 1.5]
    sentences = []
    if slow:
        sentences.append(
            f"{_named(slow)} still improved at the last of {epochs} epochs in most repetitions: "
            f"{'it was' if len(slow) == 1 else 'they were'} too slow for the time given, not wrong as such."
        )
    if unstable:
        sentences.append(
            f"With {_named(unstable, 'the combination')} the validation loss ended at more than one and a half times "
            "its "
            "lowest value: steps that large overshoot, the answers become too sure of themselves, and only stopping "
            "at the "
            "best epoch keeps the accuracy."
        )
    bad = int(found.grid.diverged.any(axis=1).sum())
    if bad:
        sentences.append(f"{count(bad, 'combination')} diverged outright in at least one repetition.")
    return " ".join(sentences)


def _named(labels: list[str], one: str = "The combination") -> str:
    if len(labels) == 1:
        return f"{one} {labels[0]}"
    return f"{one}s {listing(labels)}" if len(labels) <= 3 else f"{len(labels)} of the combinations"


def _chance(found: Found) -> str:
    """How much of the differences between settings one repetition alone would show."""
    whole = found.whole
    if whole.best is None or not whole.testable or len(found.grid.settings) < 2:
        return ""
    best = whole.verdicts[whole.best]
    if np.isnan(best.deviation):
        return ""
    spread = float(best.deviation)
    wins = best.wins
    return (
        f"The accuracy of one and the same combination, the best, scatters by {100 * spread:.1f} percentage points "
        "(standard "
        f"deviation) from repetition to repetition, and in only {wins} of {whole.repetitions} repetitions was it the "
        "best of "
        "all. A single training of each setting, as is common, would have "
        + (
            "led to another choice more often than not."
            if wins * 2 < whole.repetitions
            else "often led to the same choice."
        )
    )


def limits(found: Found) -> tuple[str, ...]:
    """What the study does not show: what no grid shows, and that no layer of the network itself was trained."""
    return (
        *grid_limits((), found.grid, found.whole),
        "Only the new last layer was trained. Fine-tuning the layers below it, or enlarging the data by augmentation, "
        "may "
        "give higher accuracies and other best values.",
    )


def quick_warning(found: Found) -> str:
    """That the standard side was cut short or is not there; empty where neither is so."""
    if found.refused is not None:
        return f"No training was done through Keras: {named(found.refused.splitlines()[0])}"
    if not found.quick:
        return ""
    settings = count(len(found.agreement), "setting")
    epochs = count(found.agreement[0]["epochs"], "epoch") if found.agreement else "no epoch"
    return (
        f"Quick study: the training through Keras was shortened to {settings} and {epochs}, so its speed and agreement "
        "rest on that."
    )
