"""What the report says: sentences and tables made from the numbers of a run, and from nothing else."""

from __future__ import annotations

import datetime
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from regraft.images.labelled import LabelledImage, SkippedFile
from regraft.reports._finetune_words import finetuning_fact
from regraft.reports._joint_words import joint_words
from regraft.reports._words import THIN, count, duration, listing, percent, shown
from regraft.runs.config import TrainConfig

Metrics = Mapping[str, Any]

_STAGES = {
    "find": "finding the images",
    "features": "computing features",
    "heads": "training heads",
    "cut": "cutting the network",
    "activations": "computing activations at the cut",
    "finetune": "fine-tuning",
    "measure": "measuring",
    "model": "joining the model",
    "control": "training the control",
    "report": "writing the report",
}


class Fact(NamedTuple):
    """One of the key facts."""

    title: str
    value: str
    detail: str = ""


class Confusion(NamedTuple):
    """So many images of one class that were taken for another, and how many the class has."""

    label: str
    predicted: str
    images: int
    of: int


class SkippedGroup(NamedTuple):
    """Files left out for one reason: the first of them with what is particular to each, and how many in all."""

    reason: str
    total: int
    files: list[tuple[str, str]]


def right_answers(test: Metrics) -> int:
    """How many test images were answered rightly: the diagonal of the confusion matrix."""
    matrix: Sequence[Sequence[int]] = test["confusion_matrix"]
    return sum(row[index] for index, row in enumerate(matrix))


def headline(test: Metrics) -> str:
    """The accuracy in plain words, with its interval and what it is to be compared with."""
    right, total = right_answers(test), test["images"]
    low, high = test["accuracy_interval"]
    baseline = test["baseline"]
    if total == 1:
        first = f"The one test image was answered {'rightly' if right else 'wrongly'}."
    elif right == total:
        first = f"All {count(total, 'test image')} right."
    else:
        first = f"{right:,} of {count(total, 'test image')} right."
    sentences = [
        first,
        f"With 95{THIN}% confidence the true accuracy, on images like these, lies between {percent(low)} "
        f"and {percent(high)}.",
        f"Always answering “{shown(baseline['class'])}” would give {percent(baseline['accuracy'])}.",
    ]
    if low <= baseline["accuracy"] <= high:
        sentences.append(
            "That lies inside the interval: these test images do not show that the classifier does better."
        )
    elif high < baseline["accuracy"]:
        sentences.append("The classifier does worse than that.")
    return " ".join(sentences)


def key_facts(metrics: Metrics) -> list[Fact]:
    """Images, backbone, setting, time: what a reader asks first."""
    facts = []
    if images := metrics.get("images"):
        used = sum(images.get(split, 0) for split in ("train", "validation", "test"))
        parts = [f"{images.get(split, 0):,} {word}" for split, word in _SPLIT_WORDS]
        if skipped := images.get("skipped"):
            parts.append(f"{skipped:,} skipped")
        facts.append(Fact("Images", f"{used:,}", ", ".join(parts)))
    if names := metrics.get("collection", {}).get("classes"):
        facts.append(Fact("Classes", f"{len(names):,}", _some(names)))
    if backbone := metrics.get("backbone"):
        facts.append(_backbone_fact(backbone))
    if chosen := metrics.get("chosen"):
        detail = [f"epoch {chosen['epoch']}"] if chosen.get("epoch") else []
        if chosen.get("heads", 1) > 1:
            detail.append(f"best of {chosen['heads']:,} heads on validation")
        if chosen.get("seed") is not None:
            detail.append(f"seed {chosen['seed']}")
        title = "Chosen head" if "finetune" in metrics else "Chosen setting"
        facts.append(Fact(title, chosen["label"], ", ".join(detail)))
    if tuned := metrics.get("finetune"):
        facts.append(Fact("Fine-tuning", *finetuning_fact(tuned)))
    if (validation := metrics.get("validation")) and validation.get("accuracy") is not None:
        detail_text = f"on {count(validation['images'], 'image')}; it took part in the choice, test did not"
        facts.append(Fact("Validation accuracy", percent(validation["accuracy"]), detail_text))
    if seconds := metrics.get("seconds"):
        facts.append(_time_fact(seconds, metrics.get("backbone", {}).get("computed")))
    return facts


_SPLIT_WORDS = (("train", "to train"), ("validation", "to validate"), ("test", "to test"))


def _backbone_fact(backbone: Metrics) -> Fact:
    detail = []
    if size := backbone.get("size"):
        sides = [size, size] if isinstance(size, int) else list(size)
        detail.append(" × ".join(map(str, sides)) + " px")
    if backbone.get("features"):
        detail.append(count(backbone["features"], "feature"))
    if backbone.get("precision"):
        detail.append(f"computed in {backbone['precision']}")
    if backbone.get("weights_origin"):
        detail.append(f"weights: {backbone['weights_origin']}")
    if backbone.get("licence"):
        detail.append(f"licence: {backbone['licence']}")
    several = len(backbone.get("members", [])) > 1
    return Fact("Backbones" if several else "Backbone", str(backbone["name"]), ", ".join(detail))


def _time_fact(seconds: Metrics, computed: int | None) -> Fact:
    stages = [(words, seconds[name]) for name, words in _STAGES.items() if seconds.get(name) is not None]
    parts = [f"{words} {duration(value)}" for words, value in stages if value >= 0.05]
    if computed == 0:
        parts.append("all features were in the cache")
    title = (
        "Time" if "report" in seconds else "Time before this report" if "model" in seconds else "Time until measured"
    )
    return Fact(title, duration(seconds.get("total", sum(value for _, value in stages))), ", ".join(parts))


def _some(names: Sequence[str], most: int = 6) -> str:
    more = len(names) - most
    return ", ".join(map(shown, names[:most])) + (f" and {more:,} more" if more > 0 else "")


def curves_caption(metrics: Metrics, history: Sequence[Mapping[str, Any]], drawn_at_most: int) -> str:
    """What the learning curves show."""
    chosen = metrics["chosen"]
    others = len({row["head"] for row in history if row.get("phase", "grid") == "grid"}) - 1
    validated = any(row.get("val_loss") is not None for row in history)
    text = [f"The chosen setting ({chosen['label']}) in colour"]
    if others > 0:
        drawn = f"the first {drawn_at_most} of " if others > drawn_at_most else ""
        text.append(f", {drawn}{count(others, 'other head')} in grey" + (", on validation" if validated else ""))
    text.append(". Training values are means over an epoch, while the weights still change")
    text.append("; validation is measured at the end of each epoch. " if validated else ". ")
    if validated and chosen.get("epoch"):
        text.append("The best epoch is the one with the lowest validation loss. ")
    if diverged := chosen.get("diverged", 0):
        text.append(
            f"{count(diverged, 'head')} diverged (the numbers overflowed); the curves end where that happened. "
        )
    return "".join(text).strip()


def confusions(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> list[Confusion]:
    """Every pair of classes of which one was taken for the other, the most images first."""
    pairs = [
        Confusion(classes[true], classes[answer], images, sum(row))
        for true, row in enumerate(matrix)
        for answer, images in enumerate(row)
        if images and true != answer
    ]
    return sorted(pairs, key=lambda pair: (-pair.images, -pair.images / pair.of, pair.label, pair.predicted))


def confusion_sentence(pairs: Sequence[Confusion], most: int = 3) -> str:
    """The pairs confused most often, in words; pairs that share a count are all named or none of them is."""
    if not pairs:
        return "No class was taken for another."
    named = [pair for pair in pairs[:most] if len(pairs) <= most or pair.images > pairs[most].images]
    if not named:
        return f"No class was taken for another more than {count(pairs[0].images, 'time')}."
    parts = [
        f"“{shown(pair.label)}” taken for “{shown(pair.predicted)}” ({pair.images:,} of {count(pair.of, 'image')})"
        for pair in named
    ]
    return f"Most often confused: {listing(parts)}." if len(pairs) > 1 else f"The only confusion: {parts[0]}."


def class_rows(test: Metrics) -> list[dict[str, Any]]:
    """The measures of every class; None for those of a class that no test image has and no answer named."""
    answers = [sum(column) for column in zip(*test["confusion_matrix"], strict=True)]
    nothing = {"precision": None, "recall": None, "f1": None}
    return [
        row if row["images"] or answered else row | nothing
        for row, answered in zip(test["per_class"], answers, strict=True)
    ]


def skipped_groups(skipped: Iterable[SkippedFile], most: int = 300) -> list[SkippedGroup]:
    """What was left out, by reason, the most frequent one first; of all files together `most` are named."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file in skipped:
        kind = _kind(file.reason)
        groups[kind].append((file.name, "" if kind == file.reason else file.reason))
    result = []
    for reason, files in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        result.append(SkippedGroup(reason, len(files), files[:most]))
        most = max(0, most - len(files))
    return result


def _kind(reason: str) -> str:
    """A reason without what is particular to one file: the other file's name, a line, a size, a decoder's words."""
    reason = re.sub(
        r"^duplicate of .*?( \(kept out of [a-z]+\))?$", r"duplicate of another image\1", reason, flags=re.S
    )
    reason = re.sub(r" \(line \d+\)$", "", reason)
    reason = re.sub(r"^\d+×\d+ pixels, over", "over", reason)
    return reason.split(": ", 1)[0]


def method(
    config: TrainConfig, metrics: Metrics, history: Sequence[Mapping[str, Any]], images: Iterable[LabelledImage] | None
) -> list[str]:
    """How the numbers came about, a paragraph each."""
    chosen = metrics.get("chosen", {})
    paragraphs = [
        _splitting(config, images),
        *joint_words(metrics.get("backbone", {}), scaled=config.head.scale_features),
    ]
    heads = chosen.get("heads", 1)
    choice = "Validation chooses. " + (
        f"{count(heads, 'head')} were trained on the features of the frozen backbone, and the lowest loss on the "
        "validation images chose the setting and the epoch."
        if heads > 1
        else "One head was trained on the features of the frozen backbone, and the lowest loss on the validation "
        "images chose the epoch."
    )
    tuned = metrics.get("finetune")
    if any(row.get("phase") == "refit" for row in history):
        epochs = f" for {count(chosen['epoch'], 'epoch')}" if chosen.get("epoch") else ""
        then = "." if tuned else "; that one is the classifier."
        choice += (
            f" With that setting a head was then trained{epochs} on the training and validation images together{then}"
        )
    if tuned:
        choice += " Fine-tuning begins from the head, and the lowest validation loss chooses its epoch, too."
    paragraphs.append(choice)
    paragraphs.append("Test is measured once, at the end. The test images took part in no choice and in no training.")
    paragraphs.append(
        f"The interval is Wilson’s score interval for a proportion, at 95{THIN}% (E. B. Wilson, 1927). It allows for "
        "the test images being a sample of images like these; it knows nothing of images of another kind."
    )
    return paragraphs


def _splitting(config: TrainConfig, images: Iterable[LabelledImage] | None) -> str:
    given = None if images is None else {image.split is not None for image in images}
    if given == {True}:
        return (
            "The splits are the collection’s own; one that it does not name was drawn from its training images, "
            f"with seed {config.seed}."
        )
    settings = config.images
    shares = (
        f"{100 * settings.validation:g}{THIN}% of the images to validate and {100 * settings.test:g}{THIN}% to test"
    )
    recipe = (
        f"within each class, exactly {shares} (rounded to whole images)" if settings.exact else f"on average {shares}"
    )
    start = "The splits were drawn" if given == {False} else "Where the collection names no splits, they were drawn"
    return (
        f"{start} by the SHA-256 hash of each image’s content (or of its group) with seed {config.seed}: {recipe}. "
        "Equal images, and images of one group, never lie in two splits."
    )


def command_line(environment: Mapping[str, Any]) -> str:
    """The command the run was started with, as a shell takes it; empty where it is not known."""
    return shlex.join(environment.get("command", []))


def when(environment: Mapping[str, Any]) -> str:
    """The day and time of the run: `3 July 2026, 14:05 UTC`; empty where they are not known."""
    try:
        time = datetime.datetime.fromisoformat(environment["time"])
    except (KeyError, ValueError, TypeError):
        return ""
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time:%H:%M}" + (" UTC" if not time.utcoffset() else "")


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
