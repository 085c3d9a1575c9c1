"""The report of the proportions study: accuracy against training images, from the study folder alone."""

from __future__ import annotations

import shlex

from regraft.reports._comparison_phrases import number, p_value, signed_points
from regraft.reports._reproduction import byline, reproduce_blocks
from regraft.reports._study_parts import GLOROT, KINGMA, SUTSKEVER
from regraft.reports._words import THIN, count, duration, listing, percent, shown
from regraft.reports.document import (
    Block,
    Bullets,
    Code,
    Document,
    Figure,
    Paragraph,
    Reference,
    Section,
    Table,
    literal,
    named,
)
from regraft.reports.proportions_figures import gains, learning_curves
from regraft.reports.proportions_words import (
    epochs_words,
    law_sentence,
    limits,
    more_images,
    reached,
    transfer_words,
    warnings_of,
)
from regraft.reports.references import TRANSFER, WILSON, backbone_paper
from regraft.studies.folder import StudyFolder
from regraft.studies.proportions_parts import VALIDATION
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
OWEN = Reference(
    "owen2007",
    "A. B. Owen. The pigeonhole bootstrap. The Annals of Applied Statistics 1(2), 386–411, 2007.",
    "https://doi.org/10.1214/07-AOAS122",
)
MCNEMAR = Reference(
    "mcnemar1947",
    "Q. McNemar. Note on the sampling error of the difference between correlated proportions or percentages. "
    "Psychometrika 12(2), 153–157, 1947.",
)
NEWCOMBE = Reference(
    "newcombe1998",
    "R. G. Newcombe. Improved confidence intervals for the difference between binomial proportions based on paired "
    "data. "
    "Statistics in Medicine 17(22), 2635–2650, 1998.",
)
HOLM = Reference(
    "holm1979",
    "S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2), "
    "65–70, 1979.",
)

_MOST_CLASSES = 12


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
            Section("Data and parts", _data(found)),
            Section("Method", _method(found)),
            Section("Accuracy against training images", _curves(found)),
            Section("How many more images would help?", _ahead(found)),
            Section("What is transfer worth?", _transfer(found)),
            Section("Limits", (Bullets(limits(found)),)),
            Section("How to reproduce", _reproduce(folder)),
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
        "study "
        "trains on growing parts of the training images and asks how the accuracy grows with them, and how many more "
        f"images would help.{scratch}"
    )


def _data(found: ProportionResults) -> tuple[Block, ...]:
    collection, parts = found.facts["collection"], found.facts["parts"]
    skipped = f" {count(collection['skipped'], 'further file')} could not be used." if collection["skipped"] else ""
    rows = [
        (shown(name), f"{counts['training']:,}", f"{counts['test']:,}")
        for name, counts in list(collection["per_class"].items())[:_MOST_CLASSES]
    ]
    rows.append(("all", f"{found.facts['training']:,}", f"{found.facts['test']:,}"))
    more = len(collection["per_class"]) - _MOST_CLASSES
    brought = "test" in collection["splits"]
    used = [part for part in parts if not part["problem"]]
    sizes = listing([f"{part['images']:,} ({part['fraction'] * 100:.4g}{THIN}%)" for part in used])
    test = (
        "The test images are those that the collection names."
        if brought
        else f"A fifth of the images was set aside for the test, once, with seed {found.settings['seed']}, by a hash "
        "of "
        "each image’s content."
    )
    return (
        Paragraph(
            f"The data set, {named(collection['name'])}, holds {count(collection['images'], 'image')} of "
            f"{number(len(collection['classes']))} classes ([[images]]).{skipped} {test} They are the same in every "
            "training and took part in no choice."
        ),
        Table(
            "images",
            "Images by class.",
            ("Class", "Training", "Test"),
            tuple(rows),
            align="lrr",
            strong=(len(rows) - 1,),
            note=f"{count(more, 'further class', 'further classes')} not shown." if more > 0 else "",
        ),
        Paragraph(
            f"Of the training images, parts of {sizes} were drawn, each class with nearly its share of the whole; in a "
            f"repetition a smaller part lies within every larger one. Of each part, {VALIDATION * 100:.0f}{THIN}% of "
            "the "
            "images, at least one of each class, validate."
        ),
    )


def _method(found: ProportionResults) -> tuple[Block, ...]:
    backbone, settings = found.facts["backbone"], found.settings
    paper = backbone_paper(backbone["name"])
    name = named(backbone["name"]) + (f" [[cite:{paper.key}]]" if paper else "")
    blocks = [
        Paragraph(
            f"With transfer, {name} keeps its pretrained weights ({named(backbone['weights_origin'])}), and its "
            f"{backbone['features']:,} features of each image, computed once, go into a linear head (softmax) that "
            "starts "
            "anew [[cite:glorot2010]] and is trained by SGD with Nesterov’s momentum [[cite:sutskever2013]] in "
            "batches of "
            "32. For each part, the validation images choose among six learning rates and up to "
            f"{count(settings['epochs'], 'epoch')} by their loss; the chosen head is then trained again on the whole "
            "part "
            "and measured on the test images. This was done in "
            f"{_counted(settings['seeds'])}, each with another draw of the parts."
        )
    ]
    if found.scratch is not None:
        blocks.append(Paragraph(_scratch_method(found)))
    blocks.append(
        Paragraph(
            "The interval of a mean accuracy is Wilson’s [[cite:wilson1927]], for as many test images as would alone "
            "give "
            "the variance that the draw of the training images (the spread over the repetitions) and the test images, "
            "which all repetitions share, have together."
            + (
                " Transfer and training from random weights are compared on the same test images, image by image "
                "(McNemar [[cite:mcnemar1947]], Newcombe [[cite:newcombe1998]]; over several repetitions a normal "
                "interval "
                "that allows for images and repetitions), p values adjusted by Holm’s method [[cite:holm1979]]."
                if found.comparisons
                else ""
            )
        )
    )
    return tuple(blocks)


def _scratch_method(found: ProportionResults) -> str:
    facts, curve = found.facts["scratch"], found.scratch
    assert curve is not None
    if facts["tried"]:
        rates = listing([f"{one['rate']:g}" for one in facts["tried"]])
        rate = (
            f"The learning rate, {facts['rate']:g}, is the one with the lowest validation loss among {rates}, each "
            "tried "
            f"for {count(facts['trial_epochs'], 'epoch')} on the largest part; it is used for the smaller ones as well."
        )
    else:
        rate = f"The learning rate is {facts['rate']:g}; no other was tried."
    return (
        "Without transfer, the same network with random weights and the same head is trained in all layers through "
        "Keras, "
        f"by Adam [[cite:kingma2015]] with a cosine schedule, in batches of 32, on plain images of {facts['size']} "
        "pixels. "
        f"{rate} Every part is trained on as a whole for a fixed number of epochs, {epochs_words(curve)}, so that "
        "nothing "
        "is chosen on the way; a smaller part gets more of them (by the square root of the ratio of the images), so "
        "that "
        f"its network is updated often enough. There {'was' if len(curve.repeats) == 1 else 'were'} "
        f"{_counted(len(curve.repeats))} of this."
    )


def _counted(repetitions: int) -> str:
    """`five repetitions`."""
    return f"{number(repetitions)} repetition{'s' if repetitions > 1 else ''}"


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
            "errors in "
            "2,000 draws, with replacement, of the repetitions and of the test images [[cite:owen2007]]: expected is "
            "the "
            f"median of these laws, and the interval holds the middle 95{THIN}% of them. {law_sentence(found)}"
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
            f"Accuracy with transfer minus accuracy from random weights, with 95{THIN}% intervals: above 0, transfer "
            "is "
            "better.",
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


def _reproduce(folder: StudyFolder) -> tuple[Block, ...]:
    """As of every study; a command of its own where a script or a resumed study made the report."""
    _, command, *others = reproduce_blocks(folder)
    given = folder.facts()["environment"].get("command", [])
    if given[:2] != ["regraft", "study"] or "--resume" in given:
        settings = folder.settings()
        parts = ["regraft", "study", "proportions", settings["images"]]
        for name, option in (
            ("path", "path"), ("backbone", "backbone"), ("seed", "seed"), ("seeds", "seeds"), ("epochs", "epochs"),
            ("scratch_epochs", "standard-epochs"),
        ):  # fmt: skip
            if name in settings:
                parts += [f"--{option}", str(settings[name])]
        command = Code(shlex.join(parts + ["--quick"] * bool(settings["quick"])))
    return (
        Paragraph(
            "The command below, with the same images, weights, versions and machine, gives the same numbers again, "
            "times "
            "aside. The folder of the study holds every training with its answers on the test images (runs.jsonl)."
        ),
        command,
        *others,
    )
