"""The report of the MobileNet study: what transfer is worth on a small set of images, answered from its folder."""

from __future__ import annotations

import shlex

from regraft.reports import _facts as facts
from regraft.reports import mobilenet_tables as tables
from regraft.reports import mobilenet_words as words
from regraft.reports._comparison_phrases import number
from regraft.reports._reproduction import byline
from regraft.reports._study_parts import KINGMA, example_pictures, images_at_hand, split_table
from regraft.reports._words import count, duration, listing, shown
from regraft.reports.cats_figures import course_of, courses
from regraft.reports.document import Block, Bullets, Code, Document, Figure, Paragraph, Section, named
from regraft.reports.finetune_figure import rate_text
from regraft.reports.mobilenet_figures import story
from regraft.reports.mobilenet_found import MobileNetFound, gather_mobilenet
from regraft.reports.references import RECIPES, TRANSFER, WILSON, backbone_paper
from regraft.runs.folder import RunFolder
from regraft.studies.declaration import make_study
from regraft.studies.folder import StudyFolder
from regraft.studies.mobilenet_runs import stage_run
from regraft.studies.mobilenet_steps import DECAY

_HOWARD = RECIPES["times slower"]


def mobilenet_document(study: StudyFolder) -> Document:
    """Gathers the whole report from the study folder.

    Raises:
        InputError: a run is missing or damaged.
    """
    found = gather_mobilenet(study)
    paper = backbone_paper(found.network)
    return Document(
        title=f"From random weights to fine-tuning: {number(len(found.classes))} classes, "
        f"{found.facts['collection']['images']:,} images",
        subtitle=f"{shown(found.network)} on {shown(found.facts['collection']['name'])}",
        byline=byline(study),
        abstract=words.summary(found),
        sections=(
            Section("Question", _question(found)),
            Section("Data", _data(study, found)),
            Section("Method", _method(found)),
            Section("The stages", _stages(found)),
            Section("The four steps", _steps(found)),
            Section("Dogs against flowers", (Paragraph(words.dogs_words(found)),)),
            Section("Answers", _answers(found)),
            Section("Limits", (Bullets(words.limits(found)),)),
            Section("How to reproduce", _reproduce(found)),
        ),
        references=(TRANSFER, WILSON, KINGMA, _HOWARD, *((paper,) if paper else ())),
        warnings=words.warnings(found),
    )


def _question(found: MobileNetFound) -> tuple[Block, ...]:
    return (
        Paragraph(
            "Features that a network has learnt on many images serve other tasks [[cite:yosinski2014]]. This study "
            f"asks what that is worth where there are only {count(found.images['train'], 'image')} to train on:"
        ),
        Bullets(
            (
                "What does the network answer untrained, and what does it learn from these images alone?",
                "What does it reach pretrained, with nothing but a new head?",
                "What does fine-tuning in four careful steps add, and where does it begin to overfit?",
                "What does each of these cost?",
            )
        ),
    )


def _data(study: StudyFolder, found: MobileNetFound) -> tuple[Block, ...]:
    collection, run = found.facts["collection"], stage_run(study, "new-head")
    part = ""
    if collection["per_class"]:
        part = (
            f" Of {count(collection['found'], 'image')} these are {collection['per_class']:,} of each class, drawn "
            f"with seed {found.settings['seed']} by a hash of each image’s content."
        )
    skipped = f" {count(collection['skipped'], 'further file')} could not be used." if collection["skipped"] else ""
    given = (
        f"The collection names the images of these splits itself: {listing(collection['splits'])}."
        if collection["splits"]
        else "They are divided by the hash of their content, so that equal images never lie in two splits."
    )
    pictures = _pictures(found, run)
    shows = " [[examples]] shows some of them." if pictures else ""
    blocks: list[Block] = [
        Paragraph(
            f"The data set, {named(collection['name'])}, has {count(collection['images'], 'image')} of "
            f"{number(len(found.classes))} classes.{part}{skipped} [[images]] gives their numbers.{shows} {given} "
            "Learning rates and epochs are chosen on the validation images; the test images are looked at once by "
            "each stage, and the stages were fixed beforehand."
        ),
        split_table(run, "Images by class and split."),
    ]
    return (*blocks, pictures) if pictures else tuple(blocks)


def _pictures(found: MobileNetFound, run: RunFolder) -> Block | None:
    images = {"source": found.settings["images"], "exact": True}
    if "path" in found.settings:
        images["path"] = found.settings["path"]
    if per_class := found.facts["collection"]["per_class"]:
        images["per_class"] = per_class
    declared = make_study({"seed": found.settings["seed"], "images": images})
    return example_pictures(images_at_hand(declared), run)


def _method(found: MobileNetFound) -> tuple[Block, ...]:
    paper, plan = backbone_paper(found.network), found.facts["plan"]
    cite = f" [[cite:{paper.key}]]" if paper else ""
    third, fourth = found.steps[2], found.steps[3]
    scratch = found.stage("scratch")
    stages = ["untrained: random weights in all layers and the head;"]
    if scratch is not None:
        trained = scratch.metrics["trained"]
        rates = [rate_text(one["rate"]) for one in trained["tried"]]
        chosen = (
            f"the learning rate, {rate_text(trained['learning_rate'])}, is the one of {listing(rates)} with the lowest "
            f"validation loss after {count(trained['trial_epochs'], 'epoch')}"
            if rates
            else f"the learning rate is {rate_text(trained['learning_rate'])}"
        )
        stages.append(
            "trained from scratch: all layers from these random weights, on augmented images, by Adam "
            f"[[cite:kingma2015]] with a rate that falls to 0 over {count(plan['scratch'], 'epoch')}; {chosen}; "
            "BatchNorm is in training mode;"
        )
    stages += [
        "pretrained, new head: ImageNet weights, all layers frozen, and one softmax layer trained on the features of "
        "the plain images (step 1);",
        "pretrained, fine-tuned: after all four steps.",
    ]
    return (
        Paragraph(
            f"The network is {named(found.network)}{cite}, for images of {found.pixels}, followed by one softmax "
            f"layer.{_size(found)} It is measured in {number(len(found.stages))} stages, all on the same images:"
        ),
        Bullets(tuple(stages)),
        Paragraph("The four steps of fine-tuning, each of which begins with the best epoch of the one before:"),
        Bullets(
            (
                "Step 1: the new head, on the features of the frozen network.",
                f"Step 2: the head again, on augmented images: each epoch draws, of each image, the plain one or one "
                f"of {count(plan['views'], 'augmented version')}; the network is still frozen.",
                f"Step 3: the last {_groups(len(third.rates) - 1)} unfrozen; the head learns at "
                f"{rate_text(third.rates['head'])}, and each group {DECAY:g} times slower than the one after it "
                "[[cite:howard2018]].",
                f"Step 4: all {_groups(len(fourth.rates) - 1)} unfrozen, at very low rates: the head at "
                f"{rate_text(fourth.rates['head'])}, the first group at {rate_text(min(fourth.rates.values()))}; every "
                "epoch sees a new version of each image.",
            )
        ),
        Paragraph(
            f"A step goes on until its validation loss has not fallen for {count(plan['patience'], 'epoch')}, or to "
            f"the end of the epochs it is given ({listing([str(value) for value in plan['steps']])}), and is then "
            "stepped back to its best epoch. All steps use Adam with constant rates in batches of 32; BatchNorm keeps "
            "its statistics, scales and offsets. [[groups]] gives the rates; the groups are the blocks whose maps "
            "have one size."
        ),
        tables.group_table(found),
        Paragraph(
            f"Augmentation, of the training images alone: {found.facts['policy']}. That is a mirror in one view of "
            "two, a turn by an angle evenly between 45° to the left and to the right, and a window around the middle "
            "of 0.8 to 1.0 of each side; what a turn brings in from outside is the picture’s mirror image. Nothing is "
            "cropped otherwise, and the colours stay."
        ),
    )


def _size(found: MobileNetFound) -> str:
    """A sentence with a blank before it; nothing where the usual size is not known."""
    height, usual = found.facts["backbone"]["size"][0], found.usual_size
    if usual is None:
        return ""
    if height >= usual:
        return " That is its usual size or more."
    return (
        f" That is less than the {usual} it was pretrained with: the work of training all layers, which is by far the "
        "longest part of this study, goes with the area."
    )


def _groups(value: int) -> str:
    return f"{number(value)} group{'' if value == 1 else 's'} of blocks"


def _stages(found: MobileNetFound) -> tuple[Block, ...]:
    drawn = story(found)
    blocks: list[Block] = [
        Paragraph("[[story]] tells the story, and [[stages]] gives its numbers; [[differences]] compares the stages."),
        Figure(
            "story",
            "Above: accuracy on the test images, once for each stage. Below: the four steps of fine-tuning, validation "
            "accuracy and loss against epochs; each step begins (epoch 0) where the one before was best, and goes on "
            "until it is no longer getting better. The accuracies share one scale, from the first epoch on; every "
            "loss has its own.",
            drawn.svg,
            drawn.description,
            drawn.width,
        ),
        tables.stage_table(found),
        tables.difference_table(found),
    ]
    scratch, head = found.stage("scratch"), found.stage("new-head")
    if scratch is not None and head is not None:
        seen = courses(
            [course_of("from scratch", scratch.history, head.metrics["validation"]["accuracy"])], "pretrained, new head"
        )
        if seen is not None:
            blocks += [
                Paragraph(f"[[from-scratch]] shows the training from scratch. {words.scratch_words(found)}"),
                Figure(
                    "from-scratch",
                    "The training from scratch: validation accuracy and loss against epochs; epoch 0 is the untrained "
                    "network.",
                    seen.svg,
                    seen.description,
                    seen.width,
                ),
            ]
    return tuple(blocks)


def _steps(found: MobileNetFound) -> tuple[Block, ...]:
    return (
        Paragraph("[[steps]] gives each step’s start, its best epoch and its end."),
        tables.step_table(found),
        Bullets(tuple(words.step_words(step) for step in found.steps)),
        Paragraph(words.overfitting_words(found), strong=True),
    )


def _answers(found: MobileNetFound) -> tuple[Block, ...]:
    asked = (
        ("What does the network answer untrained, and what does it learn from these images alone?",
         f"{words.untrained_words(found)} {words.scratch_words(found)}"),
        ("What does it reach pretrained, with nothing but a new head?", words.transfer_words(found)),
        ("What does fine-tuning add?", f"{words.tuning_words(found)} {words.overfitting_words(found)}"),
    )  # fmt: skip
    blocks: list[Block] = []
    for question, answer in asked:
        blocks += [Paragraph(question, strong=True), Paragraph(answer)]
    return tuple(blocks)


def _reproduce(found: MobileNetFound) -> tuple[Block, ...]:
    environment, seconds = found.facts["environment"], found.facts["seconds"]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    sessions = ", of all its sessions together" if found.facts.get("resumed") else ""
    return (
        Paragraph(
            "The command below, with the same images, weights, versions and machine, gives the same numbers again, "
            "times aside. The folder of the study holds each stage as a run in runs/, with its split, history and "
            "predictions, the fine-tuned network as runs/fine-tuned/model.keras, and the steps in runs.jsonl."
        ),
        Code(_command(found)),
        Bullets(
            (
                f"Python {environment['python']}; {packages}.",
                f"{named(environment['processor'])}, {count(environment['cores'], 'core')}; "
                f"{named(environment['platform'])}.",
                f"Weights: {named(found.facts['backbone']['weights_origin'])}, SHA-256 "
                f"{found.facts['backbone']['weights_sha256']}.",
                f"Time: {duration(seconds['total'] - seconds.get('report', 0.0))}{sessions}, without this report.",
            )
        ),
    )


def _command(found: MobileNetFound) -> str:
    """The command that began the study, or the one that does what a script or a resumed study did."""
    environment, settings = found.facts["environment"], found.settings
    given = environment.get("command", [])
    if given[:2] == ["regraft", "study"] and "--resume" not in given:
        return facts.command_line(environment)
    command = ["regraft", "study", "mobilenet"]
    for name, option in (
        ("images", "images"), ("path", "path"), ("backbone", "backbone"), ("seed", "seed"),
        ("scratch_epochs", "standard-epochs"), ("dogs", "dogs"),
    ):  # fmt: skip
        if name in settings:
            command += [f"--{option}", str(settings[name])]
    return shlex.join(command + ["--quick"] * bool(settings.get("quick")))
