"""The report of the digits study: does a network that knows 0 to 5 learn 6 to 9 better? Answered from its folder."""

from __future__ import annotations

import shlex

from regraft.reports import _facts as facts
from regraft.reports import digits_summary as short
from regraft.reports import digits_tables as tables
from regraft.reports import digits_words as words
from regraft.reports._comparison_phrases import number
from regraft.reports._drawing import Drawn
from regraft.reports._reproduction import byline
from regraft.reports._study_parts import KINGMA, SRIVASTAVA
from regraft.reports._words import THIN, count, duration, shown
from regraft.reports.digits_figures import BOXES_FROM, MOST_POINTS, by_images, during_learning, over_runs
from regraft.reports.digits_found import DigitsFound, gather_digits
from regraft.reports.document import Block, Bullets, Code, Document, Figure, Paragraph, Section, named
from regraft.reports.references import ALPAYDIN, LECUN, TRANSFER
from regraft.studies.digit_networks import DROPOUT, LEARNING_RATE
from regraft.studies.digits_study import WAYS
from regraft.studies.folder import StudyFolder

_SETS = {
    "digits": ("digits", "the Optical Recognition of Handwritten Digits, as far as scikit-learn has them", ALPAYDIN),
    "mnist": ("MNIST", "those of MNIST", LECUN),
}
_MONITORING = "These accuracies are of the test images and for monitoring only: nothing was chosen by them."
_ALL_TESTED = "All accuracies here are on test images, which no network was trained on and by which nothing was chosen."
_BOTH = (False, True)


def digits_document(study: StudyFolder) -> Document:
    """Gathers the whole report from the study folder.

    Raises:
        InputError: runs are missing.
    """
    found = gather_digits(study)
    return Document(
        title="Transfer from the digits 0 to 5 to the digits 6 to 9",
        subtitle=f"A small convolutional network on {_set_name(found, plain=True)}, from "
        f"{found.images(found.proportions[0]):,} training images on",
        byline=byline(study),
        abstract=short.summary(found),
        sections=(
            Section("Question", _question()),
            Section("What was done", _done(found)),
            Section("Two tasks", _tasks(found), level=2),
            Section("The network and the ways to train it", _network(found), level=2),
            Section("Effort and measurement", _effort(found), level=2),
            Section("Results", (Paragraph(_ALL_TESTED),)),
            Section("Accuracies after the last image", _accuracies(found), level=2),
            *([Section("Runs apart", _runs(found), level=2)] if found.repeated else []),
            Section("Progress during learning", _progress(found), level=2),
            Section("Time", _times(found), level=2),
            *_discussion(found),
            Section("Limits", (Bullets(short.limits(found)),)),
            Section("How to run this again", _reproduce(study, found)),
        ),
        references=(TRANSFER, LECUN, ALPAYDIN, SRIVASTAVA, KINGMA),
        warnings=tuple(filter(None, (short.quick_warning(found),))),
    )


def _set_name(found: DigitsFound, *, plain: bool = False) -> str:
    """The name of the images, with a citation where they are a known set and not `plain`."""
    known = _SETS.get(str(found.settings.get("images")))
    if known is None:
        name = found.facts["collection"]["name"]
        return shown(str(name)) if plain else named(name)
    name, long, paper = known
    return name if plain else f"{long} [[cite:{paper.key}]]"


def _question() -> tuple[Block, ...]:
    return (
        Paragraph(
            "The first layers of a network learn what serves more than the task they were trained on "
            "[[cite:yosinski2014]]. Whether that helps with a new task depends on how many images this has, and only "
            "the same network trained from scratch on the same images can tell. This study asks:"
        ),
        Bullets(
            (
                "Where does transfer win over training from scratch, and by how much?",
                "From which number of images on does it no longer matter?",
                "Is it better to keep the convolutions of the source network fixed, or to train them on?",
                "What does dropout change?",
            )
        ),
    )


def _done(found: DigitsFound) -> tuple[Block, ...]:
    return (
        Paragraph(
            "A source network learns the source task. What it has learnt is given to networks of the target task in "
            "two ways, and a third has nothing of it; all are trained on the same images, with and without dropout, "
            f"{'once' if len(found.repeats) == 1 else f'in {number(len(found.repeats))} runs'} each."
        ),
    )


def _tasks(found: DigitsFound) -> tuple[Block, ...]:
    collection = found.facts["collection"]
    height, width = collection["size"]
    return (
        Paragraph(
            f"The images are {_set_name(found)}: {count(collection['images'], 'handwritten digit')} in grey, of "
            f"{height} × {width} pixels. The source task is to tell 0 to 5 apart, the target task 6 to 9 ([[tasks]]). "
            "Test images are those that the set names; where it names none, a fifth of all, by the hash of their "
            "content. No network was trained on them."
        ),
        tables.task_table(found),
        Paragraph(
            "Of the target task’s training images, a proportion P is used, each class with nearly its share, in whole "
            "batches. Every run draws its own; within a run, the images of a smaller P are among those of every larger "
            "one, and all ways are given the same images in the same batches, so that they can be compared in pairs."
        ),
    )


def _network(found: DigitsFound) -> tuple[Block, ...]:
    outputs = [number(len(found.facts["collection"][task]["classes"])) for task in ("source", "target")]
    return (
        Paragraph(
            f"[[network]] shows the network, the same for both tasks but for its {outputs[0]} or {outputs[1]} outputs. "
            "The target task is learnt in three ways, each with and without dropout:"
        ),
        Bullets(
            (
                "from scratch: all layers start from random weights;",
                "convolutions fixed: both convolutions are those of the source network and stay as they are, and the "
                "fully connected layers start anew; as nothing before these changes, the features that the "
                "convolutions give are computed once for every image;",
                "trained throughout: all layers but the last start from the source network, and all are trained.",
            )
        ),
        tables.network_table(found),
        Paragraph(
            f"Dropout [[cite:srivastava2014]] of {DROPOUT:g} acts on the inputs of both fully connected layers, in the "
            "source network too: what is learnt with dropout starts from a source network trained with it. All "
            f"trainings use Adam [[cite:kingma2015]] with a learning rate of {LEARNING_RATE:g} on the cross-entropy, "
            f"in batches of {count(int(found.plan['batch_size']), 'image')}."
        ),
    )


def _effort(found: DigitsFound) -> tuple[Block, ...]:
    runs = len(found.repeats)
    return (
        Paragraph(
            f"Every setting is trained {'once' if runs == 1 else f'{number(runs)} times'}, for a number of images that "
            "was fixed beforehand ([[effort]]); nothing stops a training earlier. After every "
            f"{count(int(found.plan['every']), 'image')} processed, the accuracy on the test images is recorded, for "
            "monitoring only: no stopping point and no setting was chosen by it. The accuracy reported for a training "
            "is that after its last image."
        ),
        tables.effort_table(found),
    )


def _accuracies(found: DigitsFound) -> tuple[Block, ...]:
    runs = len(found.repeats)
    seen = " Small dots are single runs, bands reach from the lowest to the highest." if runs > 1 else ""
    line = f"Lines join the means of {runs} runs." if runs > 1 else "Every point is a single run."
    return (
        Paragraph("[[accuracies]] and [[by-images]] show the target task, [[sources]] the source networks."),
        tables.accuracy_table(found),
        _figure(
            "by-images",
            f"Accuracy on the target task by number of training images, on scales logarithmic in images and in the "
            f"error. {line}{seen}",
            by_images(found),
        ),
        tables.source_table(found),
    )


def _runs(found: DigitsFound) -> tuple[Block, ...]:
    runs = len(found.repeats)
    if runs >= BOXES_FROM:
        halves = " (halfway between two runs)" if runs == 3 else ""
        what = (
            f"Boxes reach from the lower to the upper quartile{halves}, with a bar at the median, and thin lines from "
            "the lowest to the highest run. Dots are single runs."
        )
    else:
        what = "Dots are single runs, bars their mean." if runs > 1 else "One run each."
    return (
        Paragraph("[[runs]] shows how far the runs of a setting lie apart; every panel has its own scale."),
        _figure(
            "runs", f"Accuracy on the test images after the last image, for every way and P. {what}", over_runs(found)
        ),
    )


def _progress(found: DigitsFound) -> tuple[Block, ...]:
    mean = f"Mean accuracy of {len(found.repeats)} runs" if found.repeated else "Accuracy of one run each"
    points = max(found.measurements(proportion) for proportion in found.proportions)
    few = " Where there are many measurements, a point is the mean of some that follow each other."
    return (
        Paragraph(
            f"[[progress]] shows how the accuracy rises during learning. {_MONITORING} {short.early_words(found)}"
        ),
        _figure(
            "progress",
            f"{mean} against images processed, on a scale logarithmic in the error; dashed with dropout. {_MONITORING}"
            f"{few if points > MOST_POINTS else ''}",
            during_learning(found),
        ),
    )


def _times(found: DigitsFound) -> tuple[Block, ...]:
    return (
        Paragraph(f"[[times]] shows what the trainings took. {short.time_words(found)}"),
        tables.time_table(found),
    )


def _discussion(found: DigitsFound) -> tuple[Section, ...]:
    if found.repeated:
        method = (
            "[[gains]] holds the differences between the ways, over runs paired by their images, and [[dropout]] those "
            f"that dropout makes. Brackets hold 95{THIN}% intervals (t distribution, "
            f"{len(found.repeats) - 1} degree{'s' if len(found.repeats) > 2 else ''} of freedom); a difference counts "
            "as shown where the interval leaves out 0."
        )
    else:
        method = (
            "[[gains]] holds the differences between the ways and [[dropout]] those that dropout makes, each from one "
            "run. How much of them is chance cannot be said: no difference here is shown."
        )
    parts: tuple[tuple[str, tuple[Block, ...]], ...] = (
        ("Where does transfer win, and by how much?", tuple(Paragraph(words.gain_words(found, d)) for d in _BOTH)),
        (
            "From which P on does it no longer matter?",
            (Paragraph(" ".join(words.threshold_words(found, dropout) for dropout in _BOTH)),),
        ),
        (
            "Which way of transfer is better?",
            (
                Paragraph(" ".join(words.between_words(found, dropout) for dropout in _BOTH)),
                Bullets(words.best_words(found)),
            ),
        ),
        ("Is there negative transfer?", (Paragraph(words.negative_words(found)),)),
        (
            "What does dropout change?",
            (tables.dropout_table(found), Paragraph(" ".join(words.dropout_words(found, way) for way in WAYS))),
        ),
        ("What is reached with all images?", (Paragraph(short.goal_words(found)),)),
    )
    return (
        Section("Discussion", (Paragraph(method), tables.gain_table(found))),
        *(Section(title, blocks, level=2) for title, blocks in parts),
    )


def _reproduce(study: StudyFolder, found: DigitsFound) -> tuple[Block, ...]:
    environment, seconds = found.facts["environment"], found.facts["seconds"]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    time = duration(seconds["total"] - seconds.get("report", 0.0))
    sessions = ", of all its sessions together" if found.facts.get("resumed") else ""
    return (
        Paragraph(
            "The command below, with the same images, versions and machine, trains the same networks again. --seeds N "
            "makes N runs of each setting, --seed N begins with other draws, weights and batches, --quick makes one "
            "short run of each. The folder of the study holds every run in runs.jsonl and the source networks in "
            "sources/."
        ),
        Code(_command(found)),
        Bullets(
            (
                f"Python {environment['python']}; {packages}.",
                f"{named(environment['processor'])}, {count(environment['cores'], 'core')}; "
                f"{named(environment['platform'])}.",
                f"Time: {time}{sessions}, without this report.",
            )
        ),
    )


def _command(found: DigitsFound) -> str:
    """The command that began the study, or the one that does what a script or a resumed study did."""
    environment, settings = found.facts["environment"], found.settings
    given = environment.get("command", [])
    if given[:2] == ["regraft", "study"] and "--resume" not in given:
        return facts.command_line(environment)
    images = str(settings["images"])
    command = ["regraft", "study", images if images in _SETS else "digits"]
    if images not in _SETS:
        command += ["--images", images]
    for name in ("path", "seed", "seeds"):
        if settings.get(name):
            command += [f"--{name}", str(settings[name])]
    return shlex.join(command + ["--quick"] * bool(settings.get("quick")))


def _figure(label: str, caption: str, made: Drawn) -> Figure:
    return Figure(label, caption, made.svg, made.description, made.width)
