"""The report of the proportions study: accuracy against training images, from the study folder alone."""

from __future__ import annotations

from regraft.reports._comparison_phrases import p_value, signed_points
from regraft.reports._reproduction import byline
from regraft.reports._study_parts import GLOROT, KINGMA, SUTSKEVER
from regraft.reports._words import THIN, duration, percent, shown
from regraft.reports.document import (
    Block,
    Bullets,
    Document,
    Figure,
    Paragraph,
    Reference,
    Section,
    Table,
    literal,
)
from regraft.reports.proportions_figures import gains, learning_curves
from regraft.reports.proportions_methods import HOLM, MCNEMAR, NEWCOMBE, OWEN, data_blocks, method_blocks
from regraft.reports.proportions_reproduction import reproduce
from regraft.reports.proportions_transfer_words import transfer_words
from regraft.reports.proportions_words import law_sentence, limits, more_images, reached, warnings_of
from regraft.reports.references import TRANSFER, WILSON, backbone_paper
from regraft.studies.folder import StudyFolder
from regraft.studies.proportions_results import Curve, ProportionResults, gather_results

CORTES = Reference(
    "cortes1993",
    "C. Cortes, L. D. Jackel, S. A. Solla, V. Vapnik, J. S. Denker. Learning curves: asymptotic values and rate of "
    "convergence. Advances in Neural Information Processing Systems 6, 1993.",
)
HESTNESS = Reference(
    "hestness2017",
    "J. Hestness, S. Narang, N. Ardalani, and others. Deep learning scaling is predictable, empirically. 2017.",
    "https://arxiv.org/abs/1712.00409",
)


def proportions_document(folder: StudyFolder) -> Document:
    """Gathers the whole report from the study folder."""
    found = gather_results(folder)
    backbone = found.facts["backbone"]["name"]
    paper = backbone_paper(backbone)
    words = transfer_words(found) if found.scratch is not None else ()
    return Document(
        title="How many images are enough?",
        subtitle=f"{shown(backbone)} on {shown(found.facts['collection']['name'])}",
        byline=byline(folder),
        abstract=literal(" ".join((reached(found), more_images(found), *words))),
        sections=(
            Section("Question", (_question(found),)),
            Section("Data and parts", data_blocks(found)),
            Section("Method", method_blocks(found)),
            Section("Accuracy against training images", _curves(found)),
            Section("How many more images would help?", _ahead(found)),
            Section("What is transfer worth?", _transfer(found)),
            Section("Limits", (Bullets(limits(found)),)),
            Section("How to reproduce", reproduce(folder)),
        ),
        references=(
            CORTES, HESTNESS, OWEN, WILSON, NEWCOMBE, MCNEMAR, HOLM, SUTSKEVER, GLOROT, KINGMA, TRANSFER,
            *((paper,) if paper else ()),
        ),
        warnings=warnings_of(found),
    )  # fmt: skip


def _question(found: ProportionResults) -> Paragraph:
    scratch = (
        " The same network is trained from random weights on the same images, to see what transfer is worth."
        if found.scratch is not None
        else ""
    )
    return Paragraph(
        "Features that a network has learnt on many images serve another task with few [[cite:yosinski2014]]. This "
        "study trains on growing parts of the training images and asks how the accuracy grows with them, and how many "
        f"more images would help.{scratch}"
    )


def _curves(found: ProportionResults) -> tuple[Block, ...]:
    band = list(found.ahead.band)
    marked = [round(point.images) for point in found.ahead.predictions]
    made = learning_curves(found.transfer, found.scratch, band, found.facts["majority"], marked)
    dots = ", a dot for each repetition" if len(found.transfer.repeats) > 1 else ""
    law = (
        " Dashed: what the law of the error expects, with its interval; right of the upright line nothing was measured."
        if band
        else ""
    )
    took = f"The trainings with transfer took {duration(found.transfer.seconds)} in all"
    if found.scratch is not None:
        took += f", those from random weights {duration(found.scratch.seconds)}"
    return (
        Paragraph(f"{reached(found)} [[curves]] shows the way there, [[accuracies]] the numbers."),
        Figure(
            "curves",
            f"Test accuracy against training images: means and their 95{THIN}% intervals{dots}.{law}",
            made.svg,
            made.description,
            made.width,
        ),
        _table(found),
        Paragraph(f"{took}, features aside."),
    )


def _table(found: ProportionResults) -> Table:
    several = len(found.transfer.repeats) > 1
    columns = ["Images", "With transfer", f"95{THIN}% interval"] + ["Repetitions from, to"] * several
    align = "rrr" + "r" * several
    if found.scratch is not None:
        columns += ["From random weights", f"95{THIN}% interval"]
        align += "rr"
    rows = []
    for place, images in enumerate(found.transfer.images):
        row = [f"{images:,}", *_mean_cells(found.transfer, place)]
        if several:
            values = found.transfer.accuracies[:, place]
            row.append(f"{percent(float(values.min()))}, {percent(float(values.max()))}")
        if found.scratch is not None:
            known = images in found.scratch.images
            row += _mean_cells(found.scratch, found.scratch.images.index(images)) if known else ["–", "–"]
        rows.append(tuple(row))
    return Table("accuracies", "Test accuracy by number of training images.", tuple(columns), tuple(rows), align=align)


def _mean_cells(curve: Curve, place: int) -> list[str]:
    mean = curve.means[place]
    return [percent(mean.mean), f"{percent(mean.low)} to {percent(mean.high)}"]


def _ahead(found: ProportionResults) -> tuple[Block, ...]:
    answer = Paragraph(more_images(found), strong=True)
    if found.ahead.law is None:
        return (answer,)
    return (
        answer,
        Paragraph(
            "The error of a classifier falls with the number n of training images like a·n^(−b) + c, over a wide range "
            "[[cite:cortes1993]] [[cite:hestness2017]]. Such laws were fitted, by weighted least squares, to the "
            "errors in 2,000 draws, with replacement, of the repetitions and of the test images [[cite:owen2007]]: "
            f"expected is the median of these laws, and the interval holds the middle 95{THIN}% of them. "
            f"{law_sentence(found)}"
        ),
    )


def _transfer(found: ProportionResults) -> tuple[Block, ...]:
    words = transfer_words(found)
    blocks: list[Block] = [Paragraph(" ".join(words), strong=found.scratch is not None)]
    made = gains(found.comparisons)
    if made is None:
        return tuple(blocks)
    blocks.append(Paragraph("[[gains]] and [[differences]] show the differences."))
    blocks.append(
        Figure(
            "gains",
            f"Accuracy with transfer minus accuracy from random weights, with 95{THIN}% intervals, in the "
            "repetitions that both have: above 0, transfer is better.",
            made.svg,
            made.description,
            made.width,
        )
    )
    verdicts = {1: "transfer better", -1: "transfer worse", 0: "no difference found"}
    rows = [
        (
            f"{one.images:,}",
            signed_points(one.test.difference),
            f"{signed_points(one.test.low)} to {signed_points(one.test.high)}",
            p_value(one.p).removeprefix("p ").removeprefix("= "),
            verdicts[one.verdict],
        )
        for one in found.comparisons
    ]
    blocks.append(
        Table(
            "differences",
            "Transfer minus random weights, in percentage points, in the repetitions that both have.",
            ("Images", "Difference", f"95{THIN}% interval", "p", "Verdict"),
            tuple(rows),
            align="rrrrl",
        )
    )
    return tuple(blocks)
