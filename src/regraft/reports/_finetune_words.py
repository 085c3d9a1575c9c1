"""What the report says of fine-tuning: sentences made from the facts that the run wrote down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regraft.features.space import size_text
from regraft.reports._words import THIN, count, percent, shown
from regraft.runs.config import TrainConfig

Metrics = Mapping[str, Any]
History = Sequence[Mapping[str, Any]]

_INPUT = "input"  # the cut before everything: the whole network is trained
_MOST_BLOCKS = 6  # are named


def is_tuned(metrics: Metrics) -> bool:
    """Whether the classifier is a fine-tuned network: not where the frozen one was kept."""
    return bool(metrics.get("finetune", {}).get("best_epoch"))


def is_whole(facts: Metrics) -> bool:
    """Whether the network was cut at its input, so that all of it was trained."""
    return bool(facts["cut"] == _INPUT)


def finetuning(metrics: Metrics, history: History, config: TrainConfig) -> list[str]:
    """What was done, how, and what it changed: a paragraph each.

    Args:
        metrics: of a run with the key `finetune`.
        history, config: of the run.
    """
    facts = metrics["finetune"]
    return [
        f"{_what(facts)} {_activations(facts, config)}",
        _how(facts, history, config),
        _change(facts, history, metrics["validation"]["images"], config.augmentation.test_views > 0),
    ]


def finetuning_caption(facts: Metrics, config: TrainConfig) -> str:
    """What the figure shows."""
    on = " on augmented views" if _views(facts, config) else ""
    wanted = config.finetune
    more = [
        words
        for words, is_used in (
            ("label smoothing", wanted is not None and wanted.label_smoothing > 0),
            ("the penalty L2-SP", wanted is not None and wanted.l2_sp > 0),
        )
        if is_used
    ]
    with_it = f", with {' and '.join(more)}," if more else ""
    return (
        "Fine-tuning against epochs; epoch 0 is the frozen network with its trained head. The training loss"
        f"{with_it} is a mean over an epoch{on}, while the weights still change; validation is measured at the end of "
        "each epoch, on the plain images. The learning rate is that at the end of an epoch."
    )


def finetuning_fact(facts: Metrics) -> tuple[str, str]:
    """The value and the detail of a key fact."""
    what = "the whole network" if is_whole(facts) else count(len(facts["blocks"]), "block")
    recipe = facts["settings"]
    if not facts["best_epoch"]:
        return "no better than the frozen network", f"that is kept; tried: {what}, {recipe}"
    return f"{what}, {count(facts['parameters'], 'parameter')}", f"epoch {facts['best_epoch']}; {recipe}"


def _what(facts: Metrics) -> str:
    weights = f"{count(facts['parameters'], 'parameter')}"
    start = "First a head was trained on the features of the frozen network."
    if is_whole(facts):
        return f"{start} Then the whole network was trained with it: {_layers(facts)} with {weights}."
    return (
        f"{start} Then the network was cut after “{shown(facts['cut'])}”, and behind the cut {_layers(facts)} with "
        f"{weights} {'was' if facts['layers'] == 1 else 'were'} trained together with the head. All other weights "
        "stayed as they were pretrained."
    )


def _layers(facts: Metrics) -> str:
    blocks = facts["blocks"]
    named = ", ".join(shown(name) for name in blocks[:_MOST_BLOCKS] if name)
    more = len(blocks) - _MOST_BLOCKS
    named += f" and {more:,} more" if more > 0 else ""
    of = f" of {count(len(blocks), 'block')} ({named})" if named else ""
    return f"{count(facts['layers'], 'layer')}{of}"


def _views(facts: Metrics, config: TrainConfig) -> bool:
    """Whether fine-tuning saw augmented views."""
    return bool(facts["views"]) or (facts["views"] is None and config.augmentation.views != 0)


def _activations(facts: Metrics, config: TrainConfig) -> str:
    if is_whole(facts):
        how = "each time in a new augmented view" if _views(facts, config) else "as they are"
        return f"Nothing was computed beforehand: every epoch read the images anew, {how}."
    shape = " × ".join(map(str, facts["activations"]))
    views = facts["views"] or 0
    of_views = f", and for {count(views, 'augmented view')} of each training and validation image," if views else ""
    room = size_text(facts["bytes"]).replace(" ", THIN)
    return (
        f"What reaches the cut, {shape} numbers for an image, was computed once for every image{of_views} and kept on "
        f"the disk: {room}."
    )


def _how(facts: Metrics, history: History, config: TrainConfig) -> str:
    rows = [row for row in history if row.get("phase") == "finetune"]
    trained = max((row["epoch"] for row in rows), default=facts["epochs"])
    speed = facts["images_per_second"]
    at = f", at {count(round(speed), 'image')} a second" if speed else ""
    of_most = f" of at most {facts['epochs']:,}" if trained < facts["epochs"] else ""
    text = [f"The recipe: {facts['settings']}. It was trained for {count(trained, 'epoch')}{of_most}{at}."]
    if any(row["epoch"] and row.get("loss") is None for row in rows):
        text.append(f"It ended there because the loss of epoch {trained:,} was no finite number any more.")
    elif facts["stopped_early"]:
        patience = config.finetune.patience if config.finetune else None
        since = f"for {count(patience, 'epoch')}" if patience else "any more"
        text.append(f"It stopped early: the validation loss had not become lower {since}.")
    best = facts["best_epoch"]
    if not best:
        text.append("No epoch had a lower validation loss than the frozen network with its head, so that one is kept.")
        if facts["refit"]:
            text.append("Its head is the one that was trained on training and validation images together.")
        return " ".join(text)
    text.append(f"The lowest validation loss chose epoch {best:,}.")
    text.append(
        f"Then all was trained once more in the same way, for {count(best, 'epoch')} on the training and validation "
        "images together: that network is the classifier."
        if facts["refit"]
        else "The weights of that epoch are the classifier’s."
    )
    if facts["temperature"] > 1:
        text.append(
            f"Fine-tuning makes answers too sure: their logits are divided by {facts['temperature']:.2f}, the "
            "temperature that suits the validation images, as for the validation loss of every epoch. That changes no "
            "answer, only how sure it is."
        )
    return " ".join(text)


def _change(facts: Metrics, history: History, images: int, averaged: bool) -> str:
    frozen, tuned = facts["frozen"], facts["tuned"]
    on = f"On the {count(images, 'validation image')}" if images > 1 else "On the one validation image"
    if not facts["best_epoch"]:
        rows = [row for row in history if row.get("phase") == "finetune" and row["epoch"]]
        finite = [row for row in rows if row.get("val_loss") is not None]
        least = min(finite, key=lambda row: row["val_loss"]) if finite else None
        after = (
            f" After epoch {least['epoch']:,}, where fine-tuning had its lowest loss, they were "
            f"{percent(least['val_accuracy'])} and {_loss(least['val_loss'])}."
            if least
            else ""
        )
        return (
            f"{on} the frozen network with its head has an accuracy of {percent(frozen['validation_accuracy'])} and a "
            f"loss of {_loss(frozen['validation_loss'])}.{after} By the loss, which "
            "chooses, fine-tuning was no better than the frozen network."
        )
    plain = " (of the plain images alone, without their test-time views)" if averaged else ""
    before, now = frozen["validation_accuracy"], tuned["validation_accuracy"]
    went = (
        f"the accuracy of the frozen network with its head and of the fine-tuned one is the same, {percent(now)}"
        if before == now
        else f"the accuracy went from {percent(before)}, of the frozen network with its head, to {percent(now)}"
    )
    return (
        f"{on} {went}{_in_images(before, now, images)}; the loss went from {_loss(frozen['validation_loss'])} to "
        f"{_loss(tuned['validation_loss'])}{plain}. Both networks were measured on the same images, in one training, "
        "and these images also chose the epoch: that may make the fine-tuned one look better than it is. Whether the "
        "difference would be there for other images was not tested."
    )


def _in_images(before: float, now: float, images: int) -> str:
    more = round(now * images) - round(before * images)
    return f" ({abs(more):,} {'more' if more > 0 else 'fewer'} of them right)" if more else ""


def _loss(value: float | None) -> str:
    return "no finite number" if value is None else f"{value:.3f}"
