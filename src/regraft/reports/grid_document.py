"""The report of a study that a user declared: which setting is best, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from regraft.reports import comparison_words as words
from regraft.reports._comparison_phrases import number, sentence_count
from regraft.reports._head_words import head_sentences, one_hidden_shape
from regraft.reports._reproduction import byline, reproduce_blocks
from regraft.reports._study_parts import (
    SHARED_REFERENCES,
    cited,
    example_pictures,
    images_at_hand,
    recommended_blocks,
    split_paragraph,
    split_table,
)
from regraft.reports._study_results import (
    RELIABILITY,
    divergence_warning,
    edge_remarks,
    limits,
    ranked,
    reliability_figure,
    settings_table,
)
from regraft.reports._words import THIN, count, listing, percent, shown
from regraft.reports.comparison_figures import box_plots, means_with_intervals
from regraft.reports.curve_figures import band_words, panels
from regraft.reports.diagram import cut_diagram
from regraft.reports.document import Block, Bullets, Document, Figure, Paragraph, Section, literal, named
from regraft.reports.heat_figure import heat_map
from regraft.reports.references import backbone_paper
from regraft.runs.folder import RunFolder
from regraft.studies.axes import axis_title, value_text
from regraft.studies.conclusions import Conclusion, axis_effects, conclude
from regraft.studies.declaration import Study
from regraft.studies.folder import StudyFolder
from regraft.studies.results import Results

_MOST_CURVES = 6
_MOST_BOXES = 12


def grid_document(folder: StudyFolder) -> Document:
    """Gathers the whole report from the study folder."""
    study, _ = folder.grid("grid")
    results = folder.results("grid")
    conclusion = conclude(results, seed=study.seed)
    first = RunFolder(results.runs[0][0])
    papers = [paper for name in _backbones(study, first) if (paper := backbone_paper(name))]
    return Document(
        title=shown(study.name),
        subtitle=_subtitle(study, results, first),
        byline=byline(folder),
        abstract=_abstract(folder, results, conclusion),
        sections=(
            Section("Question", (Paragraph(_question(study)), _axes_list(study))),
            Section("Data and split", _data(study, results, first)),
            Section("Method", _method(study, results, conclusion, first)),
            Section("Results", _results(results, conclusion)),
            *_effect_sections(results, conclusion),
            Section("Recommendation", _recommendation(folder, results, conclusion)),
            Section("Limits", (Bullets(limits(results.axes, results, conclusion)),)),
            Section("How to reproduce", reproduce_blocks(folder)),
        ),
        references=(*SHARED_REFERENCES, *dict.fromkeys(papers)),
        warnings=tuple(filter(None, (divergence_warning(results),))),
    )


def _backbones(study: Study, first: RunFolder) -> list[str]:
    """The names of the networks, in the order they were declared."""
    varied = study.axes.get("backbone.name")
    return [str(name) for name in varied] if varied else [str(first.metrics()["backbone"]["name"])]


def _subtitle(study: Study, results: Results, first: RunFolder) -> str:
    images = "images.source" not in study.axes and first.metrics()["collection"]["name"]
    parts = [count(len(results.settings), "setting"), count(len(results.repetitions), "repetition")]
    return ", ".join([*parts, *([shown(images)] if images else [])])


def _question(study: Study) -> str:
    asked = named(study.question.strip())
    if asked or len(study.settings) == 1:
        return asked or "How well does one setting classify images, and how much does that vary?"
    return "Which of the settings below classifies images best, and which differences are more than chance?"


def _axes_list(study: Study) -> Bullets:
    items = [
        f"{axis_title(axis)}: {', '.join(named(value_text(value)) for value in values)}"
        for axis, values in study.axes.items()
    ]
    return Bullets(tuple(items) or ("Nothing varies: the study repeats one setting.",))


def _abstract(folder: StudyFolder, results: Results, conclusion: Conclusion) -> str:
    settings, repetitions = len(results.settings), len(results.repetitions)
    times = f"{number(repetitions)} repetitions" if repetitions > 1 else "a single repetition"
    sentences = [
        f"{sentence_count(settings, 'setting')} were compared on validation images in {times} "
        f"({count(results.accuracy.size, 'training')})."
        if settings > 1
        else f"One setting was trained in {times}.",
        literal(words.finding(conclusion)),
    ]
    run = folder.recommended
    if (run.path / "metrics.json").is_file():
        measured = run.metrics()["test"]
        low, high = measured["accuracy_interval"]
        which = "the best setting" if settings > 1 else "it"
        sentences.append(
            f"On {count(measured['images'], 'test image')} that took part in no choice, {which} reaches "
            f"{percent(measured['accuracy'])} (95{THIN}% interval {percent(low)} to {percent(high)})."
        )
    return " ".join(sentences)


def _data(study: Study, results: Results, first: RunFolder) -> tuple[Block, ...]:
    images = images_at_hand(study)
    pictures = example_pictures(images, first)
    more = ", and [[examples]] shows some of them." if pictures else "."
    blocks: list[Block] = [
        split_paragraph(study, results, images),
        Paragraph(f"[[images]] gives the images of one repetition by class{more}"),
        split_table(first, "Images by class and split, in the first repetition."),
    ]
    return (*blocks, pictures) if pictures else tuple(blocks)


def _method(study: Study, results: Results, conclusion: Conclusion, first: RunFolder) -> tuple[Block, ...]:
    names = _backbones(study, first)
    networks = listing([named(name) + (f" [[cite:{p.key}]]" if (p := backbone_paper(name)) else "") for name in names])
    configs = [study.config(setting.values) for setting in study.settings]
    heads = [head for config in configs for head in config.head_settings()]
    shape = one_hidden_shape(heads)
    single = len(names) == 1 and "images.source" not in study.axes and shape is not None
    place = "before its last layer" + (" ([[cut]])" if single else "")
    several = (
        " Where a setting leaves several heads to choose from, the lowest validation loss chose among them."
        if any(len(config.head_settings()) > 1 for config in configs)
        else ""
    )
    cut = f"The pretrained network, {networks}, was" if len(names) == 1 else f"The networks {networks} were each"
    blocks: list[Block] = [
        Paragraph(
            f"{cut} cut in two {place}: a frozen part F and a trained part N, so that the classifier is N(F(x)). "
            f"{_trained(study, results)} {head_sentences([c.head for c in configs], heads)} "
            f"It is measured at the epoch with the lowest validation loss.{several}"
        ),
        Paragraph(cited(words.test_note(conclusion))),
    ]
    if single:
        blocks.insert(1, _cut(names[0], first.metrics(), study, shape or ()))
    return tuple(blocks)


def _trained(study: Study, results: Results) -> str:
    """How F and N met: on cached features, through Keras, or in both ways."""
    epochs = count(results.curves["loss"].shape[-1], "epoch")
    epochs = f"up to {epochs}" if "head.epochs" in study.axes else epochs
    ways = study.axes.get("head.standard", (bool(study.head.get("standard")),))
    cached = "F was applied to every image once, and N was trained on the cached features F(x)"
    standard = "N was trained through Keras, with F(x) computed anew in every epoch"
    if len(set(ways)) > 1:
        return f"In standard training, {standard}; otherwise {cached}, in both cases for {epochs}."
    return f"{standard if ways[0] else cached} for {epochs}."


def _cut(name: str, metrics: dict[str, Any], study: Study, hidden: tuple[int, ...]) -> Figure:
    backbone = metrics["backbone"]
    height, width = backbone["size"]
    drawn = cut_diagram(
        name,
        (height, width),
        backbone["features"],
        len(metrics["collection"]["classes"]),
        hidden=hidden[0] if hidden else None,
        activation="sigmoid" if study.head.get("activation") == "sigmoid" else "softmax",
    )
    caption = "The network cut in two: F is frozen, N is trained for every setting and repetition."
    return Figure("cut", caption, drawn.svg, drawn.description, drawn.width)


def _results(results: Results, conclusion: Conclusion) -> tuple[Block, ...]:
    order = ranked(conclusion)
    blocks: list[Block] = [settings_table("settings", conclusion, order)]
    text = ["[[settings]] lists the settings" if len(order) > 1 else "[[settings]] gives the numbers"]
    repeated = len(results.repetitions) > 1
    boxed = order[:_MOST_BOXES]
    if drawn := box_plots(results.select(boxed)):
        where = "in every repetition" if repeated else "of each setting"
        caption = f"Validation accuracy {where}{_first_of(boxed, order)}."
        blocks.append(Figure("boxes", caption, drawn.svg, drawn.description, drawn.width))
        text.append(f"[[boxes]] shows {'how far the repetitions scatter' if repeated else 'the accuracies'}")
    drawn_rows = [row for row in order if not results.diverged[row].any()][:_MOST_CURVES]
    if len(results.settings) <= _MOST_CURVES:
        drawn_rows = list(range(len(results.settings)))
    if drawn_rows and (drawn := panels(results.select(drawn_rows), ("val_error", "val_loss"))):
        caption = (
            f"Error and loss on the validation images against epochs{_first_of(drawn_rows, order)}. "
            f"{band_words(len(results.repetitions))}"
        )
        blocks.append(Figure("curves", caption, drawn.svg, drawn.description, drawn.width))
        text.append("[[curves]] shows the learning curves")
    finding = Paragraph(literal(words.finding(conclusion)), strong=True)
    return (finding, Paragraph(f"{listing(text)}."), *blocks)


def _first_of(rows: Sequence[int], order: Sequence[int]) -> str:
    """Which of the settings a figure shows: those at the head of the table."""
    if len(rows) == len(order):
        return ""
    return f", for the first {f'{number(len(rows))} settings' if len(rows) > 1 else 'setting'} of [[settings]]"


def _effect_sections(results: Results, conclusion: Conclusion) -> tuple[Section, ...]:
    varied = [axis for axis, values in results.axes.items() if len(values) > 1]
    if len(varied) < 2 or results.diverged.all():
        return ()
    figures = [_effect_figure(results, axis, f"effect-{place}") for place, axis in enumerate(varied, 1)]
    references = listing([f"[[{figure.label}]]" for figure in figures])
    blocks: list[Block] = [
        Paragraph(
            f"{references} compare the values of each axis, averaged over all values of the other axes. Such an "
            "average is lowered by every bad combination, so it says how forgiving a value is, not how good it can be."
        ),
        *figures,
    ]
    if drawn := heat_map(results, varied[0], varied[1]):
        both = f"{axis_title(varied[0])} and {axis_title(varied[1])}"
        rest = " All other axes are averaged." if len(varied) > 2 else ""
        caption = f"Mean validation accuracy by {both}.{rest}"
        blocks.insert(1, Paragraph(f"[[heat]] shows how {both} act together."))
        blocks.append(Figure("heat", caption, drawn.svg, drawn.description, drawn.width))
    return (Section("The axes one by one", tuple(blocks)),)


def _effect_figure(results: Results, axis: str, label: str) -> Figure:
    effects = axis_effects(results, axis)
    known = results.baseline[np.isfinite(results.baseline)]
    drawn = means_with_intervals(
        [value_text(effect.value) for effect in effects],
        [effect.mean for effect in effects],
        [effect.low for effect in effects],
        [effect.high for effect in effects],
        float(known.mean()) if known.size else None,
        varied=axis_title(axis),
    )
    assert drawn is not None  # an axis has values
    intervals = f", with 95{THIN}% intervals" if len(results.repetitions) > 1 else ""
    left_out = sum(effect.diverged for effect in effects)
    without = f"; {count(left_out, 'training')} that diverged left out" if left_out else ""
    caption = f"Mean validation accuracy by {axis_title(axis)}{intervals}{without}."
    return Figure(label, caption, drawn.svg, drawn.description, drawn.width)


def _recommendation(folder: StudyFolder, results: Results, conclusion: Conclusion) -> tuple[Block, ...]:
    text = [literal(words.recommendation(conclusion)), edge_remarks(results, conclusion)]
    blocks: list[Block] = [Paragraph(" ".join(filter(None, text)), strong=True)]
    if drawn := reliability_figure(conclusion):
        blocks += [Paragraph(RELIABILITY), drawn]
    if (folder.recommended.path / "metrics.json").is_file():
        subject = "the recommended setting" if conclusion.learned and conclusion.testable else "the best setting"
        blocks += recommended_blocks(folder.recommended, subject if len(results.settings) > 1 else "the setting")
    return tuple(blocks)
