"""The parts of a model card that say what was measured, and on what: result, classes, images, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regraft.reports import _facts as facts
from regraft.reports._markdown import escaped, table
from regraft.reports._words import THIN, count, listing, percent
from regraft.runs.folder import RunFolder

_SPLITS = ("train", "validation", "test")
_CLASS_ROWS = 100  # with more classes than this the table stops, and says where the rest stands
_NAMED_CLASSES = 30
_PAIRS = 10
_FEW_IMAGES = 50  # a class with fewer test images than this is measured roughly

Metrics = Mapping[str, Any]


def measured_split(metrics: Metrics) -> tuple[str, Metrics]:
    """The split the numbers of the card are from, and what was measured there."""
    return ("test", metrics["test"]) if metrics.get("test") else ("validation", metrics["validation"])


def introduction_part(metrics: Metrics) -> str:
    """Which classes, and the accuracy in plain words."""
    classes = metrics["collection"]["classes"]
    named = [f"“{escaped(name)}”" for name in classes[:_NAMED_CLASSES]]
    if more := len(classes) - len(named):
        named.append(f"{more:,} more")
    text = f"It tells apart {count(len(classes), 'class', 'classes')} of pictures: {listing(named)}."
    return f"{text} {_headline(metrics)}"


def _headline(metrics: Metrics) -> str:
    split, measured = measured_split(metrics)
    if split == "test":
        return escaped(facts.headline(measured))
    low, high = measured["accuracy_interval"]
    return (
        f"It was measured on validation images only, which took part in choosing it: accuracy "
        f"{percent(measured['accuracy'])}, 95{THIN}% interval {percent(low)} to {percent(high)}."
    )


def result_part(run: RunFolder, metrics: Metrics) -> str:
    """The measures on the test images, and how they came about."""
    split, measured = measured_split(metrics)
    low, high = measured["accuracy_interval"]
    macro, baseline = measured["macro"], measured["baseline"]
    rows = [
        (f"{split} accuracy", percent(measured["accuracy"]), f"95{THIN}% interval {percent(low)} to {percent(high)}"),
        (
            "macro F1",
            percent(macro["f1"]),
            f"precision {percent(macro['precision'])}, recall {percent(macro['recall'])}",
        ),
        ("log loss", f"{measured['log_loss']:.3f}", "0 where every answer is right and certain"),
        ("baseline", percent(baseline["accuracy"]), f"accuracy of always answering “{escaped(baseline['class'])}”"),
    ]
    paragraphs = [table((f"on {count(measured['images'], f'{split} image')}", "", ""), rows, "lrl")]
    if split == "test":
        paragraphs += [escaped(text) for text in facts.method(run.config(), metrics, run.history(), None)]
    return "\n\n".join(paragraphs)


def classes_part(run: RunFolder, metrics: Metrics) -> str:
    """The measures of every class, and which are taken for each other."""
    split, measured = measured_split(metrics)
    classes = metrics["collection"]["classes"]
    used = run.table("splits").select(["label", "split"]).to_pydict()
    images = {label: dict.fromkeys(_SPLITS, 0) for label in classes}
    for label, part in zip(used["label"], used["split"], strict=True):
        images[label][part] += 1
    rows = [
        (
            escaped(row["class"]),
            *(f"{images[row['class']][part]:,}" for part in _SPLITS),
            *(percent(row[name]) for name in ("precision", "recall", "f1")),
        )
        for row in facts.class_rows(measured)[:_CLASS_ROWS]
    ]
    header = ("class", *(f"{part} images" for part in _SPLITS), "precision", "recall", "F1")
    text = table(header, rows, "lrrrrrr")
    if more := len(classes) - len(rows):
        text += f"\n\n{count(more, 'further class', 'further classes')}: see the run’s metrics.json."
    pairs = facts.confusions(measured["confusion_matrix"], classes)
    sentence = escaped(facts.confusion_sentence(pairs))
    if len(pairs) <= 3:
        return f"{text}\n\n{sentence}"
    taken = [(escaped(pair.label), escaped(pair.predicted), f"{pair.images:,} of {pair.of:,}") for pair in pairs]
    confused = table(("class", "taken for", f"{split} images"), taken[:_PAIRS], "llr")
    rest = f"\n\n{count(len(pairs) - _PAIRS, 'further pair')} of classes." if len(pairs) > _PAIRS else ""
    return f"{text}\n\n{sentence}\n\n{confused}{rest}"


def images_part(run: RunFolder, metrics: Metrics) -> str:
    """How many images were used for what, and which were left out."""
    numbers = metrics.get("images", {})
    used = sum(numbers.get(split, 0) for split in _SPLITS)
    parts = listing([f"{numbers.get(split, 0):,} {word}" for split, word in zip(_SPLITS, _WHAT_FOR, strict=True)])
    name = escaped(metrics["collection"]["name"])
    text = f"{count(used, 'image')} of the collection “{name}” were used: {parts}."
    skipped = facts.skipped_groups(run.skipped())
    if not skipped:
        return f"{text} Nothing was left out."
    rows = [(escaped(group.reason), f"{group.total:,}") for group in skipped]
    total = sum(group.total for group in skipped)
    left = f"{count(total, 'file')} {'was' if total == 1 else 'were'} left out; the run’s skipped.csv names each."
    return f"{text}\n\n{left}\n\n{table(('reason', 'files'), rows, 'lr')}"


_WHAT_FOR = ("to train", "to validate", "to test")


def limits_part(run: RunFolder, metrics: Metrics) -> str:
    """What the numbers do not say."""
    split, measured = measured_split(metrics)
    limits = [
        "The numbers hold for pictures like the ones measured: of the same source and the same classes. Any picture, "
        "also one of something else, gets one of the classes as the answer.",
        "One split and one final training were measured; another split or seed would give another number.",
    ]
    rows = [row for row in measured["per_class"] if row["images"]]
    smallest = min(rows, key=lambda row: (row["images"], row["class"]))
    if smallest["images"] < _FEW_IMAGES:
        limits.append(
            f"Measures of single classes rest on few images: “{escaped(smallest['class'])}” has "
            f"{count(smallest['images'], f'{split} image')}, so one answer more or less moves its recall by "
            f"{percent(1 / smallest['images'])}."
        )
    if unseen := len(measured["per_class"]) - len(rows):
        limits.append(f"Nothing is known of {count(unseen, 'class', 'classes')} without a {split} image.")
    if "calibration" not in metrics:
        limits.append("Whether a probability of 90 % is right nine times in ten (calibration) was not measured.")
    if views := run.config().augmentation.test_views:
        limits.append(
            f"The run’s own answers, and the numbers above, are averages over the picture and {count(views, 'view')} "
            "of it. The network in the files here sees the plain picture once."
        )
    limits += [escaped(str(warning)) for warning in metrics.get("warnings", [])]
    return "\n".join(f"- {text}" for text in limits)
