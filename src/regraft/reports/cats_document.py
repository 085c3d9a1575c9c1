"""The report of the cats-and-dogs study: what transfer learning reaches and changes, answered from the study folder."""

from __future__ import annotations

import shlex
from itertools import pairwise

from regraft.reports import cats_experiments as experiments
from regraft.reports import comparison_words as words
from regraft.reports._comparison_phrases import number
from regraft.reports._reproduction import byline, reproduce_blocks
from regraft.reports._study_parts import (
    SHARED_REFERENCES,
    cited,
    example_pictures,
    images_at_hand,
    quoted,
    recommended_blocks,
    split_paragraph,
    split_table,
)
from regraft.reports._study_results import divergence_warning
from regraft.reports._words import THIN, count, listing, percent, shortened, shown
from regraft.reports.cats_found import CatsFound, gather_cats
from regraft.reports.cats_words import (
    limits,
    missing_warnings,
    output_finding,
    precision_answer,
    recommendation_words,
    transfer_answer,
    tuning_finding,
)
from regraft.reports.diagram import cut_diagram
from regraft.reports.document import Block, Bullets, Code, Document, Figure, Paragraph, Section, literal, named
from regraft.reports.references import TRANSFER, backbone_paper
from regraft.runs.folder import RunFolder
from regraft.studies.cats_study import DROPOUT, HIDDEN, RATE
from regraft.studies.cats_training import TUNING_RATE
from regraft.studies.folder import StudyFolder


def cats_document(folder: StudyFolder) -> Document:
    """Gathers the whole report from the study folder."""
    found = gather_cats(folder)
    papers = dict.fromkeys(filter(None, map(backbone_paper, found.networks)))
    first = "One unit or two" if found.of_outputs else "Freezing all layers"
    parts = [Section("Experiments", ()), Section(first, experiments.frozen_blocks(found), level=2)]
    if found.tuned is not None:
        parts.append(Section("All layers frozen, or the last ones trained", experiments.tuned_blocks(found), level=2))
    if found.scratch:
        parts.append(Section("Against training from scratch", experiments.scratch_blocks(found), level=2))
    return Document(
        title=f"Transfer learning on {_classes(found)}",
        subtitle=f"{listing([shown(name) for name in found.networks])} on {shown(found.facts['collection']['name'])}",
        byline=byline(folder),
        abstract=_abstract(found),
        sections=(
            Section("Question", _question(found)),
            Section("Data and split", _data(folder, found)),
            Section("Method", _method(found)),
            *parts,
            Section("Answers", _answers(found)),
            Section("Recommendation", _recommendation(folder, found)),
            Section("Limits", (Bullets(limits(found)),)),
            Section("How to reproduce", _reproduce(folder)),
        ),
        references=(*SHARED_REFERENCES, TRANSFER, *papers),
        warnings=tuple(filter(None, (*missing_warnings(found), divergence_warning(found.frozen)))),
    )


def _classes(found: CatsFound) -> str:
    """`cats and dogs`; the number of more classes."""
    names = [shortened(name, 30) for name in found.classes]
    return " and ".join(names) if len(names) == 2 else f"{number(len(names))} classes"


def _abstract(found: CatsFound) -> str:
    networks = listing([shown(name) for name in found.networks])
    sentences = [
        f"{networks}, pretrained on ImageNet, {'were' if len(found.networks) > 1 else 'was'} given a new head, to tell "
        f"{number(len(found.classes))} classes apart."
    ]
    if found.test is not None and found.whole.best is not None:
        test = found.test
        low, high = test["accuracy_interval"]
        sentences.append(
            f"The setting that did best on validation, {quoted(found.whole.verdicts[found.whole.best].label)}, "
            f"reaches an accuracy of {percent(test['accuracy'])} (95{THIN}% interval {percent(low)} to "
            f"{percent(high)}) and a precision of {percent(test['macro']['precision'])}, averaged over the classes, on "
            f"{count(test['images'], 'test image')} that took part in no choice."
        )
    sentences += [output_finding(found), tuning_finding(found)]
    if found.scratch:
        one = found.scratch[0]
        start = "In this quick study, trained" if found.quick else "Trained"
        images = count(one.scratch["images"]["train"], "image")
        sentences.append(
            f"{start} from random weights on the same {images} for "
            f"{count(one.scratch['trained']['epochs'], 'epoch')}, {named(one.network)} reached "
            f"{percent(one.scratch['validation']['accuracy'])} on the validation images, against "
            f"{percent(one.frozen['validation']['accuracy'])} with frozen pretrained layers."
        )
    return literal(" ".join(filter(None, sentences)))


def _question(found: CatsFound) -> tuple[Block, ...]:
    items = ["What precision is obtained, with all layers of the pretrained network frozen?"]
    if found.of_outputs:
        items.append("Does it matter whether the head ends in one sigmoid unit or in two softmax units?")
    items += [
        "Is it better to train the last 5 or the last 10 layers of the network as well?",
        "What does transfer learning change about training, in time and in accuracy, compared with training the same "
        "network from scratch?",
    ]
    return (
        Paragraph(
            "Transfer learning re-uses what a network has learnt on one task for another [[cite:yosinski2014]]. This "
            "study asks:"
        ),
        Bullets(tuple(items)),
    )


def _data(folder: StudyFolder, found: CatsFound) -> tuple[Block, ...]:
    study, _ = folder.grid("frozen")
    run = RunFolder(found.frozen.runs[0][0])
    images = images_at_hand(study)
    pictures = example_pictures(images, run)
    collection = found.facts["collection"]
    skipped = f" {count(collection['skipped'], 'further file')} could not be used." if collection["skipped"] else ""
    blocks: list[Block] = [
        Paragraph(
            f"The data set, {named(collection['name'])}, holds {count(collection['images'], 'photograph')} of "
            f"{number(len(collection['classes']))} classes.{skipped} [[images]] gives their numbers"
            + (", and [[examples]] shows some of them." if pictures else ".")
        ),
        split_table(run, "Images by class and split, in the first repetition."),
    ]
    if pictures:
        blocks.append(pictures)
    return (*blocks, split_paragraph(study, found.frozen, images))


def _method(found: CatsFound) -> tuple[Block, ...]:
    backbones = found.facts["backbones"]
    named_ones = []
    for backbone in backbones:
        paper = backbone_paper(backbone["name"])
        named_ones.append(named(backbone["name"]) + (f" [[cite:{paper.key}]]" if paper else ""))
    first, classes, sigmoid = backbones[0], len(found.classes), found.outputs[0] == "sigmoid"
    last = "one sigmoid unit" if sigmoid else f"a softmax of {number(classes)} units"
    drawn = cut_diagram(
        first["name"],
        tuple(first["size"]),
        first["features"],
        classes,
        HIDDEN,
        trainable=_head_parameters(first["features"], 1 if sigmoid else classes),
        activation="sigmoid" if sigmoid else "softmax",
    )
    text = [
        f"The networks are {listing(named_ones)}, with ImageNet weights. Behind each of them, global average pooling "
        f"is followed by a Dense layer of {HIDDEN} units (ReLU), dropout of {DROPOUT:g} [[cite:srivastava2014]] and "
        f"{last}. With all layers frozen, the features of every image are computed once and the head is trained on "
        f"them by Adam [[cite:kingma2015]] with a learning rate of {RATE:g}, in batches of 32 ([[cut]] shows it for "
        f"{named(first['name'])}); the lowest validation loss chooses the epoch."
    ]
    if found.tuned is not None:
        last = listing([f"last {value}" for value in found.facts["tuned"]["last"]])
        text.append(
            f"Fine-tuning starts from that head and trains the {last} layers of the network, as Keras lists them "
            "(convolutions, BatchNorm and activations each count as one), with the head: by AdamW "
            f"[[cite:loshchilov2019]] with a learning rate of {TUNING_RATE:g}, from the activations before these "
            "layers, which are computed once; BatchNorm keeps its statistics. Each epoch is judged by its answers "
            "softened with the temperature that suits the validation images."
        )
    if found.scratch:
        text.append(
            "Training from scratch gives the same network and head random weights and trains all layers through Keras, "
            "BatchNorm in training mode (its statistics averaged over some ten batches, as there are few), on the "
            "images themselves; Adam with a learning rate of 0.001 (0.0001 for networks without BatchNorm)."
        )
    return (
        Paragraph(" ".join(text)),
        Figure("cut", "The network with all layers frozen and its head.", drawn.svg, drawn.description, drawn.width),
        Paragraph(cited(words.test_note(next(iter(found.of_outputs.values()), found.of_frozen)))),
    )


def _head_parameters(features: int, outputs: int) -> int:
    return sum((inputs + 1) * units for inputs, units in pairwise((features, HIDDEN, outputs)))


def _answers(found: CatsFound) -> tuple[Block, ...]:
    return (
        Paragraph("What precision was obtained?", strong=True),
        Paragraph(precision_answer(found)),
        Paragraph("What does transfer learning change about training?", strong=True),
        *(Paragraph(text) for text in transfer_answer(found)),
    )


def _recommendation(folder: StudyFolder, found: CatsFound) -> tuple[Block, ...]:
    text = [literal(words.recommendation(found.whole)), recommendation_words(found)]
    blocks: list[Block] = [Paragraph(" ".join(filter(None, text)), strong=True)]
    if found.test is not None:
        firm = found.whole.learned and found.whole.testable
        blocks += recommended_blocks(folder.recommended, f"the {'recommended' if firm else 'best'} setting")
    return tuple(blocks)


def _reproduce(folder: StudyFolder) -> tuple[Block, ...]:
    """As of every study; a command of its own where a script or a resumed study made the report."""
    first, command, *others = reproduce_blocks(folder)
    given = folder.facts()["environment"].get("command", [])
    if given[:2] == ["regraft", "study"] and "--resume" not in given:
        return (first, command, *others)
    settings = folder.settings()
    parts = ["regraft", "study", "cats-and-dogs"]
    for name, option in (
        ("images", "images"), ("path", "path"), ("seed", "seed"), ("seeds", "seeds"), ("epochs", "epochs"),
        ("scratch_epochs", "standard-epochs"),
    ):  # fmt: skip
        if name in settings:
            parts += [f"--{option}", str(settings[name])]
    if len(settings["backbones"]) == 1:
        parts += ["--backbone", settings["backbones"][0]]
    parts += ["--quick"] * bool(settings.get("quick"))
    return (
        Paragraph(
            "The command below, with the same images, weights, versions and machine, gives the same numbers again, "
            "times aside. The folder of the study holds every run with its configuration, split, history and "
            "predictions, and the recommended run with its model."
        ),
        Code(shlex.join(parts)),
        *others,
    )
