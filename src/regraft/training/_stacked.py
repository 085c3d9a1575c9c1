"""Many linear heads as one matrix, and one step of gradient descent for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from regraft.training._objective import Objective
from regraft.training.settings import HeadSettings
from regraft.training.weights import HeadWeights

Floats = npt.NDArray[np.float32]


class StackedHeads:
    """K linear heads on the same D features, trained by stochastic gradient descent.

    Weights lie as (outputs, heads, features): one matrix product serves all heads, class reductions run over the
    first axis and per-head rates are one number per row, which is how NumPy is fastest.

    Args:
        kernel: float32 (K, D, outputs), the start.
        bias: float32 (K, outputs), the start.
        settings: one per head.
        batch_size: the largest number of rows a step gets.
        scale: the heads train as if the features were divided by it.
        class_weight: (classes,), as of `train_heads`.
    """

    head_axis = 1
    rows_at_once = 1024

    def __init__(
        self,
        kernel: Floats,
        bias: Floats,
        settings: Sequence[HeadSettings],
        batch_size: int,
        scale: float,
        class_weight: Floats | None = None,
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
        self._objective = Objective(settings, outputs, class_weight)

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

    @property
    def parameters(self) -> list[Floats]:
        """Every array of weights as it is now; heads lie along `head_axis`."""
        return [self.kernel, self.bias]

    def heads_of(self, parameters: Sequence[Floats]) -> list[HeadWeights]:
        """The weights of each head, from arrays like `parameters`."""
        kernel, bias = parameters
        kernels, biases = np.ascontiguousarray(kernel.transpose(1, 2, 0)), np.ascontiguousarray(bias[:, :, 0].T)
        return [HeadWeights.linear(k, b) for k, b in zip(kernels, biases, strict=True)]

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
        loss, correct = self._objective.descend(error, labels)
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
