"""The tables of the MobileNet study."""

from __future__ import annotations

from typing import Any

from regraft.reports._comparison_phrases import p_value, signed_points
from regraft.reports._words import THIN, percent, shown
from regraft.reports.document import Table
from regraft.reports.finetune_figure import rate_text
from regraft.reports.flower_words import brief
from regraft.reports.mobilenet_found import STAGE_NAMES, MobileNetFound
from regraft.studies.mobilenet_runs import Step

LEARNS = ("the head", "the head", "last groups, head", "all groups, head")


def stage_table(found: MobileNetFound) -> Table:
    """What each stage reaches and costs."""
    rows = []
    for one in found.stages:
        trained, test = one.metrics["trained"], one.metrics["test"]
        low, high = test["accuracy_interval"]
        rows.append(
            (
                one.name,
                f"{trained['parameters']:,}" if trained["epochs"] else "none",
                f"{trained['epochs']:,}" if trained["epochs"] else "–",
                percent(one.metrics["validation"]["accuracy"]),
                percent(test["accuracy"]),
                f"{100 * low:.1f} to {percent(high)}",
                brief(one.seconds) if trained["epochs"] else "–",
            )
        )
    best = max(range(len(rows)), key=lambda row: found.stages[row].metrics["test"]["accuracy"])
    return Table(
        "stages",
        "The stages: what was trained, what was reached on validation and on test, and what it took.",
        ("Stage", "Trained weights", "Epochs", "Validation", "Test", f"95{THIN}% interval", "Time"),
        tuple(rows),
        align="lrrrrrr",
        strong=(best,),
        note="Time: all epochs, those of trials and those after the best one included, and what is computed once "
        "before (by the speed measured on some images); without measuring. Fine-tuning includes the new head that it "
        "begins with. "
        "Intervals: Wilson [[cite:wilson1927]].",
    )


def difference_table(found: MobileNetFound) -> Table:
    """Every later stage against every earlier one, on the same test images."""
    rows = []
    for earlier, later, pair in found.pairs:
        low, high = pair.interval
        rows.append(
            (
                f"{STAGE_NAMES[later]} – {STAGE_NAMES[earlier]}",
                signed_points(pair.difference),
                f"{signed_points(low)} to {signed_points(high)}",
                f"{pair.second_only or 0} : {pair.first_only or 0}",
                p_value(pair.p),
                p_value(pair.p_adjusted),
            )
        )
    return Table(
        "differences",
        "Differences of test accuracy between the stages, in percentage points, on the same images.",
        ("Stages", "Difference", f"95{THIN}% interval", "Right alone", "McNemar", "Holm"),
        tuple(rows),
        align="lrrrll",
        note="Right alone: images that only the first, and only the second of the two answers rightly. Intervals: "
        "Newcombe’s for paired shares. Holm: the p value adjusted for the number of comparisons.",
    )


def step_table(found: MobileNetFound) -> Table:
    """The four steps of fine-tuning."""
    rows = []
    for step in found.steps:
        start, best, end = step.history[0], step.history[step.best_epoch], step.history[-1]
        rows.append(
            (
                f"{step.number}",
                LEARNS[step.number - 1],
                _seen(step),
                f"{end['epoch']}",
                f"{step.best_epoch}",
                " → ".join(_share(row) for row in (start, best, end)),
                " → ".join(_loss(row) for row in (start, best, end)),
                brief(step.seconds + step.computing_seconds),
            )
        )
    return Table(
        "steps",
        "The four steps on validation: at the start of the step, at its best epoch, which the next step begins with, "
        "and at its last.",
        ("Step", "Trained", "Images", "Epochs", "Best", "Accuracy (%)", "Loss", "Time"),
        tuple(rows),
        align="lllrrrrr",
        note="Best: the epoch with the lowest validation loss, each epoch’s answers softened by the temperature that "
        "suits the validation images; 0 is the start.",
    )


def group_table(found: MobileNetFound) -> Table:
    """The groups of blocks and their learning rates."""
    third, fourth = found.steps[2], found.steps[3]
    rows: list[tuple[str, ...]] = [
        ("head", "–", f"{found.steps[0].parameters:,}", *(_rate(step, "head") for step in (third, fourth)))
    ]
    for group in reversed(found.facts["groups"]):
        pixels = group["pixels"]
        rows.append(
            (
                shown(group["name"]),
                f"{pixels} × {pixels}" if pixels else "–",
                f"{group['parameters']:,}",
                *(_rate(step, group["name"]) for step in (third, fourth)),
            )
        )
    return Table(
        "groups",
        "The groups of blocks, from the head to the input, and their learning rates.",
        ("Group", "Maps", "Weights", "Step 3", "Step 4"),
        tuple(rows),
        align="lrrrr",
        note="Weights: BatchNorm’s own included, which are not trained here. Frozen: –.",
    )


def _rate(step: Step, name: str) -> str:
    return rate_text(step.rates[name]) if name in step.rates else "–"


def _seen(step: Step) -> str:
    if step.views is None:
        return "a new view each epoch"
    return f"plain and {step.views} view{'s' if step.views > 1 else ''}" if step.views else "plain"


def _share(row: dict[str, Any]) -> str:
    value = row.get("val_accuracy")
    return "–" if value is None else f"{100 * value:.1f}"


def _loss(row: dict[str, Any]) -> str:
    value = row.get("val_loss")
    return "–" if value is None else f"{value:.2f}"
