"""Where the classifier of a run errs: classes that are confused, class by class, the worst mistakes."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from regraft.images.labelled import LabelledImage
from regraft.reports import _facts as facts
from regraft.reports._mistakes import Mistake, worst_mistakes
from regraft.reports._words import count, listing, percent, shortened, shown
from regraft.reports.document import (
    Block,
    Details,
    Figure,
    Paragraph,
    Picture,
    Pictures,
    Section,
    Table,
    literal,
)
from regraft.reports.figures import confusion_matrix
from regraft.runs.folder import RunFolder

_PAIRS = 10  # of classes, where there are too many of them to draw the matrix
_MISTAKES, _PER_ROW = 12, 6
_POINTS = 640.0  # of a matrix that would fill a page's width: its text is then a little smaller than a caption's
_TINY_SIDE = 160  # pixels: tiny pictures are enlarged to about that, so that each of their pixels stays sharp


def errors_sections(
    run: RunFolder, metrics: Mapping[str, Any], images: Mapping[str, LabelledImage] | None, class_rows: int
) -> list[Section]:
    """The section on errors with its three parts.

    Args:
        run: with its predictions written.
        metrics: of the run.
        images: by content hash, for pictures; None where they are not at hand.
        class_rows: with more classes than this only so many, the weakest, are shown in full.
    """
    test = metrics["test"]
    wrong = test["images"] - facts.right_answers(test)
    start = f"{wrong:,} of {count(test['images'], 'test image')} {'was' if wrong == 1 else 'were'} answered wrongly."
    return [
        Section("Errors", (Paragraph(start if wrong else "No test image was answered wrongly."),)),
        Section("Confused classes", _confusions(test, metrics["collection"]["classes"]), 2),
        Section("Class by class", _classes(test, class_rows), 2),
        *([Section("The worst mistakes", _mistakes(run, images), 2)] if wrong else []),
    ]


def _confusions(test: Mapping[str, Any], classes: Sequence[str]) -> tuple[Block, ...]:
    pairs = facts.confusions(test["confusion_matrix"], classes)
    sentence = literal(facts.confusion_sentence(pairs))
    svg = confusion_matrix(test["confusion_matrix"], classes)
    if svg is not None:
        box = re.search(r'viewBox="0 0 ([\d.]+)', svg)
        figure = Figure(
            "confusion",
            "Confusion matrix of the test images. Right answers are blue, mistakes orange; the deeper, the larger the "
            "share of the row.",
            svg,
            f"{facts.right_answers(test):,} of {count(test['images'], 'test image')} lie on the diagonal.",
            min(1.0, float(box[1]) / _POINTS) if box else 1.0,
        )
        text = f"[[confusion]] counts the test images by true class (rows) and answer (columns). {sentence}"
        return Paragraph(text), figure
    if not pairs:
        return (Paragraph(sentence),)
    rows = tuple(
        (shown(pair.label), shown(pair.predicted), f"{pair.images:,}", percent(pair.images / pair.of))
        for pair in pairs[:_PAIRS]
    )
    table = Table(
        "pairs", "Classes taken for another most often, on the test images.",
        ("true class", "taken for", "images", "of the class"), rows, "llrr",
    )  # fmt: skip
    number = count(len(classes), "class", "classes")
    return Paragraph(f"{number} are too many to draw a matrix one could read. {sentence} See [[pairs]]."), table


def _classes(test: Mapping[str, Any], most: int) -> tuple[Block, ...]:
    rows = facts.class_rows(test)
    weakest = sorted((row for row in rows if row["f1"] is not None), key=lambda row: row["f1"])[:most]
    is_long = len(rows) > most
    which = f" The {len(weakest)} classes with the lowest F1 are shown." if is_long else ""
    meaning = (
        "Precision: of the images given this answer, the share that is right. Recall: of the images of this class, the "
        "share that is found. F1: their harmonic mean."
    )
    low, high = (end(weakest, key=lambda row: row["f1"]) for end in (min, max))
    text = f"[[classes]] gives the measures of each class.{which}"
    if not is_long and low["f1"] < high["f1"]:
        text += literal(
            f" F1 is lowest for “{shown(low['class'])}”, {percent(low['f1'])}, and highest for "
            f"“{shown(high['class'])}”, {percent(high['f1'])}."
        )
    table = _class_table("classes", "Measures by class on the test images.", weakest if is_long else rows, meaning)
    if not is_long:
        return Paragraph(text), table
    return Paragraph(text), table, Details("All classes", (_class_table("all-classes", "Measures by class.", rows),))


def _class_table(label: str, caption: str, rows: Sequence[Mapping[str, Any]], note: str = "") -> Table:
    columns = ("class", "test images", "precision", "recall", "F1")
    cells = tuple(
        (shown(row["class"]), f"{row['images']:,}", *(percent(row[name]) for name in ("precision", "recall", "f1")))
        for row in rows
    )
    return Table(label, caption, columns, cells, "lrrrr", note=note)


def _mistakes(run: RunFolder, images: Mapping[str, LabelledImage] | None) -> tuple[Block, ...]:
    mistakes, wrong = worst_mistakes(run.table("predictions"), images, _MISTAKES)
    seen = [mistake for mistake in mistakes if mistake.picture.uri]
    unseen = [mistake for mistake in mistakes if not mistake.picture.uri]
    if wrong == 1:
        which = "The only wrong answer on the test images is"
    elif wrong == len(mistakes):
        which = "All wrong answers on the test images, the surest first, are"
    else:
        which = f"The {len(mistakes)} wrong answers on test images of which the classifier was surest are"
    places = listing([f"[[{label}]]" for label, part in (("mistakes", seen), ("unseen", unseen)) if part])
    meaning = "The percentage is the probability the classifier gave to its wrong answer."
    blocks: list[Block] = [Paragraph(f"{which} in {places}. {meaning}")]
    if seen:
        pictures = tuple(Picture(_jpeg(mistake.picture.uri), _below(mistake)) for mistake in seen)
        blocks.append(Pictures("mistakes", "The worst mistakes: answer, probability, true class.", pictures, _PER_ROW))
    if unseen:
        rows = tuple(
            (shown(m.name), shown(m.label), shown(m.predicted), percent(m.probability), m.picture.missing)
            for m in unseen
        )
        columns = ("image", "true class", "answer", "probability", "why no picture")
        blocks.append(Table("unseen", "The worst mistakes of which there is no picture.", columns, rows, "lllrl"))
    return tuple(blocks)


def _below(mistake: Mistake) -> str:
    answer, truth = shortened(mistake.predicted, 24), shortened(mistake.label, 24)
    return f"{answer} {percent(mistake.probability)}, in truth {truth}"


def _jpeg(uri: str) -> bytes:
    """The picture of a data URI as JPEG; tiny ones, which are PNG, enlarged pixel by pixel."""
    from PIL import Image

    kind, content = uri.split(";base64,")
    data = base64.b64decode(content)
    if kind == "data:image/jpeg":
        return data
    with Image.open(io.BytesIO(data)) as tiny:
        times = max(1, round(_TINY_SIDE / max(tiny.size)))
        large = tiny.convert("RGB").resize((tiny.width * times, tiny.height * times), Image.Resampling.NEAREST)
    packed = io.BytesIO()
    large.save(packed, "JPEG", quality=90)
    return packed.getvalue()
