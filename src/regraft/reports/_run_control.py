"""Whether transfer helped, as a section of a run's report: the verdict, the numbers, how the control was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regraft.errors import InputError
from regraft.reports._run_finetuning import Captioned
from regraft.reports._words import THIN, count, duration, listing, percent
from regraft.reports.control_figure import draw_control
from regraft.reports.document import Block, Figure, Paragraph, Section, Table, literal
from regraft.runs.config import TrainConfig
from regraft.runs.folder import RunFolder

Metrics = Mapping[str, Any]
History = Sequence[Mapping[str, Any]]

TITLE = "Does transfer help here?"
COLUMNS = ("", "test accuracy", f"95{THIN}% interval", "what was trained", "time")


def control_sections(run: RunFolder, metrics: Metrics, history: History) -> list[Section]:
    """The section on the control; none for a run without it."""
    if "control" not in metrics:
        return []
    verdict, how, *warnings = (literal(text) for text in control_words(metrics))
    rows = tuple(tuple(literal(cell) for cell in row) for row in control_rows(metrics, run.config()))
    table = Table("control", "The run and its control, on the same test images.", COLUMNS, rows, "lrrlr", (0,))
    figures = control_figures(run, metrics, history)
    how += " [[scratch]] shows how both were trained." * bool(figures)
    blocks: list[Block] = [Paragraph(f"{verdict} [[control]] has the numbers."), table, Paragraph(how)]
    blocks += [Paragraph(text) for text in warnings]
    blocks += [
        Figure("scratch", literal(one.caption), one.drawn.svg, one.drawn.description, one.drawn.width)
        for one in figures
    ]
    return [Section(TITLE, tuple(blocks))]


def control_words(metrics: Metrics) -> list[str]:
    """The verdict, how the control was trained, and what must be known of it: a paragraph each.

    Args:
        metrics: of a run with the key `control`.
    """
    warnings = metrics["control"]["warnings"]
    return [metrics["control"]["verdict"], _how(metrics), *([" ".join(warnings)] if warnings else [])]


def control_rows(metrics: Metrics, config: TrainConfig) -> list[tuple[str, ...]]:
    """The rows of the table, in the columns of `COLUMNS`: the run, and its control.

    Args:
        metrics: of a run with the key `control`.
        config: of the run.
    """
    control, test, seconds = metrics["control"], metrics["test"], metrics.get("seconds", {})
    own = seconds.get("total", 0.0) - seconds.get("control", 0.0) - seconds.get("report", 0.0)
    return [
        ("with transfer: this run", *_accuracy(test), _trained(metrics, config), duration(own) if own > 0 else "–"),
        ("from scratch: the control", *_accuracy(control), _scratched(metrics), duration(control["seconds"])),
    ]


def control_figures(run: RunFolder, metrics: Metrics, history: History) -> list[Captioned]:
    """Both trainings against epochs; nothing where the control's folder is gone, or for a run without it."""
    if "control" not in metrics:
        return []
    try:
        figure = draw_control(metrics, history, RunFolder(run.path / metrics["control"]["folder"]).history())
    except InputError:
        return []
    caption = (
        "Validation accuracy of the run and of its control against epochs. An epoch of the control trains the whole "
        "network, one of a head only what is on top of it."
    )
    return [Captioned("scratch", figure, caption)] if figure else []


def _accuracy(measured: Metrics) -> tuple[str, str]:
    low, high = measured["accuracy_interval"]
    return percent(measured["accuracy"]), f"{percent(low)} to {percent(high)}"


def _trained(metrics: Metrics, config: TrainConfig) -> str:
    heads, tuned = metrics.get("chosen", {}).get("heads", 1), metrics.get("finetune")
    text = f"{count(heads, 'head')} for {count(config.head.epochs, 'epoch')}"
    if tuned:
        text += f", then {count(tuned['parameters'], 'weight')} of the network for {_epochs(tuned)}"
    return f"{text}, on {count(metrics['images']['train'], 'image')}"


def _scratched(metrics: Metrics) -> str:
    control, train = metrics["control"], count(metrics["images"]["train"], "image")
    return f"all {count(control['parameters'], 'weight')} for {_epochs(control)}, on {train}"


def _epochs(facts: Metrics) -> str:
    return count(facts["epochs"], "epoch")


def _how(metrics: Metrics) -> str:
    control, images = metrics["control"], metrics["images"]
    text = [
        "The control is the same network with random weights in place of the pretrained ones: all of its layers were "
        f"trained, with a new head, on the {count(images['train'], 'training image')} of the run"
        + (", in a new augmented view in every epoch." if control["augmented"] else ", as they are."),
        f"The recipe: {control['settings']}, batches of {control['batch_size']:,}.",
        _rates(control),
    ]
    if again := control["refit_epochs"]:
        both = images["train"] + images["validation"]
        text.append(
            f"Of the epochs, {again:,} had the lowest validation loss, and the network was trained again for as many "
            f"on the {count(both, 'image')} of training and validation together, as the run’s own classifier was."
        )
    elif control["best_epoch"]:
        text.append(f"The weights after epoch {control['best_epoch']:,}, which validation chose, are measured.")
    else:
        text.append("The random weights it began with, which no epoch improved on in validation, are measured.")
    text.append(
        "It was measured once, on the run’s test images, and compared with the run image by image: the p-value is that "
        "of McNemar’s exact test, the interval is Newcombe’s for paired shares. This is one training of each; another "
        "seed would give other numbers."
    )
    return " ".join(text)


def _rates(control: Metrics) -> str:
    tried = control["tried"]
    if not tried:
        return f"Its learning rate, {control['learning_rate']:g}, was given, and no other was tried."
    losses = listing([f"{one['learning_rate']:g} ({_loss(one['val_loss'])})" for one in tried])
    return (
        f"That it has a fair chance, {len(tried)} learning rates of its own were tried, each for "
        f"{count(tried[0]['epochs'], 'epoch')}, with the lowest validation loss in brackets: {losses}. With "
        f"{control['learning_rate']:g} it was then trained from the start for {_epochs(control)}."
    )


def _loss(value: float | None) -> str:
    return "diverged" if value is None else f"{value:.3f}"
