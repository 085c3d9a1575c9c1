"""The settings of fine-tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

from regraft.errors import InputError
from regraft.training import _setting_checks as checks

MOMENTUM = 0.9
"""Of SGD in fine-tuning; Adam and AdamW have Keras' own defaults."""


@dataclass(frozen=True)
class FinetuneSettings:
    """How the top is trained, in the words of `keras.optimizers`.

    Attributes:
        epochs: at most; validation chooses how many. The schedule runs over all of them.
        learning_rate: the highest of the schedule, for the head; finite, above 0.
        optimizer: `adamw`, `adam` or `sgd` (with Nesterov momentum 0.9).
        weight_decay: finite, at least 0; every step takes `learning_rate * weight_decay` of the weights away.
        l2_sp: strength of the penalty `l2_sp / 2 * |w - w0|²` on the distance from the pretrained weights w0 of the
            backbone (Li, Grandvalet and Davoine 2018, "Explicit inductive bias for transfer learning with convolutional
            networks"); 0 for none. The new layers have no pretrained values and no such penalty.
        layer_decay: each block of the backbone learns so many times slower than the one after it, the last one so
            many times slower than the head (Howard and Ruder 2018, "Universal language model fine-tuning for text
            classification": 2.6); 1 for one rate everywhere.
        schedule: `cosine`, down to 0 (Loshchilov and Hutter 2017, "SGDR"), or `constant`.
        warmup: part of all steps in which the rate rises linearly from 0, at least 0 and below 1.
        batch_size: images per update.
        batchnorm: of BatchNorm in the trained layers: `inference` uses its stored statistics and keeps them, scale and
            offset as they are; `train` uses the batch's, updates the stored ones and trains scale and offset.
        staged: unfreezes block by block from the end, in equal parts of the epochs, in place of all at once.
        patience: stops after so many epochs without a lower validation loss (its answers softened, see `finetune`);
            None trains for all of them.
        label_smoothing: at least 0, below 1.
        seed: of the order of the images, the views and dropout.

    Raises:
        InputError: one of them is out of its range.
    """

    epochs: int = 30
    learning_rate: float = 1e-4
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    weight_decay: float = 0.004
    l2_sp: float = 0.0
    layer_decay: float = 1.0
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.1
    batch_size: int = 32
    batchnorm: Literal["inference", "train"] = "inference"
    staged: bool = False
    patience: int | None = 5
    label_smoothing: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        checks.learning_rate(self.learning_rate)
        checks.weight_decay(self.weight_decay)
        checks.share("warm-up", self.warmup)
        checks.share("label smoothing", self.label_smoothing)
        checks.seed(self.seed)
        _check_number("L2-SP penalty", self.l2_sp, least=0)
        _check_number("layer decay", self.layer_decay, least=1)
        _check_count("number of epochs", self.epochs)
        _check_count("batch size", self.batch_size)
        if self.patience is not None:
            _check_count("patience", self.patience)
        checks.known("optimizer", self.optimizer, ("adamw", "adam", "sgd"))
        checks.known("schedule", self.schedule, ("cosine", "constant"))
        checks.known("mode of BatchNorm", self.batchnorm, ("inference", "train"))
        if not isinstance(self.staged, bool):
            raise InputError("Staged is switched on or off.", expected="true or false", received=repr(self.staged))

    @property
    def label(self) -> str:
        """For people: `adamw, lr 0.0001, cosine, each earlier block 3 times slower`."""
        parts = [self.optimizer, f"lr {self.learning_rate:g}", self.schedule]
        if self.layer_decay != 1:
            parts.append(f"each earlier block {self.layer_decay:g} times slower")
        if self.l2_sp:
            parts.append(f"L2-SP {self.l2_sp:g}")
        if self.staged:
            parts.append("unfrozen block by block")
        if self.batchnorm == "train":
            parts.append("BatchNorm in training mode")
        if self.label_smoothing:
            parts.append(f"label smoothing {self.label_smoothing:g}")
        return ", ".join(parts)


def _check_number(name: str, value: Any, *, least: int) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not least <= float(value) < math.inf:
        raise InputError(
            f"The {name} cannot be used.", expected=f"a finite number of at least {least}", received=repr(value)
        )


def _check_count(name: str, value: Any) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise InputError(f"The {name} cannot be used.", expected="a whole number of at least 1", received=repr(value))
