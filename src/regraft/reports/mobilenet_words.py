"""The sentences of the MobileNet study that its numbers decide."""

from __future__ import annotations

import math

from regraft.reports._comparison_phrases import capital, number, p_value, points
from regraft.reports._words import THIN, count, listing, percent
from regraft.reports.document import named
from regraft.reports.flower_words import brief
from regraft.reports.mobilenet_found import Measured, MobileNetFound
from regraft.studies.mobilenet_runs import Stage, Step

_FOUND_BELOW = 0.05  # of a p value
_WITH = {
    "untrained": "untrained",
    "scratch": "trained from scratch",
    "new-head": "with a new head on frozen pretrained layers",
    "fine-tuned": "fine-tuned",
}


def summary(found: MobileNetFound) -> str:
    """The abstract."""
    reached = listing([f"{_accuracy(one)} {_WITH[one.stage]}" for one in found.stages])
    sentences = [
        f"With {count(found.images['train'], 'training image')} of {number(len(found.classes))} classes, "
        f"{named(found.network)} reaches on {count(found.images['test'], 'test image')} an accuracy of {reached}; "
        f"guessing gives {percent(found.chance)}."
    ]
    sentences += [difference(found, "scratch", "new-head"), difference(found, "new-head", "fine-tuned")]
    return " ".join(filter(None, sentences))


def _accuracy(one: Measured) -> str:
    return percent(one.metrics["test"]["accuracy"])


def difference(found: MobileNetFound, earlier: Stage, later: Stage) -> str:
    """What the later stage gains on the earlier one, on the same test images; nothing where one was left out."""
    pair = found.pair(earlier, later)
    if pair is None:
        return ""
    low, high = pair.interval
    interval = f"95{THIN}% interval {_span(low, high)}"
    subject, other = capital(_WITH[later]), _WITH[earlier]
    if pair.p_adjusted < _FOUND_BELOW:
        more = "more" if pair.difference > 0 else "fewer"
        return (
            f"{subject}, it answers {points(pair.difference)} {more} of the images rightly than {other} ({interval}; "
            f"McNemar’s test after Holm, {p_value(pair.p_adjusted)})."
        )
    return (
        f"No difference was found between the network {_WITH[later]} and {other}: {_signed(pair.difference)} "
        f"({interval}; McNemar’s test after Holm, {p_value(pair.p_adjusted)})."
    )


def untrained_words(found: MobileNetFound) -> str:
    """Whether the untrained network only guesses."""
    test = found.stages[0].metrics["test"]
    low, high = test["accuracy_interval"]
    guess = (
        "which agrees with guessing"
        if low <= found.chance <= high
        else "which is less than by guessing"
        if high < found.chance
        else "which is more than by guessing: random features tell something, too"
    )
    return (
        f"With random weights the network answers {percent(test['accuracy'])} of the test images rightly "
        f"(95{THIN}% interval {percent(low)} to {percent(high)}), {guess}."
    )


def scratch_words(found: MobileNetFound) -> str:
    """What training from scratch reached, and whether it was given its chance."""
    one = found.stage("scratch")
    if one is None:
        return "The network was not trained from scratch in this study, so that it cannot say what transfer gains."
    trained = one.metrics["trained"]
    sentences = [difference(found, "untrained", "scratch")]
    if not trained["best_epoch"]:
        sentences.append(
            f"None of its {count(trained['epochs'], 'epoch')} had a lower validation loss than the random start, which "
            "is therefore what was measured."
        )
    elif trained["best_epoch"] == trained["epochs"]:
        sentences.append("Its best epoch was the last one: with more epochs it might get better.")
    else:
        sentences.append(
            f"Its validation loss was lowest after epoch {trained['best_epoch']} of {trained['epochs']}, which is what "
            "was measured; a longer training, with another course of its rate, was not tried."
        )
    return " ".join(sentences)


def transfer_words(found: MobileNetFound) -> str:
    """What transfer gains over training from scratch, in accuracy and in time."""
    scratch, head = found.stage("scratch"), found.stage("new-head")
    if scratch is None or head is None:
        return scratch_words(found)
    ratio = scratch.seconds / max(head.seconds, 1e-9)
    time = f"The new head took {brief(head.seconds)}, features included, training from scratch {brief(scratch.seconds)}"
    if ratio >= 1.5:
        time += f": {_times(ratio)} as long"
    return f"{difference(found, 'scratch', 'new-head')} {time}."


def tuning_words(found: MobileNetFound) -> str:
    """What fine-tuning adds to the new head, and what it costs."""
    head, tuned = found.stage("new-head"), found.stage("fine-tuned")
    assert head is not None
    assert tuned is not None
    sentences = [difference(found, "new-head", "fine-tuned")]
    sentences.append(
        f"All four steps together took {brief(tuned.seconds)}, against {brief(head.seconds)} for the head."
    )
    start, end = _best(found.steps[0]), _best(found.steps[-1])
    if start is not None and end is not None:
        sentences.append(
            f"On the validation images, which chose the epochs, the accuracy went from {percent(start)} after the "
            f"first step to {percent(end)} after the fourth."
        )
    return " ".join(sentences)


def _best(step: Step) -> float | None:
    value = step.history[step.best_epoch].get("val_accuracy")
    return None if value is None else float(value)


def step_words(step: Step) -> str:
    """How a step ended: stepped back after overfitting, at its limit, or without any gain."""
    last = int(step.history[-1]["epoch"])
    if any(row.get("loss", 0.0) is None for row in step.history):
        return f"Step {step.number} diverged in epoch {last}: its loss was no number any more. {_back(step)}"
    best, end = step.history[step.best_epoch], step.history[-1]
    if step.stopped_early:
        rise = _rise(best.get("val_loss"), end.get("val_loss"))
        fell = _fell(step)
        if not step.best_epoch:
            return (
                f"In step {step.number} no epoch had a lower validation loss than the start; after "
                f"{count(last, 'epoch')} it ended{rise}{fell}, and what it had changed was taken back."
            )
        return (
            f"Step {step.number} was best after epoch {step.best_epoch} and ended {count(step.patience, 'epoch')} "
            f"later{rise}{fell}. {_back(step)}"
        )
    if step.best_epoch == last:
        return (
            f"Step {step.number} had its lowest validation loss after its last epoch, {last}: it did not come to "
            "overfit within the epochs it was given."
        )
    return (
        f"Step {step.number} came to the end of its {count(step.epochs, 'epoch')}; the best was epoch "
        f"{step.best_epoch}. {_back(step)}"
    )


def overfits(step: Step) -> bool:
    """Whether the validation loss rose after the best epoch while the training loss went on falling."""
    end, best = step.history[-1], step.history[step.best_epoch]
    if not step.stopped_early or end.get("val_loss") is None or end.get("loss") is None:
        return False
    return bool(end["val_loss"] > best["val_loss"] and _training(step, step.best_epoch) > end["loss"])


def overfitting_words(found: MobileNetFound) -> str:
    """In which steps overfitting was seen."""
    seen = [str(step.number) for step in found.steps if overfits(step)]
    if not seen:
        return "In no step did the validation loss rise while the training loss went on falling."
    return (
        f"Overfitting, a validation loss that rises while the training loss falls, was seen in step"
        f"{'s' if len(seen) > 1 else ''} {listing(seen)}; the network was stepped back to the best epoch each time."
    )


def _training(step: Step, epoch: int) -> float:
    """The training loss of an epoch; of the start, that of the first epoch."""
    value = step.history[max(epoch, min(1, len(step.history) - 1))].get("loss")
    return math.nan if value is None else float(value)


def _rise(best: float | None, end: float | None) -> str:
    if best is None or end is None:
        return ""
    return f", its validation loss at {end:.3f} after {best:.3f}"


def _fell(step: Step) -> str:
    before, end = _training(step, step.best_epoch), step.history[-1].get("loss")
    if end is None or not before > end:
        return ""
    return f", while the training loss had fallen from {before:.3f} to {end:.3f}"


def _back(step: Step) -> str:
    return "It was stepped back to its start." if not step.best_epoch else "It was stepped back to its best epoch."


def dogs_words(found: MobileNetFound) -> str:
    """Dogs against flowers, or why it was left out."""
    if found.dogs is None:
        return f"Dogs against flowers was left out: {named(found.facts.get('dogs') or 'there are no images')}."
    test, images = found.dogs["test"], found.dogs["images"]
    low, high = test["accuracy_interval"]
    wrong = len(found.dogs["wrong"])
    all_right = "all of them" if not wrong else f"all but {number(wrong)}"
    return (
        f"A new head on the same frozen network tells dogs from flowers after "
        f"{count(images['train'], 'training image')}: of {count(test['images'], 'test image')} it answers {all_right} "
        f"rightly, {percent(test['accuracy'])} (95{THIN}% interval {percent(low)} to {percent(high)}). That took "
        f"{brief(found.dogs['seconds']['training'])}, features included. ImageNet, on which the network was "
        "pretrained, has some hundred breeds of dogs among its classes, so that this is an easy task for it."
    )


def warnings(found: MobileNetFound) -> tuple[str, ...]:
    """What a reader must know before believing a number."""
    said = []
    if missing := found.facts.get("missing"):
        said.append(
            f"The ImageNet weights of {named(missing)} are not on this machine and could not be fetched: "
            f"{named(found.network)} takes its place."
        )
    if found.quick:
        said.append(
            f"Quick study: {count(found.facts['collection']['images'], 'image')} of {found.pixels} and few epochs, of "
            "the training from scratch above all; these numbers show the method and no more."
        )
    if found.stage("scratch") is None:
        said.append("The training from scratch was left out.")
    return tuple(said)


def limits(found: MobileNetFound) -> tuple[str, ...]:
    """What the study does not show."""
    images = found.images
    items = [
        f"Everything was trained once, with seed {found.settings['seed']}: how much another seed or another division "
        f"of the images would change was not measured. The intervals tell what {count(images['test'], 'test image')} "
        "can tell.",
        f"{count(images['validation'], 'validation image')} choose every epoch: small differences of validation loss "
        "between epochs are chance, and so is in part which epoch is the best.",
        "The steps, their learning rates and their order were fixed beforehand, after the textbook; other recipes may "
        "do better.",
        "Photographs like these resemble those of ImageNet, on which the network was pretrained: on images less like "
        "them, transfer may gain less.",
    ]
    height, usual = found.facts["backbone"]["size"][0], found.usual_size
    if usual is not None and height < usual:
        items.append(
            f"All stages see images of {found.pixels}. The network was pretrained at {usual} × {usual}, where "
            f"accuracies may be higher; training all layers takes about {(usual / height) ** 2:.1f} times as long "
            "there."
        )
    return tuple(items)


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def _signed(difference: float) -> str:
    text = points(difference)
    return f"−{text}" if difference < 0 and not text.startswith(("less", "0.0")) else text


def _span(low: float, high: float) -> str:
    """`−45.1 to −30.2 points`."""
    parts = [f"{100 * abs(value):.1f}" for value in (low, high)]
    signs = ["−" if value < 0 and float(text) else "" for value, text in zip((low, high), parts, strict=True)]
    return f"{signs[0]}{parts[0]} to {signs[1]}{parts[1]} points"
