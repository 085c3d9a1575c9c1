"""What heads are trained to lower: cross-entropy, with smoothed labels and class weights, of many heads at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.training.settings import HeadSettings

Floats = npt.NDArray[np.float32]


class Objective:
    """The training loss of K heads and its derivative.

    Args:
        settings: one per head.
        outputs: of each head.
        class_weight: (classes,), what the loss of an image of each class counts; None for 1.
    """

    def __init__(self, settings: Sequence[HeadSettings], outputs: int, class_weight: Floats | None = None) -> None:
        self._outputs = outputs
        smoothing = np.array([s.label_smoothing for s in settings], np.float32)[None, :, None]
        self._smoothing = smoothing if smoothing.any() else None
        self._weights = class_weight

    def descend(self, logits: Floats, labels: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.intp]]:
        """The sum of the losses of a batch and the number of right answers, both (K,).

        Args:
            logits: (outputs, K, n), **which become the derivative of each image's loss by its logits, in place**.
            labels: (n,).
        """
        correct = np.count_nonzero(answers_of(logits) == labels, axis=1)
        targets = one_hot(labels, self._outputs)
        if self._smoothing is not None:
            targets = targets * (1 - self._smoothing)
            targets += self._smoothing * np.float32(1 / max(self._outputs, 2))
        losses = losses_and_probabilities(logits, targets)
        logits -= targets  # the derivative of either loss by its logits
        if self._weights is not None:
            weights = self._weights[labels]
            losses *= weights
            logits *= weights
        return losses.sum(axis=1), correct


def losses_and_probabilities(logits: Floats, targets: Floats) -> Floats:
    """Cross-entropy (K, n) of logits (outputs, K, n), **which become probabilities in place**.

    One output is a sigmoid with binary cross-entropy, several are a softmax with categorical cross-entropy. Both are
    computed from the logits, so that no probability is ever rounded to 0 and clipped.

    Args:
        logits: overwritten.
        targets: (outputs, 1 or K, n), adding up to 1 over the outputs; for a sigmoid that of class 1.
    """
    losses: Floats
    if len(logits) == 1:
        unit = logits[0]
        losses = np.maximum(unit, 0) - unit * targets[0] + np.log1p(np.exp(-np.abs(unit)))
        np.negative(unit, out=unit)
        np.exp(unit, out=unit)
        unit += 1
        np.reciprocal(unit, out=unit)
        return losses
    logits -= logits.max(axis=0)
    at_label = (logits * targets).sum(axis=0)
    np.exp(logits, out=logits)
    total = logits.sum(axis=0)
    logits /= total
    losses = np.log(total) - at_label
    return losses


def answers_of(logits: Floats) -> npt.NDArray[np.int64]:
    """The class each head answers with, int64 (K, n), from logits (outputs, K, n)."""
    answers: npt.NDArray[Any] = logits[0] > 0 if len(logits) == 1 else logits.argmax(axis=0)
    return answers.astype(np.int64, copy=False)


def one_hot(labels: npt.NDArray[np.int64], outputs: int) -> Floats:
    """Targets (outputs, 1, n) of labels (n,); one output means class 1 of two."""
    classes = np.array([1]) if outputs == 1 else np.arange(outputs)
    targets: Floats = (labels == classes[:, None, None]).astype(np.float32)
    return targets
