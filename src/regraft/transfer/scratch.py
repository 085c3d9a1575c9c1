"""Training from scratch: the architecture of a base with random weights, its learning rate chosen on validation."""

from __future__ import annotations

import glob
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base
from regraft.backbones.cuts import cut
from regraft.errors import InputError
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.finetuning import Finetuned, Top, build_top, finetune
from regraft.training.heads import Sampling, initial_heads
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import ImagePixels
from regraft.transfer.random_networks import random_network, shorten_averages
from regraft.transfer.scratch_settings import ScratchSettings, default_rates

__all__ = [
    "Scratch",
    "ScratchSettings",
    "TriedRate",
    "best_trained_epoch",
    "default_rates",
    "forget",
    "random_network",
    "shorten_averages",
    "train_scratch",
]

Rows = npt.NDArray[np.int64]
Report = Callable[[float], None]


@dataclass(frozen=True)
class TriedRate:
    """A learning rate after its trial.

    Attributes:
        learning_rate: the highest of the schedule.
        epochs: that it was tried for.
        val_loss: the lowest after any of them; None where a loss stopped being a finite number.
        val_accuracy: after that epoch; None likewise.
    """

    learning_rate: float
    epochs: int
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True, eq=False)
class Scratch:
    """A network that was trained from scratch.

    Attributes:
        top: its layers hold the weights of the best epoch on validation, without validation those of the last.
        tried: the learning rates that were tried, as they were given; none where there was one only.
        settings: of the whole training, with the chosen rate.
        done: how the whole training went.
        seconds: of all epochs, those of the trials and those of earlier sessions included.
    """

    top: Top
    tried: tuple[TriedRate, ...]
    settings: FinetuneSettings
    done: Finetuned
    seconds: float = 0.0


def train_scratch(
    base: Base,
    images: Sequence[LabelledImage],
    labels: npt.NDArray[np.int64],
    classes: int,
    settings: ScratchSettings,
    *,
    rows: Rows,
    validation: Rows | None,
    head: HeadSettings,
    activation: str = "softmax",
    augmentation: Augmentation | None = None,
    class_weight: npt.NDArray[np.float32] | None = None,
    sampling: Sampling = "plain",
    stop_after: int | None = None,
    kept: Path | None = None,
    progress: Report | None = None,
) -> Scratch:
    """Trains all layers of a network of random weights with a new head.

    Only the architecture and the preprocessing are those of the base. BatchNorm layers are in training mode and
    average over some ten batches (`shorten_averages`). Every training begins with the same random weights.

    Args:
        base: whose network it is.
        images: those to train on and to validate on.
        labels: (N,) class indices of the images.
        classes: how many there are.
        settings: how.
        rows: the images to train on.
        validation: those to choose the rate and the epoch by; None where there is one rate: the last epoch is kept.
        head: its hidden layers, dropout and initial weights.
        activation: `softmax`, or `sigmoid` for two classes.
        augmentation: every epoch sees a view of its own; None leaves the images plain.
        class_weight, sampling: as in `finetune`.
        stop_after: ends the whole training after so many epochs, with the schedule still that of all; None for all.
        kept: a file to keep the state in after every epoch, with more beside it for the trials; if they are there,
            that is gone on with. `forget` removes them.
        progress: called with the images an update was made from: `settings.all_epochs * len(rows)` in all, less what
            `stop_after` leaves out.

    Raises:
        InputError: several rates and no validation, a network that cannot have random weights, or without validation a
            loss that stopped being a finite number.
    """
    if validation is None and settings.tries:
        raise InputError(
            "Without validation images there is no choosing a learning rate.",
            expected="one learning rate",
            received=", ".join(f"{rate:g}" for rate in settings.learning_rates),
        )
    top, start = _random_top(base, classes, settings.seed, head, activation)
    pixels = ImagePixels(images, (base.height, base.width), augmentation or Augmentation())

    def trained(rate: float, epochs: int, last: int, file: Path | None) -> Finetuned:
        top.whole.set_weights(start)
        counted = 0.0

        def count(number: float) -> None:
            nonlocal counted
            counted += number
            if progress is not None:
                progress(number)

        done = finetune(
            top, pixels, labels, settings.of(rate, epochs),
            rows=rows, validation=validation, epochs=last, class_weight=class_weight, sampling=sampling, kept=file,
            progress=count,
        )  # fmt: skip
        if progress is not None:
            progress(last * len(rows) - counted)  # where it ended early
        return done

    tried: list[TriedRate] = []
    seconds = 0.0
    if settings.tries:
        for number, rate in enumerate(settings.learning_rates):
            file = kept and kept.with_name(f"{kept.stem}-rate{number}{kept.suffix}")
            trial = trained(rate, settings.trial_epochs, settings.trial_epochs, file)
            seconds += _seconds(trial)
            tried.append(_judged(rate, trial))
    rate = _best(tried) if tried else settings.learning_rates[0]
    last = settings.epochs if stop_after is None else min(stop_after, settings.epochs)
    done = trained(rate, settings.epochs, last, kept)
    return Scratch(top, tuple(tried), settings.of(rate, settings.epochs), done, seconds + _seconds(done))


def forget(kept: Path) -> None:
    """Removes what `train_scratch` kept for going on."""
    for path in kept.parent.glob(f"{glob.escape(kept.stem)}*{glob.escape(kept.suffix)}"):
        path.unlink(missing_ok=True)


def best_trained_epoch(done: Finetuned) -> int:
    """The epoch with the lowest validation loss, the random start left out; the last one without validation."""
    losses = {row["epoch"]: row["val_loss"] for row in done.history if row["epoch"] and row.get("val_loss") is not None}
    return int(min(losses, key=lambda epoch: losses[epoch])) if losses else int(done.history[-1]["epoch"])


def _random_top(
    base: Base, classes: int, seed: int, setting: HeadSettings, activation: str
) -> tuple[Top, list[npt.NDArray[Any]]]:
    """A random network with a random head, and its weights."""
    network = random_network(base, seed)
    shorten_averages(network)
    outputs = 1 if activation == "sigmoid" else classes
    head = initial_heads([setting], int(network.output_shape[-1]), outputs)[0]
    card = base.network.card if base.network else None
    top = build_top(cut(network, at="input"), head, activation, card=card, dropout=setting.dropout, seed=seed)
    return top, [np.array(weights) for weights in top.whole.get_weights()]


def _seconds(done: Finetuned) -> float:
    return float(sum(row["seconds"] for row in done.history if row["epoch"]))


def _judged(rate: float, done: Finetuned) -> TriedRate:
    rows = [row for row in done.history if row["epoch"]]
    if any(row["loss"] is None or row["val_loss"] is None for row in rows):
        return TriedRate(rate, len(rows), None, None)
    best = min(rows, key=lambda row: float(row["val_loss"]))
    return TriedRate(rate, len(rows), best["val_loss"], best["val_accuracy"])


def _best(tried: Sequence[TriedRate]) -> float:
    """The rate with the lowest validation loss; of equals, and where every trial diverged, the lowest rate."""

    def order(one: TriedRate) -> tuple[float, float]:
        return (math.inf if one.val_loss is None else one.val_loss, one.learning_rate)

    return min(tried, key=order).learning_rate
