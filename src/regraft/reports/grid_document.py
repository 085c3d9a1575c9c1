"""The report of a study that a user declared: which setting is best, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from regraft.reports import comparison_words as words
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
from regraft.reports._words import THIN, count, listing, percent, shown
from regraft.reports.comparison_figures import box_plots, means_with_intervals, reliability_of_choice
from regraft.reports.curve_figures import band_words, panels
from regraft.reports.document import Block, Bullets, Document, Figure, Paragraph, Section, Table, literal, named
from regraft.reports.heat_figure import heat_map
from regraft.reports.references import backbone_paper
from regraft.runs.folder import RunFolder
from regraft.studies.axes import axis_title, value_text
from regraft.studies.conclusions import Conclusion, at_edge, axis_effects, conclude
from regraft.studies.declaration import Study
from regraft.studies.folder import StudyFolder
from regraft.studies.results import Results

_MOST_ROWS = 16  # of the table of settings: the best ones
_MOST_CURVES = 6
_MOST_BOXES = 12


def grid_document(folder: StudyFolder) -> Document:
    """Gathers the whole report from the study folder."""
    study, _ = folder.grid("grid")
    results = folder.results("grid")
    conclusion = conclude(results, seed=study.seed)
    first = RunFolder(results.runs[0][0])
    backbone = str(first.metrics()["backbone"]["name"])
    paper = backbone_paper(backbone)
    return Document(
        title=shown(study.name),
        subtitle=_subtitle(study, results),
        byline=byline(folder),
        abstract=_abstract(folder, study, results, conclusion),
        sections=(
            Section("Question", (Paragraph(_question(study)), _axes_list(study))),
            Section("Data and split", _data(study, results, first)),
            Section("Method", _method(study, results, conclusion)),
            Section("Results", _results(results, conclusion)),
            *_effect_sections(results),
            Section("Recommendation", _recommendation(folder, results, conclusion)),
            Section("Limits", (Bullets(limits(results.axes, results, conclusion)),)),
            Section("How to reproduce", reproduce_blocks(folder)),
        ),
        references=(*SHARED_REFERENCES, *([paper] if paper else [])),
        warnings=_warnings(results),
    )


def _subtitle(study: Study, results: Results) -> str:
    return (
        f"{count(len(results.settings), 'setting')}, {count(len(results.repetitions), 'repetition')}, "
        f"{shown(value_text(study.images.get('source', '')).rstrip('/').rpartition('/')[2])}"
    )


def _question(study: Study) -> str:
    asked = named(study.question.strip())
    return asked or "Which of the settings below classifies images best, and which differences are more than chance?"


def _axes_list(study: Study) -> Bullets:
    items = [
        f"{axis_title(axis)}: {', '.join(named(value_text(value)) for value in values)}"
        for axis, values in study.axes.items()
    ]
    return Bullets(tuple(items) or ("nothing varies: the study repeats one setting",))


def _abstract(folder: StudyFolder, study: Study, results: Results, conclusion: Conclusion) -> str:
    cells = results.accuracy.size
    start = (
        f"{count(len(results.settings), 'setting')} were compared in {count(len(results.repetitions), 'repetition')} "
        f"({count(cells, 'training')}) on validation images. "
        if len(results.settings) > 1
        else f"One setting was trained in {count(len(results.repetitions), 'repetition')}. "
    )
    run = folder.recommended
    test = ""
    if (run.path / "metrics.json").is_file():
        measured = run.metrics()["test"]
        low, high = measured["accuracy_interval"]
        test = (
            f" On {count(measured['images'], 'test image')} that took part in no choice, the best setting reaches "
            f"{percent(measured['accuracy'])} (95{THIN}% interval {percent(low)} to {percent(high)})."
        )
    return f"{start}{literal(words.finding(conclusion))}{test}"


def _data(study: Study, results: Results, first: RunFolder) -> tuple[Block, ...]:
    pictures = example_pictures(study, first, per_class=2 if len(first.classes()) <= 5 else 1)
    blocks: list[Block] = [split_paragraph(study, results)]
    blocks.append(
        Paragraph(
            "[[images]] gives the images of one repetition by class"
            + (", [[examples]] shows some of them." if pictures else ".")
        )
    )
    blocks.append(split_table(first, "Images by class and split, in the first repetition."))
    if pictures:
        blocks.append(pictures)
    return tuple(blocks)


def _method(study: Study, results: Results, conclusion: Conclusion) -> tuple[Block, ...]:
    head = study.head
    epochs = results.curves["loss"].shape[-1]
    accelerated = (
        "The pretrained network is cut at its pooling layer. The frozen part F was applied to every image once; the "
        f"heads were trained on the cached features for {count(epochs, 'epoch')}, all those of a repetition at once."
        if not head.get("standard")
        else f"The heads were trained through Keras for {count(epochs, 'epoch')}, with F computed anew in every epoch."
    )
    several = (
        " Where a setting leaves several heads to choose from, the lowest validation loss chose among them."
        if any(len(set(row)) > 1 for row in results.chosen)
        else ""
    )
    return (
        Paragraph(
            f"{accelerated} Each head is a Dense layer trained by stochastic gradient descent with momentum "
            "[[cite:sutskever2013]] from Glorot-uniform initial weights [[cite:glorot2010]]. It is measured at the "
            "epoch "
            f"with the lowest validation loss.{several}"
        ),
        Paragraph(cited(words.test_note(conclusion))),
    )


def _results(results: Results, conclusion: Conclusion) -> tuple[Block, ...]:
    order = ranked(conclusion)
    blocks: list[Block] = [Paragraph(literal(words.finding(conclusion)), strong=True)]
    blocks.append(settings_table("settings", conclusion, order))
    shown_rows = order[:_MOST_BOXES]
    if drawn := box_plots(results.select(shown_rows)):
        blocks.append(
            Figure(
                "boxes",
                f"Validation accuracy in every repetition{_best_of(shown_rows, order)}.",
                drawn.svg,
                drawn.description,
                drawn.width,
            )
        )
    curves = [row for row in order if not results.diverged[row].any()][:_MOST_CURVES]
    if len(results.settings) <= _MOST_CURVES:
        curves = list(range(len(results.settings)))
    if curves and (drawn := panels(results.select(curves), ("val_error", "val_loss"))):
        blocks.append(
            Figure(
                "curves",
                f"Error and loss on the validation images against epochs{_best_of(curves, order)}. "
                f"{band_words(len(results.repetitions))}",
                drawn.svg,
                drawn.description,
                drawn.width,
            )
        )
    text = ["[[settings]] lists the settings"]
    labels = {block.label for block in blocks if isinstance(block, Figure)}
    if "boxes" in labels:
        text.append("[[boxes]] shows how far the repetitions scatter")
    if "curves" in labels:
        text.append("[[curves]] shows how the training went")
    blocks.insert(1, Paragraph(f"{listing(text)}."))
    return tuple(blocks)


def _best_of(rows: Sequence[int], order: Sequence[int]) -> str:
    return f", for the {len(rows)} best settings" if len(rows) < len(order) else ""


def ranked(conclusion: Conclusion) -> list[int]:
    """The settings from the highest mean accuracy down, those without a number last."""
    return sorted(
        range(len(conclusion.verdicts)),
        key=lambda row: -conclusion.verdicts[row].mean if math.isfinite(conclusion.verdicts[row].mean) else math.inf,
    )


def settings_table(label: str, conclusion: Conclusion, rows: Sequence[int], caption: str = "") -> Table:
    """The settings with their accuracy, interval, difference from the best and verdict."""
    cells = words.table_rows(conclusion)
    kept = list(rows)[:_MOST_ROWS]
    more = len(rows) - len(kept)
    return Table(
        label,
        caption or f"Validation accuracy over {count(conclusion.repetitions, 'repetition')}.",
        words.COLUMNS,
        tuple(cells[row] for row in kept),
        align="lrrrl",
        strong=tuple(place for place, row in enumerate(kept) if row == conclusion.best),
        note=f"{count(more, 'further setting')} did worse than these." if more > 0 else "",
    )


def _effect_sections(results: Results) -> tuple[Section, ...]:
    varied = [axis for axis, values in results.axes.items() if len(values) > 1]
    if len(varied) < 2:
        return ()
    blocks: list[Block] = [
        Paragraph(
            "Averaged over all values of the other axes, the values of each axis compare as follows. Such an average "
            "is "
            "lowered by every bad combination, so it says how forgiving a value is, not how good it can be."
        )
    ]
    for axis in varied:
        effects = axis_effects(results, axis)
        drawn = means_with_intervals(
            [value_text(effect.value) for effect in effects],
            [effect.mean for effect in effects],
            [effect.low for effect in effects],
            [effect.high for effect in effects],
            float(np.nanmean(results.baseline)),
            varied=axis_title(axis),
        )
        left_out = sum(effect.diverged for effect in effects)
        if drawn:
            blocks.append(
                Figure(
                    f"effect-{varied.index(axis) + 1}",
                    f"Mean validation accuracy by {axis_title(axis)}, with 95{THIN}% intervals"
                    + (f"; {count(left_out, 'training')} that diverged left out." if left_out else "."),
                    drawn.svg,
                    drawn.description,
                    drawn.width,
                )
            )
    if drawn := heat_map(results, varied[0], varied[1]):
        rest = " All other axes are averaged." if len(varied) > 2 else ""
        blocks.append(
            Figure(
                "heat",
                f"Mean validation accuracy by {axis_title(varied[0])} and {axis_title(varied[1])}.{rest}",
                drawn.svg,
                drawn.description,
                drawn.width,
            )
        )
        blocks.insert(
            1, Paragraph(f"[[heat]] shows how {axis_title(varied[0])} and {axis_title(varied[1])} act together.")
        )
    return (Section("The axes one by one", tuple(blocks)),)


def _recommendation(folder: StudyFolder, results: Results, conclusion: Conclusion) -> tuple[Block, ...]:
    text = [literal(words.recommendation(conclusion))]
    if conclusion.best is not None:
        for axis in results.axes:
            value = results.settings[conclusion.best].values[axis]
            text.append(literal(words.edge_remark(at_edge(results, axis, conclusion), axis_title(axis), value)))
    blocks: list[Block] = [Paragraph(" ".join(filter(None, text)), strong=True)]
    if drawn := reliability_figure(conclusion):
        blocks += [Paragraph(RELIABILITY), drawn]
    if (folder.recommended.path / "metrics.json").is_file():
        blocks += recommended_blocks(folder.recommended)
    return tuple(blocks)


RELIABILITY = "[[reliability]] shows how often each of the best settings would have been chosen."


def reliability_figure(conclusion: Conclusion) -> Figure | None:
    """How often each setting would be chosen; None where there is nothing to choose between."""
    verdicts = [conclusion.verdicts[row] for row in ranked(conclusion)[:8]]
    verdicts = [verdict for verdict in verdicts if not verdict.diverged]
    if len(verdicts) < 2 or not conclusion.testable:
        return None
    drawn = reliability_of_choice(
        [verdict.label for verdict in verdicts],
        [verdict.reliability for verdict in verdicts],
        [verdict.wins for verdict in verdicts],
        conclusion.repetitions,
    )
    if drawn is None:
        return None
    return Figure(
        "reliability",
        "Reliability of the choice: how often each of the best settings would be chosen, if the repetitions were drawn "
        "again (bars), and from one repetition alone (marks).",
        drawn.svg,
        drawn.description,
        drawn.width,
    )


def limits(axes: Iterable[str], results: Results, conclusion: Conclusion) -> tuple[str, ...]:
    """What the study does not show."""
    found = [
        "The accuracies compared are those of validation images at the best epoch of each training. Choosing the epoch "
        "on the same images makes all of them a little too high, alike for every setting; the test accuracy is free of "
        "this.",
        "The conclusions hold for images like these, this network and these ranges; the intervals know nothing of "
        "images of another kind.",
    ]
    if conclusion.repetitions < 10:
        found.append(
            f"With {count(conclusion.repetitions, 'repetition')}, only large differences can be found; that none was "
            "found "
            "does not mean that there is none."
        )
    last = results.best_epoch == np.isfinite(results.curves["val_loss"]).sum(axis=-1)
    unfinished = [s.label for s, row in zip(results.settings, last, strict=True) if row.mean() > 0.5]
    if unfinished:
        slow = listing([named(label) for label in unfinished[:4]]) + (
            f" and {len(unfinished) - 4} more" if len(unfinished) > 4 else ""
        )
        found.append(
            f"Still improving at the last epoch in most repetitions: {slow}. With more epochs they may do better."
        )
    if any(axis.startswith("images.") for axis in axes):
        found.append("Settings that differ in their images were measured on different images, which adds to chance.")
    return tuple(found)


def _warnings(results: Results) -> tuple[str, ...]:
    diverged = int(results.diverged.sum())
    if not diverged:
        return ()
    return (f"{count(diverged, 'training')} of {results.diverged.size:,} diverged: its numbers overflowed.",)
