"""The sentences of the flower study that its numbers decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft.reports._comparison_phrases import number, p_value, points, points_range, scientific, signed_points
from regraft.reports._words import THIN, count, duration, percent
from regraft.reports.document import named
from regraft.studies.scaling import OVERALL

if TYPE_CHECKING:
    from regraft.reports.flower_experiments import Found

Curves = dict[str, npt.NDArray[np.float64]]


def first_text(curves: Curves) -> str:
    """What the first training looks like: how fast, how far, and whether it had come to its end."""
    known = np.isfinite(curves["val_loss"])
    if not known.any():
        return "The first training diverged in its first epoch: no curve can be drawn."
    loss, accuracy = curves["val_loss"], curves["val_accuracy"]
    best, last = int(np.nanargmin(loss)), int(np.flatnonzero(known)[-1])
    sentences = [
        "[[first]] shows one training with the values of the assignment, learning rate 0.01 without momentum.",
        f"After the first epoch, {percent(accuracy[0])} of the validation images were answered rightly; after "
        f"{count(last + 1, 'epoch')}, {percent(accuracy[last])}. The training error ended at "
        f"{percent(1 - curves['accuracy'][last])} and the validation error at {percent(1 - accuracy[last])}.",
    ]
    if np.isfinite(curves["val_precision"][best]):
        sentences.append(
            f"Averaged over the classes, precision was {percent(curves['val_precision'][best])} and recall "
            f"{percent(curves['val_recall'][best])} at the epoch with the lowest validation loss."
        )
    if last + 1 < len(known):
        sentences.append(f"The training diverged in epoch {last + 2}.")
    elif best == last:
        sentences.append(
            f"The validation loss was still falling at epoch {last + 1}: this training was not at its end, and a "
            "larger "
            "step would have taken it further in the same time."
        )
    else:
        sentences.append(
            f"The validation loss was lowest at epoch {best + 1} and rose by "
            f"{100 * (loss[last] / loss[best] - 1):.0f}{THIN}% "
            "afterwards, while the training loss kept falling: from there on the layer fitted the training images "
            "alone."
            if curves["loss"][last] < curves["loss"][best] and loss[last] > 1.02 * loss[best]
            else f"The validation loss was lowest at epoch {best + 1} and had levelled off by the end."
        )
    if np.isfinite(curves["seconds"][last]):
        sentences.append(
            f"On cached features all {count(last + 1, 'epoch')} took {duration(float(curves['seconds'][last]))}, "
            "together "
            "with every other combination of learning rate and momentum."
        )
    return " ".join(sentences)


def refused_text(reason: str) -> str:
    """Why nothing was trained through Keras."""
    return (
        f"No training was done through Keras ({named(reason.splitlines()[0].rstrip('.'))}), so the two ways were not "
        "compared in this study."
    )


def agreement_text(found: Found, facts: dict[str, Any]) -> str:
    """How far standard and accelerated training lie apart, and what the difference in time comes to."""
    rows = found.agreement
    features = facts["features"]
    sentences = [
        "In standard training F(x) is computed anew for every batch of every epoch. Accelerated training computes it "
        f"once ({_computed(features)}) and trains N on the sets {{(F(x), t)}}."
    ]
    if not rows:
        sentences.append("No training came to its end both ways, so there is nothing to compare.")
        return " ".join(sentences)
    if found.quick:
        sentences.append(
            f"The standard side of this study was shortened to {count(len(rows), 'setting')} and "
            f"{count(rows[0]['epochs'], 'epoch')}."
        )
    weights = [row["weights"] for row in rows if row["weights"] is not None]
    worst = max(row["accuracy"] for row in rows)
    sentences.append(
        "[[agreement]]"
        + (" and [[both-ways]] compare" if found.drawn_both_ways else " compares")
        + " both ways, from the same initial weights on the same batches."
    )
    if weights:
        largest = max(row["largest_weight"] for row in rows)
        sentences.append(
            f"No weight differs by more than {scientific(max(weights))}, where the largest weight is {largest:.2g}; "
            "the "
            "validation "
            f"accuracy {_apart(worst)}."
        )
    else:
        sentences.append(f"The validation accuracy {_apart(worst)}.")
    sentences.append(
        "So the two ways are the same computation, apart from rounding, and what is found on cached features holds for "
        "standard training."
        if worst < 0.011 and all(row["same_images"] for row in rows)
        else "So the two ways do not give the same result here, and what is found on cached features must not be taken "
        "over."
    )
    sentences.append(speed_sentence(found))
    standard = _standard_rate(found)
    if standard:
        images = found.grid.accuracy.size * found.grid.curves["loss"].shape[-1]
        per_epoch = float(np.mean(found.grid.train_images + found.grid.images))
        sentences.append(
            f"At the measured {standard:.0f} images a second, the {found.grid.accuracy.size:,} trainings of this "
            "study would "
            f"have taken some {_long(images * per_epoch / standard)} through Keras (extrapolated); on cached features "
            "they "
            f"took {duration(facts['seconds'].get('training', 0.0))}, recording them included."
        )
    return " ".join(filter(None, sentences))


def _computed(features: dict[str, Any]) -> str:
    images = f"{features['images']:,} images"
    if not features["computed"]:
        return f"{images}, read from the cache of an earlier run"
    return f"{features['computed']:,} images in {duration(features['seconds'])}, decoding included"


def _apart(worst: float) -> str:
    return "is equal at every epoch" if worst < 1e-9 else f"differs by at most {points(worst)} at any epoch"


def _long(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:,.0f} hours" if hours >= 10 else f"{hours:.1f} hours" if hours >= 1 else duration(seconds)


def _standard_rate(found: Found) -> float | None:
    """Images a second, trained and measured, through Keras."""
    seconds = sum(row["standard_seconds"] for row in found.agreement)
    if not seconds or not found.both_ways:
        return None
    images = float(found.both_ways[0].train_images[0] + found.both_ways[0].images[0])
    return float(images * sum(row["epochs"] for row in found.agreement) / seconds)


def speed_sentence(found: Found) -> str:
    """How much faster the accelerated training was; empty where there was no standard one."""
    standard, accelerated = 0.0, 0.0
    for rows in filter(None, _groups(found)):
        standard += sum(row["standard_seconds"] for row in rows)
        accelerated += max(row["accelerated_seconds"] for row in rows)  # all heads of a group were trained at once
    if not standard or not accelerated:
        return ""
    ratio = standard / accelerated
    shortened = ", measured on a shortened standard side" if found.quick else ""
    return (
        f"Training on features that were computed once was {ratio:,.0f} times as fast as training through the network "
        f"({duration(standard)} against {accelerated:.3f}{THIN}s for the same trainings{shortened})."
    )


def _groups(found: Found) -> list[list[dict[str, Any]]]:
    """The rows of the agreement by the group they were trained in."""
    groups, rows = [], list(found.agreement)
    for results in found.both_ways:
        labels = {label for row in results.chosen for label in row}
        groups.append([row for row in rows if row["setting"] in labels])
        rows = [row for row in rows if row["setting"] not in labels]
    return groups


def grid_text(found: Found) -> str:
    """That the whole grid costs little, and whether looking for rate and momentum one after the other missed "
    "anything."""
    sentences = [
        "On cached features all combinations cost hardly more than one, so the momenta were tried at every learning "
        "rate "
        "([[heat]], [[boxes]])."
    ]
    step = found.momentum.best
    if found.whole.best is None or step is None:
        return sentences[0]
    stepwise = found.momenta.settings[step].values
    best = found.grid.settings[found.whole.best].values
    if stepwise == best:
        sentences.append(
            "Looking for the learning rate first and the momentum afterwards, as above, leads to the same combination "
            "as "
            "the whole grid."
        )
    else:
        row = next(i for i, setting in enumerate(found.grid.settings) if setting.values == stepwise)
        verdict = found.whole.verdicts[row]
        judged = (
            "a difference that was not found to be more than chance"
            if row in found.whole.ties
            else "which is more than chance"
            if row in found.whole.worse
            else "although the comparison could not be made"
        )
        sentences.append(
            f"Looking for the learning rate first and the momentum afterwards led to {named(verdict.label)}; over the "
            "whole "
            f"grid, {named(found.whole.verdicts[found.whole.best].label)} does better by {points(verdict.difference)}, "
            f"{judged}."
        )
    return " ".join(sentences)


def scaling_text(found: Found, facts: dict[str, Any]) -> str:
    """What the wrong scaling costs, at the settings where both could be trained."""
    own = facts["backbone"]["preprocessing"]["name"]
    was = {"tf": "−1…1", "lite": "−0.99…1"}.get(own, "another range")
    start = (
        f"{named(facts['backbone']['name'])} was trained on inputs scaled to {was}. A common mistake is to feed it "
        "inputs "
        "scaled to 0…1. Everything else the same, [[scaling]] shows what that costs."
        if found.scaling
        else "With inputs scaled to 0…1 no setting could be compared, because trainings diverged."
    )
    if not found.scaling:
        return start
    single = [row for row in found.scaling if row["setting"] != OVERALL]
    worse = [row for row in single if _is_found(row) and row["difference"] < 0]
    if any(_is_found(row) and row["difference"] > 0 for row in found.scaling):
        verdict = "At some setting the wrong scaling does better, which was not to be expected."
    elif worse:
        sizes = points_range([row["difference"] for row in worse])
        where = (
            "at every learning rate"
            if len(worse) == len(single)
            else f"at {number(len(worse))} of {number(len(single))} learning rates"
        )
        verdict = f"It costs {sizes} {where}."
    else:
        verdict = "At no single learning rate was the difference found to be more than chance."
    overall = next((row for row in found.scaling if row["setting"] == OVERALL), None)
    if overall is not None and overall["p"] is not None:
        direction = "lower" if overall["difference"] < 0 else "higher"
        judged = "more than chance" if _is_found(overall) else "not shown to be more than chance"
        verdict += (
            f" Over all learning rates together, the accuracy is {points(overall['difference'])} {direction} "
            f"(95{THIN}% "
            f"interval {signed_points(overall['low'])} to {signed_points(overall['high'])}, {p_value(overall['p'])}), "
            f"{judged}."
        )
    gap = max(row["own"] for row in single) - max(row["wrong"] for row in single)
    tuned = (
        f"Choosing the learning rate anew does not make up for it: the best mean accuracy is still {points(gap)} lower."
        if gap > 0.0005
        else "With the learning rate chosen anew, the wrong scaling reaches the same mean accuracy."
    )
    return f"{start} {verdict} {tuned} The mistake raises no error, so that only a comparison like this one shows it."


def scaling_sentence(found: Found) -> str:
    """What the wrong scaling costs, in a sentence; empty where nothing could be compared."""
    row = next((row for row in found.scaling if row["setting"] == OVERALL), None)
    if row is None or row["p"] is None:
        return ""
    if not _is_found(row):
        return "That inputs scaled to 0…1 in place of the network’s own range cost accuracy was not shown."
    verb = "cost" if row["difference"] < 0 else "gained"
    return f"Inputs scaled to 0…1 in place of the network’s own range {verb} {points(row['difference'])}."


def _is_found(row: dict[str, Any]) -> bool:
    return row["p"] is not None and row["p"] < 0.05
