"""One epoch of training and one measurement, for stacks of heads that see the same batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from regraft.training._counts import ClassCounts
from regraft.training._objective import answers_of, losses_and_probabilities, one_hot
from regraft.training._order import EpochOrder
from regraft.training.weights import HeadWeights

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
History = npt.NDArray[np.float64]


class Stack(Protocol):
    """Heads of one kind that are trained by the same matrix products.

    Attributes:
        head_axis: where the heads lie in every array of `parameters`.
        rows_at_once: of how many images `logits` is best asked at a time.
    """

    head_axis: int
    rows_at_once: int

    @property
    def parameters(self) -> list[Floats]:
        """Every array of weights as it is now."""

    def heads_of(self, parameters: Sequence[Floats]) -> list[HeadWeights]:
        """The weights of each head, from arrays like `parameters`."""

    def logits(self, rows: Floats) -> Floats:
        """Rows (n, D) to logits (outputs, K, n)."""

    def step(self, rows: Floats, labels: Labels) -> tuple[Floats, npt.NDArray[np.intp]]:
        """One update; the sum of the losses and the number of right answers before it, both (K,)."""


class BestEpoch:
    """The weights of each head at its lowest validation loss so far (or just the last epoch, if `keep` is False)."""

    def __init__(self, stack: Stack, keep: bool) -> None:
        self._stack, self._keep = stack, keep
        heads = stack.parameters[0].shape[stack.head_axis]
        self._loss = np.full(heads, np.inf)
        self.epoch = np.zeros(heads, np.int64)
        self._parameters = [array.copy() for array in stack.parameters] if keep else []

    def update(self, epoch: int, val_loss: History) -> None:
        """Takes note of epoch number `epoch` (0-based) with the validation losses (K,)."""
        if not self._keep:
            self.epoch[:] = epoch + 1
            return
        better = val_loss < self._loss
        self._loss[better] = val_loss[better]
        self.epoch[better] = epoch + 1
        where = better[None, :, None] if self._stack.head_axis == 1 else better[:, None, None]
        for kept, now in zip(self._parameters, self._stack.parameters, strict=True):
            np.copyto(kept, now, where=where)

    def heads(self) -> list[HeadWeights]:
        """The weights of each head at its best epoch."""
        return self._stack.heads_of(self._parameters if self._keep else self._stack.parameters)


def train_epoch(
    stacks: Sequence[Stack], features: Floats, labels: Labels, order: EpochOrder, batch_size: int
) -> list[History]:
    """One epoch on features (V, N, D) with labels (N,); mean loss and accuracy of each stack, (2, K)."""
    views, count, width = features.shape
    sums = [np.zeros((2, stack.parameters[0].shape[stack.head_axis])) for stack in stacks]
    images, view = order.next_epoch()
    places = images if views == 1 else images + view * count
    every = features.reshape(views * count, width)
    buffer = np.empty((min(batch_size, len(images)), width), np.float32)
    for batch in _slices(len(images), batch_size):
        chosen = places[batch]
        # "clip" only because NumPy copies once more in its default mode; every index is in range.
        rows = np.take(every, chosen, axis=0, out=buffer[: len(chosen)], mode="clip")
        seen = labels[images[batch]]
        for stack, sum_ in zip(stacks, sums, strict=True):
            loss, correct = stack.step(rows, seen)
            sum_[0] += loss
            sum_[1] += correct
    return [sum_ / len(images) for sum_ in sums]


def measure(stack: Stack, features: Floats, labels: Labels, classes: int) -> History:
    """Mean plain loss, accuracy, macro precision and macro recall of the heads as they are, (4, K)."""
    count = stack.parameters[0].shape[stack.head_axis]
    loss = np.zeros(count)
    found = ClassCounts(count, classes)
    for part in _slices(len(features), stack.rows_at_once):
        logits = stack.logits(features[part])
        found.add(answers_of(logits), labels[part])
        loss += losses_and_probabilities(logits, one_hot(labels[part], len(logits))).sum(axis=1, dtype=np.float64)
    return np.stack([loss / len(features), found.accuracy(), *found.macro_precision_recall()])


def finite_heads(stack: Stack) -> npt.NDArray[np.bool_]:
    """Which heads hold nothing but finite weights, (K,)."""
    finite = np.ones(stack.parameters[0].shape[stack.head_axis], np.bool_)
    for array in stack.parameters:
        others = tuple(axis for axis in range(array.ndim) if axis != stack.head_axis)
        finite &= np.isfinite(array).all(axis=others)
    return finite


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
