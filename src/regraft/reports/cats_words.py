"""The sentences of the cats-and-dogs study that its numbers decide."""

from __future__ import annotations

from typing import Any

from regraft.evaluation.intervals import wilson_interval
from regraft.reports._comparison_phrases import NAMED, capital, is_equal, number, p_value, points
from regraft.reports._study_parts import quoted
from regraft.reports._words import THIN, count, listing, percent
from regraft.reports.cats_found import CatsFound, is_frozen
from regraft.reports.document import named
from regraft.reports.flower_words import brief
from regraft.studies.cats_results import FROZEN, FromScratch
from regraft.studies.conclusions import Conclusion, Verdict

_FOUND_BELOW = 0.05  # of a p value
_MOST_CLASSES = 3  # whose precision is named one by one


def output_finding(found: CatsFound) -> str:
    """Whether one sigmoid unit and two softmax units differ, over all networks."""
    apart, same, untested, lost = [], [], [], []
    for name, conclusion in found.of_outputs.items():
        if conclusion.best is None or conclusion.diverged:
            lost.append(named(name))
        elif not conclusion.testable:
            untested.append((name, conclusion))
        elif conclusion.worse:
            apart.append((name, conclusion))
        else:
            same.append((name, conclusion))
    sentences = []
    if same:
        gaps = [abs(verdict.difference) for _, conclusion in same for verdict in conclusion.verdicts]
        by = "their means are equal" if is_equal(max(gaps)) else f"their means lie {_at_most(max(gaps))} apart"
        sentences.append(
            "No difference between one sigmoid unit and two softmax units was found for "
            f"{listing([named(name) for name, _ in same])}: {by}. That was to be expected: a softmax of two logits is "
            "a sigmoid of their difference, so that both can express the same answers."
        )
    for name, conclusion in apart:
        best, other = _best_and_other(conclusion)
        sentences.append(
            f"For {named(name)}, {best.label} did better than {other.label}, by {points(other.difference)} "
            f"({p_value(other.p)})."
        )
    for name, conclusion in untested:
        best, other = _best_and_other(conclusion)
        did = (
            "both did equally well"
            if is_equal(other.difference)
            else f"{best.label} did better by {points(other.difference)}"
        )
        sentences.append(f"For {named(name)}, {did}, in a single repetition, which allows no test.")
    if lost:
        sentences.append(f"For {listing(lost)} a training diverged, so that nothing was compared.")
    return " ".join(sentences)


def tuning_finding(found: CatsFound) -> str:
    """What training the last layers as well changed, network by network."""
    sentences = []
    for name, conclusion in found.of_tuned.items():
        if conclusion.best is None:
            sentences.append(f"For {named(name)} every training diverged.")
            continue
        best = conclusion.verdicts[conclusion.best]
        frozen = next(verdict for verdict in conclusion.verdicts if verdict.label.endswith(FROZEN))
        others = [verdict for verdict in conclusion.verdicts if verdict is not frozen]
        if not conclusion.testable:
            means = listing([f"{percent(verdict.mean)} with {_short(verdict)}" for verdict in conclusion.verdicts])
            sentences.append(
                f"{named(name)} reached {means} on the validation images, in a single repetition, which allows no test."
            )
        elif not conclusion.worse and not conclusion.at_chance:
            gap = max(abs(verdict.difference) for verdict in conclusion.verdicts)
            sentences.append(
                f"For {named(name)} no difference was found between freezing all layers and training "
                f"{listing([_short(verdict) for verdict in others])}; the means are "
                + ("equal." if is_equal(gap) else f"within {points(gap)} of each other.")
            )
        else:
            below = [v for v in conclusion.verdicts if v.status in ("worse", "at chance")]
            worse = listing([f"{_short(v)} ({points(v.difference)} lower, {p_value(v.p)})" for v in below])
            sentences.append(f"For {named(name)}, {_short(best)} did better than {worse}.")
    return " ".join(sentences)


def tuning_caution() -> str:
    """Why fine-tuning looks at least as good as freezing on validation."""
    return (
        "Fine-tuning starts from the frozen network with its trained head, and this start counts among its epochs: as "
        "the lowest validation loss chooses the epoch, that loss cannot become higher than the frozen network’s. On "
        "validation images the comparison therefore favours fine-tuning a little."
    )


def quick_tuning(found: CatsFound) -> str:
    """That a quick study fine-tuned for a short time."""
    epochs = max((one.about["epochs"] for one in found.trained if one.last), default=0)
    return f"This is a quick study: fine-tuning was given {count(epochs, 'epoch')}."


def scratch_text(found: CatsFound, one: FromScratch) -> str:
    """One network from scratch beside its frozen base: the accuracies, and what follows from them."""
    frozen, scratch = one.frozen, one.scratch
    images, epochs = scratch["images"]["train"], scratch["trained"]["epochs"]
    low, high = one.pair.interval
    p = one.pair.p
    sentences = [
        f"On the same {count(images, 'training image')}, {named(one.network)} trained from random weights for "
        f"{count(epochs, 'epoch')} answered {percent(scratch['validation']['accuracy'])} of "
        f"{count(scratch['validation']['images'], 'validation image')} rightly, and with frozen pretrained layers "
        f"{percent(frozen['validation']['accuracy'])}."
    ]
    if p < _FOUND_BELOW:
        better = "less" if one.pair.difference < 0 else "more"
        sentences.append(
            f"From scratch that is {points(one.pair.difference)} {better} (95{THIN}% interval "
            f"{_span(low, high)}; McNemar’s test, {p_value(p)})."
        )
    else:
        sentences.append(
            f"No difference was found (95{THIN}% interval of the difference {_span(low, high)}; McNemar’s test, "
            f"{p_value(p)})."
        )
    if not scratch["trained"]["best_epoch"]:
        sentences.append(
            "None of these epochs had a lower validation loss than the random start: so few updates did not teach it "
            "anything that could be measured."
        )
    if found.quick:
        sentences.append(quick_scratch(one))
    return " ".join(sentences)


def quick_scratch(one: FromScratch) -> str:
    """That a quick study trained little from scratch."""
    height, width = one.scratch["backbone"]["size"]
    trained = one.scratch["trained"]
    return (
        f"This is a quick study: both were given {count(one.scratch['images']['train'], 'training image')} of "
        f"{height} × {width} pixels, and the training from scratch {count(trained['epochs'], 'epoch')}."
    )


def time_text(one: FromScratch) -> str:
    """What an epoch takes with frozen layers and from scratch."""
    frozen, scratch = one.frozen["trained"], one.scratch["trained"]
    images = count(one.scratch["images"]["train"], "image")
    first = "" if not scratch["first_epoch"] else " (it was the only one, so that the graph was built in it)"
    ratio = scratch["epoch_seconds"] / max(frozen["epoch_seconds"], 1e-9)
    sentences = [
        f"An epoch of {named(one.network)} from scratch on {images} took {brief(scratch['epoch_seconds'])}{first}; "
        f"with frozen layers the features of these images are computed once, in {brief(frozen['computing_seconds'])}, "
        f"and an epoch of the head then takes {brief(frozen['epoch_seconds'])}"
        + (f", {_times(ratio)}." if ratio >= 1.5 else ".")
    ]
    in_all = frozen["computing_seconds"] + frozen["seconds"]
    sentences.append(
        f"In all, {count(frozen['epochs'], 'epoch')} with frozen layers took {brief(in_all)}, features included, and "
        f"{count(scratch['epochs'], 'epoch')} from scratch {brief(scratch['seconds'])}, the building of TensorFlow’s "
        "graph included."
    )
    return " ".join(sentences)


def precision_answer(found: CatsFound) -> str:
    """What precision was obtained?"""
    sentences = []
    if found.test is not None:
        sentences.append(_test_precision(found, found.test))
    rows = [row for row in range(len(found.frozen.settings)) if not found.of_frozen.verdicts[row].diverged]
    each = {row: found.precisions(found.frozen, row)[0] for row in rows}
    if each:
        low, high = min(each, key=each.__getitem__), max(each, key=each.__getitem__)
        mean = ", each the mean over the repetitions" if len(found.frozen.repetitions) > 1 else ""
        spread = (
            f"was {percent(each[low])} with {_label(found, low)}"
            if low == high
            else f"reached from {percent(each[low])} ({_label(found, low)}) to {percent(each[high])} "
            f"({_label(found, high)})"
        )
        sentences.append(
            f"On the validation images, the precision averaged over the classes {spread} with all layers frozen{mean}."
        )
    if found.tuned is not None:
        tuned = [row for row in range(len(found.tuned.settings)) if not is_frozen(found.tuned, row)]
        values = [found.precisions(found.tuned, row)[0] for row in tuned]
        if values:
            low_high = percent(min(values)) if is_equal(max(values) - min(values)) else (
                f"{percent(min(values))} to {percent(max(values))}"
            )  # fmt: skip
            sentences.append(f"With the last layers trained as well it was {low_high}.")
            if found.quick:
                sentences.append(quick_tuning(found))
    return " ".join(sentences) or "No training came to its end, so that there is no precision to report."


def _test_precision(found: CatsFound, test: dict[str, Any]) -> str:
    images = count(test["images"], "test image")
    parts = []
    for index, row in enumerate(test["per_class"]):
        answers = sum(line[index] for line in test["confusion_matrix"])
        right = test["confusion_matrix"][index][index]
        if not answers:
            parts.append((0.0, f"no image was called “{named(row['class'])}”"))
            continue
        low, high = wilson_interval(right, answers)
        parts.append(
            (
                row["precision"],
                f"{percent(row['precision'])} for “{named(row['class'])}” ({right:,} of {count(answers, 'answer')} "
                f"right, 95{THIN}% interval {percent(low)} to {percent(high)})",
            )
        )
    if len(parts) > _MOST_CLASSES:
        parts = [min(parts), max(parts)]
        which = f"from {parts[0][1]} up to {parts[1][1]}"
    else:
        which = listing([text for _, text in parts])
    best = found.whole.verdicts[found.whole.best].label if found.whole.best is not None else "the recommended setting"
    return (
        f"On {images} that took part in no choice, the precision of {quoted(best)} is {which}; averaged over the "
        f"classes, it is {percent(test['macro']['precision'])}."
    )


def transfer_answer(found: CatsFound) -> tuple[str, ...]:
    """What does transfer learning change about training? Time, accuracy on equal images, and fine-tuning."""
    paragraphs = []
    if not found.scratch:
        paragraphs.append(
            "No network was trained from scratch in this study, so that it cannot say what transfer learning saves."
        )
    for one in found.scratch:
        paragraphs.append(f"{time_text(one)} {scratch_text(found, one)}")
    if found.scratch:
        few = {one.scratch["trained"]["epochs"] for one in found.scratch}
        paragraphs.append(
            f"{_summary(found)} {capital(count(max(few), 'epoch'))} from scratch {'is' if max(few) == 1 else 'are'} "
            "few: with more epochs, more images and augmentation the network would go on learning, and how near it "
            "would then come was not measured."
        )
    if found.of_tuned:
        slower = _slower(found)
        paragraphs.append(f"{tuning_finding(found)} {slower}".strip())
    return tuple(paragraphs)


def _summary(found: CatsFound) -> str:
    """Whether transfer learning saved time and gained accuracy, over all networks."""
    gains = [one for one in found.scratch if one.pair.p < _FOUND_BELOW and one.pair.difference < 0]
    quicker = [
        one
        for one in found.scratch
        if one.frozen["trained"]["computing_seconds"] + one.frozen["trained"]["seconds"]
        < one.scratch["trained"]["seconds"]
    ]
    total = len(found.scratch)
    for_all = "" if total == 1 else " for both networks" if total == 2 else f" for all {number(total)} networks"
    said = []
    for some, does, fails in (
        (quicker, "took less time", "did not take less time"),
        (gains, "gave a higher accuracy on the same images", "was not shown to give a higher accuracy"),
    ):
        if len(some) == total:
            said.append(f"{does}{for_all}")
        elif some:
            said.append(f"{does} for {listing([named(one.network) for one in some])} alone")
        else:
            said.append(f"{fails}{for_all}")
    join = "and" if bool(quicker) == bool(gains) else "but"
    return f"So, within these epochs, transfer learning {said[0]} {join} {said[1]}."


def _slower(found: CatsFound) -> str:
    """How much more an epoch costs where layers of the network are trained."""
    parts = []
    for name in found.of_tuned:
        head = found.took(name, 0)
        others = [one for one in found.trained if one.backbone == name and one.last]
        if head is None or not others:
            continue
        times = listing([f"{brief(one.about['epoch_seconds'])} with the last {one.last} layers" for one in others])
        parts.append(
            f"an epoch of {named(name)} takes {brief(head.about['epoch_seconds'])} for the head alone, {times}"
        )
    return f"{capital('; '.join(parts))}." if parts else ""


def recommendation_words(found: CatsFound) -> str:
    """What is recommended where no difference was found: the simplest of equals is named beside the best."""
    whole = found.whole
    if whole.best is None or is_frozen(found.everything, whole.best):
        return ""
    ties = [row for row in whole.ties if is_frozen(found.everything, row)]
    if not ties:
        return ""
    nearest = sorted(ties, key=lambda row: -whole.verdicts[row].mean)[:NAMED]
    return (
        "Where training time matters, freezing all layers is the cheaper choice: no difference from the best was "
        f"found for {listing([quoted(whole.verdicts[row].label) for row in nearest])}."
    )


def missing_warnings(found: CatsFound) -> list[str]:
    """Which networks were left out or replaced, and why."""
    warnings = []
    for one in found.facts.get("missing", ()):
        lacking = f"The ImageNet weights of {named(one['wanted'])} are not on this machine"
        warnings.append(
            f"{lacking}: {named(one['instead'])}, which comes with regraft, takes its place."
            if one["instead"]
            else f"{lacking}, so that it was left out."
        )
    if found.refused:
        warnings.append(
            "No layer of a network was trained, because Keras cannot train here: "
            f"{named(found.refused.splitlines()[0].rstrip('.'))}."
        )
    if found.quick and not found.refused:
        names = listing([named(name) for name in found.of_tuned])
        warnings.append(
            f"Quick study: of the networks, only {names} was fine-tuned and trained from scratch, for very few epochs"
            + (" and, from scratch, on small images and a part of them" if found.scratch else "")
            + "; these numbers show the method and no more."
        )
    return warnings


def limits(found: CatsFound) -> tuple[str, ...]:
    """What the study does not show."""
    items = []
    if found.same_validation:
        items.append(
            "The collection names its validation images, so that all repetitions share them: the tests between "
            "settings tell how much the initial weights and the order of the batches matter, and nothing of other "
            "images. The intervals of the accuracies allow for that, those of the differences do not."
        )
    if len(found.frozen.repetitions) < 10:
        items.append(
            f"{capital(number(len(found.frozen.repetitions)))} "
            f"repetition{'s' if len(found.frozen.repetitions) > 1 else ''} can show large differences only: that none "
            "was found does not mean that there is none."
        )
    items.append(
        "Photographs like these resemble those of ImageNet, on which the networks were pretrained: on images less like "
        "them, transfer learning may gain less."
    )
    items.append("Every training was done with one learning rate and without augmentation; others may do better.")
    if found.scratch:
        items.append("The networks were trained from scratch once each, with one seed, and for few epochs.")
    return tuple(items)


def _best_and_other(conclusion: Conclusion) -> tuple[Verdict, Verdict]:
    assert conclusion.best is not None
    best = conclusion.verdicts[conclusion.best]
    return best, next(verdict for verdict in conclusion.verdicts if verdict is not best)


def _short(verdict: Verdict) -> str:
    """`the last 5 layers`, or `all layers frozen`, without the network."""
    words = verdict.label.rpartition(", ")[2]
    return f"the {words.removesuffix(' trained')}" if words.startswith("last") else words


def _label(found: CatsFound, row: int) -> str:
    return quoted(found.frozen.settings[row].label)


def _at_most(difference: float) -> str:
    text = points(difference)
    return text if text.startswith("less than") else f"at most {text}"


def _span(low: float, high: float) -> str:
    """`−45.1 to −30.2 points`."""
    return " to ".join(f"{'−' if value < 0 else ''}{100 * abs(value):.1f}" for value in (low, high)) + " points"


def _times(ratio: float) -> str:
    rounded = float(f"{ratio:.2g}")
    return f"{rounded:,.0f} times less" if rounded >= 10 else f"{rounded:g} times less"
