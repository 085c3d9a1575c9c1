"""The experiments of the flower study: what each found, as paragraphs, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.reports import comparison_words as words
from regraft.reports import flower_words
from regraft.reports._comparison_phrases import number, p_value, sentence_count, signed_points
from regraft.reports._drawing import Drawn
from regraft.reports._study_results import edge_remarks, over, settings_table
from regraft.reports._words import THIN, duration, listing, percent, shown
from regraft.reports.agreement_figure import agreement
from regraft.reports.comparison_figures import box_plots
from regraft.reports.curve_figures import band_words, panels
from regraft.reports.document import Block, Figure, Paragraph, Table, literal
from regraft.reports.first_training_figure import curves_of, first_training
from regraft.reports.flower_scaling_words import scaling_text
from regraft.reports.flower_words import Curves
from regraft.reports.heat_figure import heat_map
from regraft.studies.agreement import STANDARD, pairs_of
from regraft.studies.axes import values_label
from regraft.studies.conclusions import Conclusion, conclude
from regraft.studies.flower_study import FIRST_MOMENTUM, FIRST_RATE
from regraft.studies.folder import StudyFolder
from regraft.studies.results import Results
from regraft.studies.scaling import OVERALL

_MOST_BOXES = 6


@dataclass(frozen=True, eq=False)
class Found:
    """Everything the report looks at.

    Attributes:
        grid, whole: every learning rate with every momentum, and the conclusion over all of them.
        rates, rate: the learning rates without momentum.
        momenta, momentum: the momenta at the best of these rates, `best_rate`.
        both_ways: the trainings that were done through Keras as well.
        agreement, scaling: what `study.json` holds of them.
        quick: whether the training through Keras was cut short.
        refused: why there is none; None where there is.
    """

    grid: Results
    whole: Conclusion
    rates: Results
    rate: Conclusion
    momenta: Results
    momentum: Conclusion
    best_rate: float
    both_ways: tuple[Results, ...]
    agreement: tuple[dict[str, Any], ...]
    scaling: tuple[dict[str, Any], ...]
    quick: bool
    refused: str | None

    @property
    def drawn_both_ways(self) -> bool:
        """Whether there are curves to lay on top of each other: one epoch gives none."""
        return any(row["epochs"] > 1 for row in self.agreement)


def gather(folder: StudyFolder) -> Found:
    """Reads the results of a finished flower study."""
    facts, settings = folder.facts(), folder.settings()
    seed = int(settings["seed"])
    grid = folder.results("grid")
    rates = grid.where(head__momentum=FIRST_MOMENTUM)
    rate = conclude(rates, seed=seed)
    best_rate = FIRST_RATE
    if rate.best is not None:
        best_rate = float(rates.settings[rate.best].values["head.learning_rate"])
    momenta = grid.where(head__learning_rate=best_rate)
    both = tuple(
        folder.results(name) for name in ("first", "momenta") if (folder.path / f"{name}.study.toml").is_file()
    )
    return Found(
        grid=grid,
        whole=conclude(grid, seed=seed),
        rates=rates,
        rate=rate,
        momenta=momenta,
        momentum=conclude(momenta, seed=seed),
        best_rate=best_rate,
        both_ways=both,
        agreement=tuple(facts.get("agreement", ())),
        scaling=tuple(facts.get("scaling", ())),
        quick=bool(settings.get("quick")),
        refused=facts.get("standard_refused"),
    )


def first_blocks(found: Found) -> tuple[Block, ...]:
    """Tasks 5 and 6: one setting from start to end."""
    results = found.grid.where(head__learning_rate=FIRST_RATE, head__momentum=FIRST_MOMENTUM)
    curves = curves_of(results)
    blocks: list[Block] = [Paragraph(flower_words.first_text(curves))]
    if np.isfinite(curves["val_loss"]).any():
        add_figure(
            blocks,
            "first",
            f"The first training (learning rate {FIRST_RATE:g}, momentum {FIRST_MOMENTUM:g}), in the first repetition: "
            "error against epochs, error against seconds, and the measures on the validation images.",
            first_training(curves),
        )
    return tuple(blocks)


def rate_blocks(found: Found) -> tuple[Block, ...]:
    """Task 7: three orders of magnitude of the learning rate."""
    rates = found.rates.axes["head.learning_rate"]
    text = (
        f"{sentence_count(len(rates), 'learning rate')} from {min(rates):g} to {max(rates):g} were tried without "
        "momentum. [[rate-curves]] shows the learning curves, and [[rates]] compares the settings."
    )
    return _comparison(found.rates, found.rate, "rate", "rates", text, "learning rate", None)


def momentum_blocks(found: Found) -> tuple[Block, ...]:
    """Task 8: the momenta at the best learning rate."""
    momenta = [f"{value:g}" for value in found.momenta.axes["head.momentum"] if value != FIRST_MOMENTUM]
    start = (
        f"Without momentum every learning rate diverged, so that the first one, {found.best_rate:g}, was kept; with it,"
        if found.rate.best is None
        else f"With the learning rate {found.best_rate:g}, the best without momentum,"
    )
    text = (
        f"{start} momenta of {listing(momenta)} were compared with none. [[momentum-curves]] shows the learning "
        "curves, and [[momenta]] compares the settings."
    )
    return _comparison(found.momenta, found.momentum, "momentum", "momenta", text, "momentum", "momenta")


def _comparison(
    results: Results, conclusion: Conclusion, one: str, label: str, text: str, subject: str, subjects: str | None
) -> tuple[Block, ...]:
    blocks: list[Block] = [Paragraph(text)]
    add_figure(
        blocks,
        f"{one}-curves",
        f"Error and loss on the validation images against epochs, by {subject}. {band_words(len(results.repetitions))}",
        panels(results, ("val_error", "val_loss")),
    )
    every = range(len(results.settings))
    caption = f"Validation accuracy by {subject}, {over(conclusion.repetitions)}."
    blocks.append(settings_table(label, conclusion, every, caption))
    finding = literal(words.finding(conclusion, subject=subject, subjects=subjects))
    blocks.append(Paragraph(" ".join(filter(None, (finding, edge_remarks(results, conclusion)))), strong=True))
    return tuple(blocks)


def agreement_blocks(found: Found, facts: dict[str, Any]) -> tuple[Block, ...]:
    """Tasks 9 and 10: the same trainings through Keras and on cached features."""
    if found.refused is not None:
        return (Paragraph(flower_words.refused_text(found.refused)),)
    blocks: list[Block] = [Paragraph(flower_words.agreement_text(found, facts))]
    if not found.agreement:
        return tuple(blocks)
    rows = tuple(
        (
            shown(row["setting"]),
            f"{row['epochs']}",
            percent(row["standard_accuracy"]),
            percent(row["accelerated_accuracy"]),
            "–" if row["weights"] is None else flower_words.size(row["weights"]),
            flower_words.size(row["loss"]),
            duration(row["standard_seconds"]),
            flower_words.brief(row["accelerated_seconds"]),
        )
        for row in found.agreement
    )
    blocks.append(
        Table(
            "agreement",
            "The same trainings done both ways: validation accuracy after the last epoch, largest difference of a "
            "weight (– where the best epochs differ) and of the validation loss at any epoch, and the time of all "
            "epochs.",
            ("Setting", "Epochs", "Standard", "Accelerated", "Δ weight", "Δ loss", "Time, standard", "accelerated"),
            rows,
            align="lrrrrrrr",
            note="The accelerated time is that of all heads of the row’s group, trained at once.",
        )
    )
    if found.drawn_both_ways:
        add_figure(
            blocks,
            "both-ways",
            "Standard and accelerated training on top of each other, against epochs and against seconds. The speed-up "
            "in the figure takes each training by itself, although the accelerated ones of a group share their time.",
            agreement(_trainings(found), quantities=("val_loss", "val_accuracy")),
        )
    return tuple(blocks)


def _trainings(found: Found) -> list[tuple[str, Curves, Curves]]:
    """The name and the curves of every training that was done both ways; one that diverged goes by its setting."""
    trainings = []
    for results in found.both_ways:
        for standard, accelerated in pairs_of(results):
            values = {axis: value for axis, value in results.settings[standard].values.items() if axis != STANDARD}
            lost = results.diverged[[standard, accelerated], 0].any()
            name = f"{values_label(values) if values else 'first training'} (diverged)"
            label = name if lost else results.chosen[standard][0]
            trainings.append((label, curves_of(results, standard), curves_of(results, accelerated)))
    return trainings


def grid_blocks(found: Found) -> tuple[Block, ...]:
    """Task 10: every momentum at every learning rate."""
    blocks: list[Block] = [Paragraph(flower_words.grid_text(found))]
    repetitions = len(found.grid.repetitions)
    add_figure(
        blocks,
        "heat",
        f"{'Mean validation' if repetitions > 1 else 'Validation'} accuracy {over(repetitions)}, by learning rate and "
        "momentum.",
        heat_map(found.grid, "head.learning_rate", "head.momentum"),
    )
    if best := flower_words.sound_best_first(found)[:_MOST_BOXES]:
        which = f"{number(len(best))} best combinations" if len(best) > 1 else "best combination"
        add_figure(
            blocks,
            "boxes",
            f"Validation accuracy of the {which}{' in every repetition' if repetitions > 1 else ''}.",
            box_plots(found.grid.select(best)),
        )
    blocks.append(Paragraph(literal(words.finding(found.whole, subject="combination")), strong=True))
    return tuple(blocks)


def scaling_blocks(found: Found, facts: dict[str, Any]) -> tuple[Block, ...]:
    """What inputs scaled to 0…1 cost."""
    text = Paragraph(scaling_text(found, facts))
    if not found.scaling:
        return (text,)
    rows = tuple(
        (
            shown(row["setting"]),
            percent(row["own"]),
            percent(row["wrong"]),
            signed_points(row["difference"]),
            "–" if row["low"] is None else f"{signed_points(row['low'])} to {signed_points(row['high'])}",
            "–" if row["p"] is None else p_value(row["p"]).removeprefix("p = ").removeprefix("p "),
        )
        for row in found.scaling
    )
    overall = tuple(place for place, row in enumerate(found.scaling) if row["setting"] == OVERALL)
    table = Table(
        "scaling",
        "Mean validation accuracy with the network’s own scaling and with inputs scaled to 0…1, without momentum.",
        ("Setting", "Own scaling", "0…1", "Difference (points)", f"95{THIN}% interval", "p"),
        rows,
        align="lrrrrr",
        strong=overall,
    )
    return (text, table)


def add_figure(blocks: list[Block], label: str, caption: str, drawn: Drawn | None) -> None:
    """Appends a figure that there was something to draw for."""
    if drawn is not None:
        blocks.append(Figure(label, caption, drawn.svg, drawn.description, drawn.width))
