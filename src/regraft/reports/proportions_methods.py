"""What the report of a proportions study says of its images and parts, and of how it trained and measured."""

from __future__ import annotations

from regraft.reports._comparison_phrases import number
from regraft.reports._words import THIN, count, listing, shown
from regraft.reports.document import Block, Paragraph, Reference, Table, named
from regraft.reports.proportions_words import epochs_words
from regraft.reports.references import backbone_paper
from regraft.studies.proportions_parts import VALIDATION
from regraft.studies.proportions_results import ProportionResults
from regraft.transfer.verdict import ALPHA

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
    "data. Statistics in Medicine 17(22), 2635–2650, 1998.",
)
HOLM = Reference(
    "holm1979",
    "S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2), "
    "65–70, 1979.",
)

_MOST_CLASSES = 12


def data_blocks(found: ProportionResults) -> tuple[Block, ...]:
    """The images, the test images, the parts."""
    collection, parts = found.facts["collection"], found.facts["parts"]
    skipped = f" {count(collection['skipped'], 'further file')} could not be used." if collection["skipped"] else ""
    rows = [
        (shown(name), f"{counts['training']:,}", f"{counts['test']:,}")
        for name, counts in list(collection["per_class"].items())[:_MOST_CLASSES]
    ]
    rows.append(("all", f"{found.facts['training']:,}", f"{found.facts['test']:,}"))
    more = len(collection["per_class"]) - _MOST_CLASSES
    used = [part for part in parts if not part["problem"]]
    sizes = listing([f"{part['images']:,} ({part['fraction'] * 100:.4g}{THIN}%)" for part in used])
    groups = (
        ", and a group within a part does so as a whole or not at all; a part may divide a group"
        if collection.get("grouped")
        else ""
    )
    return (
        Paragraph(
            f"The data set, {named(collection['name'])}, holds {count(collection['images'], 'image')} of "
            f"{number(len(collection['classes']))} classes ([[images]]).{skipped} {held_out_words(found)} The test "
            "images are the same in every training and took part in no choice."
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
            "repetition a smaller part lies within every larger one. Of each part about "
            f"{VALIDATION * 100:.0f}{THIN}% of the images, at least one of each class, validate{groups}."
        ),
    )


def held_out_words(found: ProportionResults) -> str:
    """Where the test images come from, by the splits that the collection names (`assign_splits`)."""
    collection = found.facts["collection"]
    grouped, validation = collection.get("grouped"), "validation" in collection["splits"]
    if "test" in collection["splits"]:
        text = "The test images are those that the collection names."
    else:
        which = "the images that the collection does not name for validation" if validation else "the images"
        text = (
            f"{'About a' if grouped else 'A'} fifth of {which} was set aside for the test, class by class and once, "
            f"with seed {found.settings['seed']}, by a hash of each image’s content"
            + (", or of its group, which is not divided." if grouped else ".")
        )
    if validation:
        text += " Those that it names for validation are training images here, as every part draws its own."
    return text


def method_blocks(found: ProportionResults) -> tuple[Block, ...]:
    """How it was trained, with transfer and without, and how it was measured."""
    backbone, settings = found.facts["backbone"], found.settings
    paper = backbone_paper(backbone["name"])
    name = named(backbone["name"]) + (f" [[cite:{paper.key}]]" if paper else "")
    blocks = [
        Paragraph(
            f"With transfer, {name} keeps its pretrained weights ({named(backbone['weights_origin'])}), and its "
            f"{backbone['features']:,} features of each image, computed once, go into a linear head (softmax) that "
            "starts anew [[cite:glorot2010]] and is trained by SGD with Nesterov’s momentum [[cite:sutskever2013]] in "
            "batches of 32. For each part, the validation images choose among six learning rates and up to "
            f"{count(settings['epochs'], 'epoch')} by their loss; the chosen head is then trained again on the whole "
            f"part and measured on the test images. This was done in {_counted(settings['seeds'])}, each with another "
            "draw of the parts."
        )
    ]
    if found.scratch is not None:
        blocks.append(Paragraph(_scratch_method(found)))
    blocks.append(Paragraph(_measuring(found)))
    return tuple(blocks)


def _measuring(found: ProportionResults) -> str:
    means = (
        "The interval of a mean accuracy is Wilson’s [[cite:wilson1927]], for as many test images as would alone give "
        "the variance that the draw of the training images (the spread over the repetitions) and the test images, "
        "which all repetitions share, have together."
    )
    if not found.comparisons:
        return means
    return (
        f"{means} Transfer and training from random weights are compared on the same test images, image by image "
        "(McNemar [[cite:mcnemar1947]], Newcombe [[cite:newcombe1998]]; over several repetitions a normal interval "
        "that allows for images and repetitions), p values adjusted by Holm’s method [[cite:holm1979]]. A difference "
        f"counts as found where p is below {ALPHA:g} and the interval leaves out 0."
    )


def _scratch_method(found: ProportionResults) -> str:
    facts, curve = found.facts["scratch"], found.scratch
    assert curve is not None
    rates = listing([f"{one['rate']:g}" for one in facts["tried"]])
    trial = f"tried for {count(facts['trial_epochs'], 'epoch')} on the largest part"
    if found.rates_diverged:
        rate = f"The learning rate, {facts['rate']:g}, is the lowest among {rates}, each {trial}, where all diverged."
    elif facts["tried"]:
        rate = (
            f"The learning rate, {facts['rate']:g}, is the one with the lowest validation loss among {rates}, each "
            f"{trial}; it is used for the smaller ones as well."
        )
    else:
        rate = f"The learning rate is {facts['rate']:g}; no other was tried."
    return (
        "Without transfer, the same network with random weights and the same head is trained in all layers through "
        "Keras, by Adam [[cite:kingma2015]] with a cosine schedule, in batches of 32, on plain images of "
        f"{facts['size']} pixels. {rate} Every part is trained on as a whole for a fixed number of epochs, "
        f"{epochs_words(curve)}, so that nothing is chosen on the way; a smaller part gets more of them (by the square "
        "root of the ratio of the images), so that its network is updated often enough. There "
        f"{'was' if len(curve.repeats) == 1 else 'were'} {_counted(len(curve.repeats))} of this."
    )


def _counted(repetitions: int) -> str:
    """`five repetitions`."""
    return f"{number(repetitions)} repetition{'s' if repetitions > 1 else ''}"
