"""The report of the flower study: an assignment on transfer learning, answered from the study folder."""

from __future__ import annotations

from typing import Any

from regraft.reports import comparison_words as words
from regraft.reports import flower_experiments as experiments
from regraft.reports._comparison_phrases import number
from regraft.reports._study_parts import (
    SHARED_REFERENCES,
    byline,
    cited,
    example_pictures,
    recommended_blocks,
    reproduce_blocks,
    split_paragraph,
    split_table,
)
from regraft.reports._words import THIN, count, percent, shown
from regraft.reports.diagram import cut_diagram
from regraft.reports.document import Block, Bullets, Code, Details, Document, Figure, Paragraph, Section, literal, named
from regraft.reports.flower_discussion import discussion, limits, quick_warning
from regraft.reports.flower_words import scaling_sentence, speed_sentence
from regraft.reports.grid_document import RELIABILITY, reliability_figure
from regraft.reports.references import TRANSFER, backbone_paper
from regraft.runs.folder import RunFolder
from regraft.studies.folder import StudyFolder


def flower_document(folder: StudyFolder) -> Document:
    """Gathers the whole report from the study folder."""
    found = experiments.gather(folder)
    facts = folder.facts()
    name, backbone = facts["collection"]["name"], facts["backbone"]["name"]
    classes = len(facts["collection"]["classes"])
    paper = backbone_paper(backbone)
    return Document(
        title=f"Transfer learning on {number(classes)} kinds of flowers",
        subtitle=f"Learning rate, momentum and cached features with {shown(backbone)} on {shown(name)}",
        byline=byline(folder),
        abstract=_abstract(folder, found),
        sections=(
            Section("Question", _question(found)),
            Section("Data and split", _data(folder, found)),
            Section("Method", _method(folder, found)),
            Section("Experiments", ()),
            Section("A first training", experiments.first_blocks(found), level=2),
            Section("The learning rate", experiments.rate_blocks(found), level=2),
            Section("The momentum", experiments.momentum_blocks(found), level=2),
            Section("Standard and accelerated training", experiments.agreement_blocks(found, facts), level=2),
            Section("The whole grid", experiments.grid_blocks(found), level=2),
            Section("The scaling of the inputs", experiments.scaling_blocks(found, facts), level=2),
            Section("Discussion", tuple(Paragraph(text) for text in discussion(found))),
            Section("Recommendation", _recommendation(folder, found)),
            Section("Limits", (Bullets(limits(found)),)),
            Section("How to reproduce", (*reproduce_blocks(folder), *_summaries(folder))),
        ),
        references=(*SHARED_REFERENCES, TRANSFER, *([paper] if paper else [])),
        warnings=_warnings(facts, found),
    )


def _abstract(folder: StudyFolder, found: experiments.Found) -> str:
    whole = found.whole
    sentences = [
        "A network trained on ImageNet was given a new last layer, and only that layer was trained, to tell "
        f"{number(len(folder.facts()['collection']['classes']))} kinds of flowers apart. "
        f"In {count(len(found.grid.repetitions), 'repetition')}, {count(len(found.grid.settings), 'combination')} of "
        "learning "
        "rate and momentum were compared."
    ]
    if whole.best is None:
        sentences.append("All of them diverged, so none can be recommended.")
    else:
        best = whole.verdicts[whole.best]
        ties = len(whole.ties)
        others = f"; for {ties} others no difference from it was found" if ties > 1 else ""
        sentences.append(
            f"The highest mean validation accuracy, {percent(best.mean)}, was reached with {named(best.label)}{others}."
        )
    run = folder.recommended
    if (run.path / "metrics.json").is_file():
        test = run.metrics()["test"]
        low, high = test["accuracy_interval"]
        sentences.append(
            f"On {count(test['images'], 'test image')} that took part in no choice, this setting reaches "
            f"{percent(test['accuracy'])} (95{THIN}% interval {percent(low)} to {percent(high)})."
        )
    sentences += [scaling_sentence(found), speed_sentence(found)]
    return " ".join(filter(None, sentences))


def _question(found: experiments.Found) -> tuple[Block, ...]:
    return (
        Paragraph(
            "Transfer learning re-uses what a network has learnt on one task for another [[cite:yosinski2014]]. Here "
            "the "
            "frozen part of the network serves as it is, and the question is how its new last layer is best trained by "
            "stochastic gradient descent. In particular:"
        ),
        Bullets(
            (
                "Which learning rate is best, over three orders of magnitude, and does momentum improve on it?",
                "Does training on features that were computed once give the same result as training through the whole "
                "network, and how much time does it save?",
                "What does it cost to scale the inputs otherwise than the network was trained on?",
            )
        ),
    )


def _data(folder: StudyFolder, found: experiments.Found) -> tuple[Block, ...]:
    facts = folder.facts()
    study, _ = folder.grid("grid")
    run = RunFolder(found.grid.runs[0][0])
    pictures = example_pictures(study, run, per_class=2)
    collection = facts["collection"]
    skipped = f" {count(collection['skipped'], 'file')} could not be used." if collection["skipped"] else ""
    shows = " and [[examples]] shows some of them" if pictures else ""
    blocks: list[Block] = [
        Paragraph(
            f"The data set, {named(collection['name'])}, holds {count(collection['images'], 'photograph')} of "
            f"{number(len(collection['classes']))} kinds of flowers.{skipped} [[images]] gives their numbers{shows}."
        ),
        split_table(run, "Images by class and split, in the first repetition."),
    ]
    if pictures:
        blocks.append(pictures)
    blocks.append(split_paragraph(study, found.grid))
    return tuple(blocks)


def _method(folder: StudyFolder, found: experiments.Found) -> tuple[Block, ...]:
    facts = folder.facts()
    parameters, backbone, features = facts["parameters"], facts["backbone"], facts["features"]
    name = named(backbone["name"])
    paper = backbone_paper(backbone["name"])
    reference = f" [[cite:{paper.key}]]" if paper else ""
    height, width = backbone["size"]
    drawn = cut_diagram(
        backbone["name"],
        height,
        features["width"],
        parameters["outputs_after"],
        frozen=parameters["after"] - parameters["trainable"],
        trainable=parameters["trainable"],
    )
    return (
        Paragraph(
            f"{name}{reference} with ImageNet weights takes pictures of {height} × {width} pixels. As it comes, it "
            "ends in "
            f"{parameters['outputs_before']:,} ImageNet classes and has {parameters['before']:,} parameters. Its last "
            "layer "
            f"was replaced by a Dense layer with {parameters['outputs_after']} softmax outputs: the new network has "
            f"{parameters['after']:,} parameters, of which only the {parameters['trainable']:,} of the new layer are "
            "trained "
            "([[cut]]). The frozen part is called F, the trained part N, and what users call a model is N(F(x)). As F "
            "never "
            "changes, F(x) can be computed once for every image, which gives the accelerated sets {(F(x), t)}: "
            f"{features['images']:,} vectors of {features['width']:,} numbers, {_megabytes(features['bytes'])} in all."
        ),
        Figure(
            "cut",
            "The network cut in two: F is frozen and applied once, N is trained many times.",
            drawn.svg,
            drawn.description,
            drawn.width,
        ),
        Paragraph(
            "N is trained by stochastic gradient descent on the cross-entropy, in batches of 32, with momentum in the "
            "form "
            f"{_formula('v ← m·v − r·g')}, {_formula('w ← w + v')}, where r is the learning rate, m the momentum and "
            "g the gradient "
            "[[cite:sutskever2013]]; Nesterov’s form is not used. The initial weights are Glorot-uniform "
            "[[cite:glorot2010]], the biases zero. A training is measured on the validation images after every epoch, "
            "and "
            "stands for its setting at the epoch with the lowest validation loss."
        ),
        Paragraph(cited(words.test_note(found.whole))),
    )


def _formula(text: str) -> str:
    """A formula that is never broken at the end of a line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}{THIN}MB"


def _recommendation(folder: StudyFolder, found: experiments.Found) -> tuple[Block, ...]:
    blocks: list[Block] = [Paragraph(literal(words.recommendation(found.whole, subject="combination")), strong=True)]
    if (folder.recommended.path / "metrics.json").is_file():
        blocks += recommended_blocks(folder.recommended)
    if drawn := reliability_figure(found.whole):
        blocks[1:1] = [Paragraph(RELIABILITY), drawn]
    return tuple(blocks)


def _summaries(folder: StudyFolder) -> tuple[Block, ...]:
    found = []
    for name, title in (
        ("before", "Summary of the network as it comes"),
        ("after", "Summary of the network with the new layer"),
    ):
        file = folder.path / f"summary_{name}.txt"
        if file.is_file():
            found.append(Details(title, (Code(file.read_text(encoding="utf-8").rstrip()),)))
    if not found:
        return ()
    text = "Keras’ summaries of both networks are in summary_before.txt and summary_after.txt."
    return (Paragraph(text), *found)


def _warnings(facts: dict[str, Any], found: experiments.Found) -> tuple[str, ...]:
    warnings = []
    if fallback := facts.get("fallback"):
        warnings.append(
            f"The weights of {named(fallback['wanted'])} could not be had, so {named(facts['backbone']['name'])}, "
            "which comes "
            f"with regraft, takes its place: {named(fallback['reason'])}"
        )
    if quick := quick_warning(found):
        warnings.append(quick)
    diverged = int(found.grid.diverged.sum())
    if diverged:
        warnings.append(f"{count(diverged, 'training')} of {found.grid.diverged.size:,} diverged.")
    return tuple(warnings)
