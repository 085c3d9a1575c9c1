"""What training heads gives: their weights and their history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from regraft.training.settings import HeadSettings
from regraft.training.weights import HeadWeights, stacked_layers

Activation = Literal["softmax", "sigmoid"]
Floats = npt.NDArray[np.float32]
History = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrainedHeads:
    """K trained heads and how they came about.

    Attributes:
        settings: one per head.
        activation: `softmax`, or `sigmoid` for one unit that gives the probability of class 1 of two.
        classes: how many there are.
        order_seed, batch_size, scale: as they were given to `train_heads`.
        weights: of each head after the last epoch, for the features as they are.
        best_weights: after the best epoch, likewise.
        best_epoch: int (K,), 1-based: the epoch with the lowest validation loss, the earlier one of equals; without
            validation the last epoch. 0 where no epoch had a finite loss (then best_weights are the start).
        loss, accuracy: float64 (K, epochs) on the training images: the mean over the epoch's images, each measured just
            before its batch's update, as Keras reports it. The loss is the one that is trained: with dropout, with
            smoothed labels, times the class weights.
        val_loss, val_accuracy: float64 (K, epochs) on the validation images at the end of the epoch; NaN without them.
            The loss is the plain cross-entropy, without smoothing and weights, so that all settings can be compared.
        val_precision, val_recall: likewise, averaged over the classes that occur (`evaluation.metrics.macro_average`).
        seconds: float64 (K, epochs), since the start of the head's training at the end of each epoch. Heads trained at
            once share them.
        diverged: bool (K,), True where a loss or a weight stopped being a finite number.
    """

    settings: tuple[HeadSettings, ...]
    activation: Activation
    classes: int
    order_seed: int
    batch_size: int
    scale: float | Floats
    weights: tuple[HeadWeights, ...]
    best_weights: tuple[HeadWeights, ...]
    best_epoch: npt.NDArray[np.int64]
    loss: History
    accuracy: History
    val_loss: History
    val_accuracy: History
    val_precision: History
    val_recall: History
    seconds: History
    diverged: npt.NDArray[np.bool_]

    @property
    def kernel(self) -> Floats:
        """Of linear heads after the last epoch, float32 (K, D, outputs); this and the next three are copies.

        Raises:
            InputError: a head has hidden layers.
        """
        return stacked_layers(self.weights)[0]

    @property
    def bias(self) -> Floats:
        """Of linear heads after the last epoch, float32 (K, outputs)."""
        return stacked_layers(self.weights)[1]

    @property
    def best_kernel(self) -> Floats:
        """Of linear heads after the best epoch, float32 (K, D, outputs)."""
        return stacked_layers(self.best_weights)[0]

    @property
    def best_bias(self) -> Floats:
        """Of linear heads after the best epoch, float32 (K, outputs)."""
        return stacked_layers(self.best_weights)[1]

    def probabilities(self, features: Floats, head: int, epoch: Literal["best", "last"] = "best") -> Floats:
        """Class probabilities (N, classes), float32, that one head gives to features (N, D)."""
        weights = self.best_weights if epoch == "best" else self.weights
        return weights[head].probabilities(features)

    def history_rows(self) -> list[dict[str, Any]]:
        """The history as one plain dictionary per head and epoch, ready for JSON lines; NaN and infinity are None."""
        return [
            {
                "head": head,
                **settings.facts,
                "epoch": epoch + 1,
                "loss": _finite(self.loss[head, epoch]),
                "accuracy": _finite(self.accuracy[head, epoch]),
                "val_loss": _finite(self.val_loss[head, epoch]),
                "val_accuracy": _finite(self.val_accuracy[head, epoch]),
                "val_precision": _finite(self.val_precision[head, epoch]),
                "val_recall": _finite(self.val_recall[head, epoch]),
                "seconds": round(float(self.seconds[head, epoch]), 4),
            }
            for head, settings in enumerate(self.settings)
            for epoch in range(self.loss.shape[1])
        ]

    def select(self, heads: Sequence[int]) -> TrainedHeads:
        """Some of the heads, in the order given."""
        rows = list(heads)
        changed: dict[str, Any] = {n: value[rows] for n, value in vars(self).items() if isinstance(value, np.ndarray)}
        changed["settings"] = tuple(self.settings[row] for row in rows)
        for name in ("weights", "best_weights"):
            changed[name] = tuple(getattr(self, name)[row].copy() for row in rows)
        return replace(self, **changed)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
