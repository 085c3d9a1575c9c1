"""The report of the flower study: an assignment on transfer learning, answered from the study folder."""

from __future__ import annotations

from typing import Any

from regraft.reports import comparison_words as words
from regraft.reports import flower_experiments as experiments
from regraft.reports._comparison_phrases import MAJORITY, number
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
from regraft.reports._study_results import RELIABILITY, divergence_warning, edge_remarks, reliability_figure
from regraft.reports._words import THIN, count, percent, shown
from regraft.reports.diagram import cut_diagram
from regraft.reports.document import Block, Bullets, Code, Details, Document, Figure, Paragraph, Section, literal, named
from regraft.reports.flower_discussion import discussion, limits, quick_warning
from regraft.reports.flower_scaling_words import scaling_sentence
from regraft.reports.flower_words import speed_sentence
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
    facts, whole = folder.facts(), found.whole
    combinations, repetitions = len(found.grid.settings), len(found.grid.repetitions)
    sentences = [
        "A network trained on ImageNet was given a new last layer, and only that layer was trained, to tell "
        f"{number(len(facts['collection']['classes']))} kinds of flowers apart. "
        f"In {number(repetitions)} repetition{'s' if repetitions > 1 else ''}, {number(combinations)} combinations of "
        "learning rate and momentum were compared."
    ]
    if whole.best is None:
        sentences.append("All of them diverged, so none can be recommended.")
    else:
        best = whole.verdicts[whole.best]
        mean = "mean validation accuracy" if repetitions > 1 else "validation accuracy"
        ties = len(whole.ties) if whole.testable else 0
        others = f"; for {number(ties)} other{'s' if ties > 1 else ''} no difference from it was found" if ties else ""
        doubt = "" if whole.learned else f"; it was not shown to do better than {MAJORITY}"
        sentences.append(
            f"The highest {mean}, {percent(best.mean)}, was reached with {quoted(best.label)}{doubt or others}."
        )
    run = folder.recommended
    if (run.path / "metrics.json").is_file():
        test = run.metrics()["test"]
        low, high = test["accuracy_interval"]
        sentences.append(
            f"On {count(test['images'], 'test image')} that took part in no choice, this setting reaches "
            f"{percent(test['accuracy'])} (95{THIN}% interval {percent(low)} to {percent(high)})."
        )
    sentences += [scaling_sentence(found), speed_sentence(found, facts["features"])]
    return " ".join(filter(None, sentences))


def _question(found: experiments.Found) -> tuple[Block, ...]:
    rates = found.rates.axes["head.learning_rate"]
    return (
        Paragraph(
            "Transfer learning re-uses what a network has learnt on one task for another [[cite:yosinski2014]]. Here "
            "the frozen part of the network serves as it is, and the question is how its new last layer is best "
            "trained by stochastic gradient descent. In particular:"
        ),
        Bullets(
            (
                f"Which learning rate is best, from {min(rates):g} to {max(rates):g}, over three orders of magnitude, "
                "and does momentum improve on it?",
                "Does training on features that were computed once give the same result as training through the whole "
                "network, and how much time does it save?",
                "What does it cost to scale the inputs otherwise than the network was trained on?",
            )
        ),
    )


def _data(folder: StudyFolder, found: experiments.Found) -> tuple[Block, ...]:
    collection = folder.facts()["collection"]
    study, _ = folder.grid("grid")
    run = RunFolder(found.grid.runs[0][0])
    images = images_at_hand(study)
    pictures = example_pictures(images, run)
    skipped = f" {count(collection['skipped'], 'further file')} could not be used." if collection["skipped"] else ""
    shows = ", and [[examples]] shows some of them" if pictures else ""
    blocks: list[Block] = [
        Paragraph(
            f"The data set, {named(collection['name'])}, holds {count(collection['images'], 'photograph')} of "
            f"{number(len(collection['classes']))} kinds of flowers.{skipped} [[images]] gives their numbers{shows}."
        ),
        split_table(run, "Images by class and split, in the first repetition."),
    ]
    if pictures:
        blocks.append(pictures)
    return (*blocks, split_paragraph(study, found.grid, images))


def _method(folder: StudyFolder, found: experiments.Found) -> tuple[Block, ...]:
    facts = folder.facts()
    parameters, backbone, features = facts["parameters"], facts["backbone"], facts["features"]
    paper = backbone_paper(backbone["name"])
    name = named(backbone["name"]) + (f" [[cite:{paper.key}]]" if paper else "")
    height, width = backbone["size"]
    drawn = cut_diagram(
        backbone["name"],
        (height, width),
        features["width"],
        parameters["outputs_after"],
        frozen=parameters["after"] - parameters["trainable"],
        trainable=parameters["trainable"],
    )
    return (
        Paragraph(
            f"{name} with ImageNet weights takes pictures of {height} × {width} pixels. As it comes, it ends in "
            f"{parameters['outputs_before']:,} ImageNet classes and has {parameters['before']:,} parameters. Its last "
            f"layer was replaced by a Dense layer with {parameters['outputs_after']} softmax outputs: the new network "
            f"has {parameters['after']:,} parameters, of which only the {parameters['trainable']:,} of the new layer "
            "are trained ([[cut]]). The frozen part is called F, the trained part N, and the whole classifier is "
            "N(F(x)). As F never changes, F(x) can be computed once for every image, which gives the accelerated sets "
            f"{{(F(x), t)}}: {features['images']:,} vectors of {features['width']:,} numbers, "
            f"{features['bytes'] / 1e6:.1f}{THIN}MB in all."
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
            f"form {_formula('v ← m·v − r·g')}, {_formula('w ← w + v')}, where r is the learning rate, m the momentum "
            "and g the gradient [[cite:sutskever2013]]; Nesterov’s form is not used. The initial weights are "
            "Glorot-uniform [[cite:glorot2010]], the biases zero. A training is measured on the validation images "
            "after every epoch, and stands for its setting at the epoch with the lowest validation loss."
        ),
        Paragraph(cited(words.test_note(found.whole))),
    )


def _formula(text: str) -> str:
    """A formula that is never broken at the end of a line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _recommendation(folder: StudyFolder, found: experiments.Found) -> tuple[Block, ...]:
    whole = found.whole
    text = [literal(words.recommendation(whole, subject="combination")), edge_remarks(found.grid, whole)]
    blocks: list[Block] = [Paragraph(" ".join(filter(None, text)), strong=True)]
    if drawn := reliability_figure(whole):
        blocks += [Paragraph(RELIABILITY), drawn]
    if (folder.recommended.path / "metrics.json").is_file():
        firm = whole.learned and whole.testable
        blocks += recommended_blocks(folder.recommended, f"the {'recommended' if firm else 'best'} combination")
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
    fallback = facts.get("fallback")
    other = (
        f"{named(fallback['wanted'])} could not be had, so {named(facts['backbone']['name'])}, which comes with "
        f"regraft, takes its place: {named(fallback['reason'].rstrip('.'))}."
        if fallback
        else ""
    )
    return tuple(filter(None, (other, quick_warning(found), divergence_warning(found.grid))))
