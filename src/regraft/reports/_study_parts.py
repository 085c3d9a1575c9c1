"""The sections that the reports of all studies share: data and split, the recommended run, how to reproduce."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

from regraft.errors import RegraftError
from regraft.images.labelled import LabelledImage
from regraft.images.reading import read_image
from regraft.reports import _facts as facts
from regraft.reports._words import THIN, count, duration, listing, percent, shown
from regraft.reports.document import (
    Block,
    Bullets,
    Code,
    Figure,
    Paragraph,
    Picture,
    Pictures,
    Reference,
    Table,
    literal,
    named,
)
from regraft.reports.figures import confusion_matrix
from regraft.reports.references import WILSON
from regraft.runs.data import find_images
from regraft.runs.folder import RunFolder
from regraft.studies.declaration import Study
from regraft.studies.folder import StudyFolder
from regraft.studies.results import Results

NADEAU = Reference(
    "nadeau2003",
    "C. Nadeau, Y. Bengio. Inference for the generalization error. Machine Learning 52, 239–281, 2003.",
    "https://doi.org/10.1023/A:1024068626366",
)
BOUCKAERT = Reference(
    "bouckaert2004",
    "R. R. Bouckaert, E. Frank. Evaluating the replicability of significance tests for comparing learning algorithms. "
    "PAKDD 2004, 3–12.",
    "https://doi.org/10.1007/978-3-540-24775-3_3",
)
HOLM = Reference(
    "holm1979",
    "S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2), "
    "65–70, 1979.",
)
SUTSKEVER = Reference(
    "sutskever2013",
    "I. Sutskever, J. Martens, G. Dahl, G. Hinton. On the importance of initialization and momentum in deep learning. "
    "ICML 2013.",
    "https://proceedings.mlr.press/v28/sutskever13.html",
)
GLOROT = Reference(
    "glorot2010",
    "X. Glorot, Y. Bengio. Understanding the difficulty of training deep feedforward neural networks. AISTATS 2010.",
    "https://proceedings.mlr.press/v9/glorot10a.html",
)
SHARED_REFERENCES = (WILSON, NADEAU, BOUCKAERT, HOLM, SUTSKEVER, GLOROT)
_IN_TEXT = {
    "Nadeau and Bengio, 2003": "Nadeau and Bengio [[cite:nadeau2003]]",
    "Bouckaert and Frank, 2004": "Bouckaert and Frank [[cite:bouckaert2004]]",
    "Holm’s method (1979)": "Holm’s method [[cite:holm1979]]",
}

_MOST_CLASSES = 12
_PICTURE = 160  # pixels


def cited(text: str) -> str:
    """The text with its citations by name and year turned into references."""
    for words, reference in _IN_TEXT.items():
        text = text.replace(words, reference)
    return text


def split_table(run: RunFolder, caption: str) -> Table:
    """Images by class and split, from `splits.parquet` of a run."""
    table = run.table("splits")
    counts = Counter(zip(table["label"].to_pylist(), table["split"].to_pylist(), strict=True))
    classes = sorted({label for label, _ in counts})
    splits = ("train", "validation", "test")
    rows = [
        (shown(label), *(f"{counts[label, split]:,}" for split in splits), f"{sum(counts[label, s] for s in splits):,}")
        for label in classes[:_MOST_CLASSES]
    ]
    total = [sum(counts[label, split] for label in classes) for split in splits]
    rows.append(("all", *(f"{value:,}" for value in total), f"{sum(total):,}"))
    more = len(classes) - _MOST_CLASSES
    return Table(
        "images",
        caption,
        ("Class", "Training", "Validation", "Test", "Total"),
        tuple(rows),
        align="lrrrr",
        strong=(len(rows) - 1,),
        note=f"{more} further classes are not shown." if more > 0 else "",
    )


def split_paragraph(study: Study, results: Results) -> Paragraph:
    """How the images of a study were divided, repeated and kept apart."""
    folds = study.folds
    train, validation = int(np.mean(results.train_images)), int(np.mean(results.images))
    drawn = "drawn by a seeded hash of each image’s content, so that equal images never lie in two splits"
    if folds:
        repeated = (
            f"The remaining images were divided into {folds} folds, each of which validates once while the others "
            f"train; this was repeated with {count(study.seeds, 'seed')}, which gives {len(results.repetitions)} "
            f"repetitions of {train:,} training and {validation:,} validation images."
        )
    else:
        repeated = (
            f"The remaining images were divided into training and validation images anew for each of "
            f"{count(study.seeds, 'seed')} ({train:,} and {validation:,} images)."
        )
    return Paragraph(
        f"The test images were set aside once, with seed {study.seed}: {drawn}. They took no part in any comparison, "
        "and "
        f"only the recommended setting was measured on them, once. {repeated} A seed also fixes the order of the "
        "batches and the initial weights, so that within a repetition all settings see the same images in the same "
        "order from the same start."
    )


def example_pictures(study: Study, run: RunFolder, per_class: int) -> Pictures | None:
    """Some training images of every class; None where the images are no longer there."""
    table = run.table("splits")
    train = {h for h, s in zip(table["sha256"].to_pylist(), table["split"].to_pylist(), strict=True) if s == "train"}
    try:
        collection = find_images(study.config(study.settings[0].values))
    except RegraftError:
        return None
    pictures = []
    for label in collection.classes[:8]:
        images = [image for image in collection.images if image.label == label and image.sha256 in train]
        # By hash: the same ones each time, whatever the files are called.
        for image in sorted(images, key=lambda image: image.sha256)[:per_class]:
            if (jpeg := _thumbnail(image)) is not None:
                pictures.append(Picture(jpeg, shown(label)))
    if not pictures:
        return None
    some = count(per_class, "training image")
    return Pictures("examples", f"Examples: {some} of each class.", tuple(pictures), per_row=min(len(pictures), 10))


def _thumbnail(image: LabelledImage) -> bytes | None:
    from PIL import Image

    try:
        pixels = read_image(image.source, _PICTURE)
    except RegraftError:
        return None
    content = BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=82)
    return content.getvalue()


def recommended_blocks(run: RunFolder) -> list[Block]:
    """What the recommended setting, trained as a whole run, does on the test images."""
    metrics = run.metrics()
    test, chosen = metrics["test"], metrics["chosen"]
    low, high = test["accuracy_interval"]
    right = facts.right_answers(test)
    blocks: list[Block] = [
        Paragraph(
            f"Trained as a run of its own ({chosen['label']}, {count(chosen['epoch'], 'epoch')} as chosen on "
            "validation, then "
            f"once more on training and validation images together), the recommended setting answered {right:,} of "
            f"{count(test['images'], 'test image')} rightly: a test accuracy of {percent(test['accuracy'])} (95{THIN}% "
            f"interval {percent(low)} to {percent(high)}, Wilson [[cite:wilson1927]]); always answering "
            f"“{named(test['baseline']['class'])}” would give {percent(test['baseline']['accuracy'])}. Averaged over "
            "the "
            f"classes, precision is {percent(test['macro']['precision'])} and recall "
            f"{percent(test['macro']['recall'])}. " + _confused(test, metrics["collection"]["classes"]),
        )
    ]
    svg = confusion_matrix(test["confusion_matrix"], metrics["collection"]["classes"])
    if svg is not None:
        total = test["images"]
        blocks.append(
            Figure(
                "confusion",
                f"Confusion matrix of the recommended setting on the {count(total, 'test image')}: true classes in "
                "rows, "
                "answers in columns.",
                svg,
                f"Confusion matrix: {right:,} of {count(total, 'test image')} on the diagonal.",
                width=0.5,
            )
        )
    return blocks


def _confused(test: dict[str, Any], classes: Sequence[str]) -> str:
    sentence = literal(facts.confusion_sentence(facts.confusions(test["confusion_matrix"], classes)))
    return f"{sentence} [[confusion]] shows all answers." if len(classes) <= 30 else sentence


def reproduce_blocks(study: StudyFolder) -> tuple[Block, ...]:
    """The command, the versions and the machine."""
    found = study.facts()
    environment, seconds = found["environment"], found["seconds"]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    return (
        Paragraph(
            "The command below, with the same images, versions and machine, gives the same numbers again, times "
            "aside. The "
            "folder of the study holds every run with its configuration, split, history and predictions, and the "
            "recommended run with its model."
        ),
        Code(facts.command_line(environment) or "regraft study"),
        Bullets(
            (
                f"Python {environment['python']}; {packages}.",
                f"{named(environment['processor'])}, {count(environment['cores'], 'core')}; "
                f"{named(environment['platform'])}.",
                f"Time: {_stages(seconds)}; {duration(seconds.get('total', 0.0))} before this report was written.",
            )
        ),
    )


_STAGES = {
    "find": "finding the images",
    "graphs": "preparing the network",
    "summaries": "summaries",
    "features": "computing features",
    "training": "training on features",
    "standard": "training through Keras",
    "recommended": "the recommended run",
}


def _stages(seconds: dict[str, float]) -> str:
    named = [f"{words} {duration(seconds[name])}" for name, words in _STAGES.items() if seconds.get(name, 0) >= 0.05]
    return listing(named) or "not measured"


def byline(study: StudyFolder) -> str:
    """Who made the report, and when."""
    environment = study.facts()["environment"]
    day = facts.when(environment)
    return f"regraft {environment['packages'].get('regraft', '')}" + (f", {day}" if day else "")
