"""The sentences of the flower study that its numbers decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft.reports._comparison_phrases import is_equal, number, points, scientific
from regraft.reports._study_parts import quoted
from regraft.reports._words import THIN, count, duration, percent
from regraft.reports.document import named
from regraft.studies.flower_study import FIRST_RATE

if TYPE_CHECKING:
    from regraft.reports.flower_experiments import Found

Curves = dict[str, npt.NDArray[np.float64]]

_EQUAL = 0.011  # of the accuracy: an image or two that lie on the boundary fall to either side by rounding
_ROUNDING = 1e-6  # of an accuracy in single precision
_RISEN = 1.02  # times the lowest validation loss


def first_text(curves: Curves) -> str:
    """What the first training looks like: how fast, how far, and whether it had come to its end."""
    known = np.flatnonzero(np.isfinite(curves["val_loss"]))
    if not known.size:
        return (
            f"The training with the values of the assignment, learning rate {FIRST_RATE:g} without momentum, diverged "
            "in its first epoch, so that there are no curves to show."
        )
    accuracy, epochs = curves["val_accuracy"], len(curves["val_loss"])
    best, last = int(np.nanargmin(curves["val_loss"])), int(known[-1])
    diverged = last + 1 < epochs
    only = "its only" if epochs == 1 else "the first"
    later = f"; after {count(last + 1, 'epoch')}, {percent(accuracy[last])}" if last else ""
    end = (
        f"In epoch {last + 2} the training diverged: a loss or a weight stopped being finite. Before that,"
        if diverged
        else "At the end,"
    )
    sentences = [
        f"[[first]] shows one training with the values of the assignment, learning rate {FIRST_RATE:g} without "
        "momentum.",
        f"After {only} epoch, {percent(accuracy[0])} of the validation images were answered rightly{later}.",
        f"{end} the training error was {percent(1 - curves['accuracy'][last])} and the validation error "
        f"{percent(1 - accuracy[last])}.",
    ]
    if np.isfinite(curves["val_precision"][best]):
        sentences.append(
            f"Averaged over the classes, precision was {percent(curves['val_precision'][best])} and recall "
            f"{percent(curves['val_recall'][best])} at the epoch with the lowest validation loss."
        )
    if diverged or epochs == 1:
        return " ".join(sentences)
    sentences.append(_trend(curves, best, last))
    if np.isfinite(curves["seconds"][last]):
        sentences.append(
            f"On cached features, all {count(epochs, 'epoch')} took {duration(float(curves['seconds'][last]))}, "
            "together with those of every other combination of learning rate and momentum."
        )
    return " ".join(sentences)


def _trend(curves: Curves, best: int, last: int) -> str:
    """Where the validation loss went after its lowest point."""
    if best == last:
        return (
            f"The validation loss was still falling at epoch {last + 1}: the training was not at its end, and more "
            "epochs or a larger learning rate may take it further."
        )
    loss = curves["val_loss"]
    if loss[last] <= _RISEN * loss[best]:
        return f"The validation loss was lowest at epoch {best + 1} and had levelled off by the end."
    ratio = float(loss[last] / max(loss[best], 1e-9))
    times = f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"
    risen = f"by {100 * (ratio - 1):.0f}{THIN}%" if ratio < 2 else f"to {times} times that value"
    return f"The validation loss was lowest at epoch {best + 1} and rose {risen} afterwards, " + (
        "while the training loss fell further: from there on the layer learnt what is particular to the training "
        "images."
        if curves["loss"][last] < curves["loss"][best]
        else "and the training loss rose with it: the steps were too large to settle."
    )


def refused_text(reason: str) -> str:
    """Why nothing was trained through Keras."""
    return (
        f"No training was done through Keras ({named(reason.splitlines()[0].rstrip('.'))}), so the two ways were not "
        "compared in this study."
    )


def agreement_text(found: Found, facts: dict[str, Any]) -> str:
    """How far standard and accelerated training lie apart, and what the difference in time comes to."""
    rows = found.agreement
    start = (
        "In standard training F(x) is computed anew for every batch of every epoch. Accelerated training computes it "
        f"once ({_computed(facts['features'])}) and trains N on the sets {{(F(x), t)}}."
    )
    if not rows:
        return f"{start} No training came to its end both ways, so there is nothing to compare."
    sentences = [start]
    if found.quick:
        sentences.append(f"The standard side of this study was shortened to {shortened_to(found)}.")
    sentences.append(
        f"[[agreement]]{' and [[both-ways]] compare' if found.drawn_both_ways else ' compares'} both ways, from the "
        "same initial weights on the same batches."
    )
    sentences += [_differences(found), speed_sentence(found), _extrapolated(found, facts)]
    return " ".join(filter(None, sentences))


def shortened_to(found: Found) -> str:
    """`one setting and one epoch of 120 training images`: what a quick study trained through Keras."""
    settings, epochs = len(found.agreement), max(row["epochs"] for row in found.agreement)
    images = count(int(found.both_ways[0].train_images[0]), "training image")
    return f"{_amount(settings, 'setting')} and {_amount(epochs, 'epoch')} of {images}"


def _amount(value: int, noun: str) -> str:
    return f"{number(value)} {noun if value == 1 else noun + 's'}"


def _computed(features: dict[str, Any]) -> str:
    if not features["computed"]:
        return f"{features['images']:,} images, read from the cache of an earlier run"
    return f"{features['computed']:,} images in {duration(features['seconds'])}, decoding included"


def _differences(found: Found) -> str:
    """The largest difference of a weight and of the accuracy, and what follows from them."""
    rows = found.agreement
    weights = [row["weights"] for row in rows if row["weights"] is not None]
    worst = max(row["accuracy"] for row in rows)
    apart = "is equal at every epoch" if worst < _ROUNDING else f"differs by {_at_most(worst)} epoch"
    largest = max(row["largest_weight"] for row in rows)
    if not weights:
        compared = f"The validation accuracy {apart}."
    elif max(weights) == 0:
        compared = f"All weights are equal; the validation accuracy {apart}."
    else:
        compared = (
            f"No weight differs by more than {size(max(weights))}, where the largest weight is {largest:.2g}; the "
            f"validation accuracy {apart}."
        )
    if not all(row["same_images"] for row in rows):
        return f"{compared} Yet the two ways did not train on the same images, so that nothing follows from this."
    if worst < _EQUAL:
        return (
            f"{compared} So the two ways are the same computation, apart from rounding, and what is found on cached "
            "features holds for standard training."
        )
    return (
        f"{compared} So the two ways do not give the same result here, and what is found on cached features must not "
        "be taken over to standard training."
    )


def size(value: float) -> str:
    """A difference, tiny as a rule: `2.6·10⁻⁷`; `0.12` where it is not."""
    return scientific(value) if value < 0.01 else f"{value:.2g}"


def _at_most(difference: float) -> str:
    text = points(difference)
    return f"{text} at every" if text.startswith("less than") else f"at most {text} at any"


def speed_sentence(found: Found, features: dict[str, Any] | None = None) -> str:
    """How much faster the accelerated training was; empty where there was no standard one.

    Args:
        features: what `study.json` holds of them, where the sentence is to say what they took as well.
    """
    standard, accelerated = 0.0, 0.0
    for rows in filter(None, _groups(found)):
        standard += sum(row["standard_seconds"] for row in rows)
        accelerated += max(row["accelerated_seconds"] for row in rows)  # all heads of a group were trained at once
    if not standard or not accelerated:
        return ""
    shortened = ", measured on a shortened standard side" if found.quick else ""
    computed = (
        f"; computing the features took {duration(features['seconds'])}" if features and features["computed"] else ""
    )
    return (
        f"Training on features that were computed once was {_times(standard / accelerated)} training through the "
        f"network ({brief(standard)} against {brief(accelerated)} for the same trainings{shortened}{computed})."
    )


def _times(ratio: float) -> str:
    """`about 21,000 times as fast as`, to two digits; what cannot be told from 1 is no speed-up."""
    if ratio < 1.05:
        return "no faster than"
    rounded = float(f"{ratio:.2g}")
    return f"about {rounded:,.0f} times as fast as" if rounded >= 10 else f"{rounded:g} times as fast as"


def brief(seconds: float) -> str:
    """A time that may be far below a second: `0.031 s`."""
    if seconds >= 0.995:
        return duration(seconds)
    return f"{seconds:.3f}{THIN}s" if seconds >= 0.0005 else f"under 0.001{THIN}s"


def _groups(found: Found) -> list[list[dict[str, Any]]]:
    """The rows of the agreement by the group they were trained in."""
    groups, rows = [], list(found.agreement)
    for results in found.both_ways:
        labels = {label for row in results.chosen for label in row}
        groups.append([row for row in rows if row["setting"] in labels])
        rows = [row for row in rows if row["setting"] not in labels]
    return groups


def _extrapolated(found: Found, facts: dict[str, Any]) -> str:
    """What the trainings of the grid would have taken through Keras."""
    seconds = sum(row["standard_seconds"] for row in found.agreement)
    if not seconds or not found.both_ways:
        return ""
    both, grid = found.both_ways[0], found.grid
    images = float(both.train_images[0] + both.images[0]) * sum(row["epochs"] for row in found.agreement)
    per_second = images / seconds
    wanted = grid.accuracy.size * grid.curves["loss"].shape[-1] * float(np.mean(grid.train_images + grid.images))
    return (
        f"At the measured {per_second:,.0f} images a second, the {grid.accuracy.size:,} trainings of the whole grid "
        f"would have taken some {_long(wanted / per_second)} through Keras (extrapolated); on cached features they "
        f"took {duration(facts['seconds'].get('training', 0.0))}, together with those under the other scaling and "
        "with recording them all."
    )


def _long(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:,.0f} hours" if hours >= 10 else f"{hours:.1f} hours" if hours >= 1 else duration(seconds)


def grid_text(found: Found) -> str:
    """That the whole grid costs little, and what looking for one value after the other would have missed."""
    boxes = " and [[boxes]] show" if sound_best_first(found) else " shows"
    start = (
        "On cached features all combinations cost hardly more than one, so every momentum was tried at every learning "
        f"rate, as [[heat]]{boxes}."
    )
    step = found.momentum.best
    if found.whole.best is None or step is None:
        return start
    stepwise = found.momenta.settings[step].values
    if stepwise == found.grid.settings[found.whole.best].values:
        return (
            f"{start} Looking for the learning rate first and for the momentum afterwards, as above, leads to the same "
            "combination as the whole grid."
        )
    row = next(i for i, setting in enumerate(found.grid.settings) if setting.values == stepwise)
    verdict, best = found.whole.verdicts[row], quoted(found.whole.verdicts[found.whole.best].label)
    if is_equal(verdict.difference):
        mean = "mean accuracy" if found.whole.testable else "accuracy"
        judged = f"{best} has the same {mean}"
    elif np.isnan(verdict.p):
        judged = f"{best} does better by {points(verdict.difference)}, in a single repetition, which allows no test"
    else:
        chance = "is" if verdict.p < 1 - found.whole.confidence else "was not shown to be"
        judged = f"{best} does better by {points(verdict.difference)}, which {chance} more than chance"
    return (
        f"{start} Looking for the learning rate first and for the momentum afterwards led to {quoted(verdict.label)}; "
        f"over the whole grid, {judged}."
    )


def sound_best_first(found: Found) -> list[int]:
    """The combinations that never diverged, from the highest mean accuracy down."""
    means = found.grid.accuracy.mean(axis=1)
    return [int(row) for row in np.argsort(-means, kind="stable") if np.isfinite(means[row])]
