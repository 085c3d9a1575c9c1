"""Many linear heads as one matrix, and one step of gradient descent for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.training.settings import HeadSettings

Floats = npt.NDArray[np.float32]


class StackedHeads:
    """K linear heads on the same D features.

    Weights lie as (outputs, heads, features): one matrix product serves all heads, class reductions run over the
    first axis and per-head rates are one number per row, which is how NumPy is fastest.

    Args:
        kernel: float32 (K, D, outputs), the start.
        bias: float32 (K, outputs), the start.
        settings: one per head.
        batch_size: the largest number of rows a step gets.
        scale: the heads train as if the features were divided by it.
    """

    def __init__(
        self, kernel: Floats, bias: Floats, settings: Sequence[HeadSettings], batch_size: int, scale: float
    ) -> None:
        heads, width, outputs = kernel.shape
        self.kernel = np.array(kernel.transpose(2, 0, 1), order="C")  # always copies: steps work in place
        self.bias = np.array(bias.T[:, :, None], order="C")
        self._matrix = self.kernel.reshape(outputs * heads, width)
        self._gradient = np.empty_like(self.kernel)
        self._gradient_matrix = self._gradient.reshape(outputs * heads, width)
        self._spare = np.empty_like(self.kernel)
        self._spare_bias = np.empty_like(self.bias)
        self._velocity = np.zeros_like(self.kernel)
        self._velocity_bias = np.zeros_like(self.bias)
        self._logits = np.empty(outputs * heads * batch_size, np.float32)

        rates = np.array([s.learning_rate for s in settings], np.float64)
        decays = np.array([s.weight_decay for s in settings], np.float64)
        momenta = np.array([s.momentum for s in settings], np.float64)
        nesterov = np.array([s.nesterov for s in settings])
        self._rate_bias = rates
        # The gradient for a kernel on features / scale, seen as a kernel on the features themselves.
        self._rate = rates / scale**2
        self._keep = _per_head(1 - rates * decays) if decays.any() else None
        self._momentum = _per_head(momenta) if momenta.any() else None
        self._look_ahead = _per_head(np.where(nesterov, momenta, 1)) if nesterov.any() else None
        self._look_ahead_gradient = _per_head(nesterov)

    def logits(self, rows: Floats) -> Floats:
        """Rows (n, D) to logits (outputs, K, n)."""
        outputs, heads, _ = self.kernel.shape
        out: Floats = np.matmul(self._matrix, rows.T).reshape(outputs, heads, len(rows))
        out += self.bias
        return out

    def step(self, rows: Floats, labels: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.intp]]:
        """One update from a batch: rows (n, D), labels (n,).

        Returns:
            Before the update: the sum of the losses and the number of correct answers, both (K,).
        """
        outputs, heads, _ = self.kernel.shape
        count = len(rows)
        flat = self._logits[: outputs * heads * count].reshape(outputs * heads, count)
        np.matmul(self._matrix, rows.T, out=flat)
        error = flat.reshape(outputs, heads, count)
        error += self.bias
        correct = np.count_nonzero(answers_of(error) == labels, axis=1)
        targets = one_hot(labels, outputs)
        loss = losses_and_probabilities(error, targets).sum(axis=1)
        error -= targets  # the derivative of either loss by its logits
        gradient_bias = error.sum(axis=2, keepdims=True)
        gradient_bias *= _per_head(self._rate_bias / count)
        error *= _per_head(self._rate / count)
        np.matmul(flat, rows, out=self._gradient_matrix)
        self._descend(self.kernel, self._velocity, self._gradient, self._spare)
        self._descend(self.bias, self._velocity_bias, gradient_bias, self._spare_bias)
        return loss, correct

    def _descend(self, weights: Floats, velocity: Floats, gradient: Floats, spare: Floats) -> None:
        """`keras.optimizers.SGD` for weights (outputs, K, anything), with a gradient that carries its learning rate."""
        if self._keep is not None:
            weights *= self._keep
        if self._momentum is None:
            weights -= gradient
            return
        velocity *= self._momentum
        velocity -= gradient
        if self._look_ahead is None:
            weights += velocity
            return
        np.multiply(velocity, self._look_ahead, out=spare)
        weights += spare
        gradient *= self._look_ahead_gradient
        weights -= gradient


def losses_and_probabilities(logits: Floats, targets: Floats) -> Floats:
    """Cross-entropy (K, n) of logits (outputs, K, n), **which become probabilities in place**.

    One output is a sigmoid with binary cross-entropy, several are a softmax with categorical cross-entropy. Both are
    computed from the logits, so that no probability is ever rounded to 0 and clipped.

    Args:
        logits: overwritten.
        targets: (outputs, 1, n), 1 at the true class; for a sigmoid, 1 where the label is class 1.
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


@contextmanager
def fitting_threads(multiplications: int) -> Iterator[None]:
    """Keeps the matrix library from spreading small products over more cores than pay.

    A product of a few million multiplications takes a core less than a tenth of a millisecond; waking the other
    cores of a large machine takes longer than that.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threads = max(1, min(multiplications // 4_000_000, os.cpu_count() or 1))
    with threadpool_limits(threads, user_api="blas"):
        yield


def _per_head(values: npt.NDArray[np.float64] | npt.NDArray[np.bool_]) -> Floats:
    column: Floats = values.astype(np.float32)[None, :, None]
    return column
