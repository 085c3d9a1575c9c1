"""Many networks of one shape trained at once: heads with hidden layers, with dropout, or trained by Adam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from regraft.training._activations import activated, activated_with_slope
from regraft.training._dropout import DropoutMasks
from regraft.training._objective import Objective
from regraft.training._optimizers import StackedAdam, StackedSGD
from regraft.training.settings import HeadSettings
from regraft.training.weights import HeadWeights

Floats = npt.NDArray[np.float32]


class StackedNetworks:
    """K heads with the same hidden layers on the same D features.

    The weights of a layer lie as (heads, units, inputs), values as (heads, units, images): the first layer is one
    matrix product for all heads, since they share their input; each later one is K products in one call. The first
    kernel is that for the features divided by `scale`, while the features stay as they are: the product is
    divided instead.

    Args:
        start: the weights to start from, for the features as they are.
        settings: one per head, all with the same hidden layers and activation, all of SGD or all of Adam's kind.
        scale: the heads train as if the features were divided by it.
        order_seed: of dropout, with the seed of each head.
        class_weight: (classes,), as of `train_heads`.
    """

    head_axis = 0

    def __init__(
        self,
        start: Sequence[HeadWeights],
        settings: Sequence[HeadSettings],
        scale: float,
        order_seed: int,
        class_weight: Floats | None = None,
    ) -> None:
        layers = list(zip(*(head.layers for head in start), strict=True))
        # In C order, which stacking alone does not give: the optimizer works on views of whole rows.
        self._kernels = [np.array([kernel.T for kernel, _ in heads], np.float32, order="C") for heads in layers]
        self._biases = [np.array([bias[:, None] for _, bias in heads], np.float32, order="C") for heads in layers]
        self._scale, self._inverse = np.float32(scale), np.float32(1 / scale)
        self._kernels[0] *= self._scale
        self._activation = settings[0].hidden_activation
        self._objective = Objective(settings, self._kernels[-1].shape[1], class_weight)
        self._masks = DropoutMasks(settings, order_seed)
        self._kernel_gradients = [np.empty_like(kernel) for kernel in self._kernels]
        self._bias_gradients = [np.empty_like(bias) for bias in self._biases]
        kind = StackedSGD if settings[0].optimizer == "sgd" else StackedAdam
        self._optimizer = kind(settings, self.parameters, [*self._kernel_gradients, *self._bias_gradients])
        widest = len(settings) * max(kernel.shape[1] for kernel in self._kernels)
        self.rows_at_once = min(1024, max(32, 4_000_000 // widest))

    @property
    def parameters(self) -> list[Floats]:
        """Every array of weights as it is now, kernels before biases; heads lie along `head_axis`."""
        return [*self._kernels, *self._biases]

    def heads_of(self, parameters: Sequence[Floats]) -> list[HeadWeights]:
        """The weights of each head for the features as they are, from arrays like `parameters`."""
        depth = len(self._kernels)
        kernels, biases = [p.transpose(0, 2, 1) for p in parameters[:depth]], [p[:, :, 0] for p in parameters[depth:]]
        kernels[0] = kernels[0] / self._scale
        return [
            HeadWeights(
                tuple((np.ascontiguousarray(k[h]), b[h].copy()) for k, b in zip(kernels, biases, strict=True)),
                self._activation,
            )
            for h in range(len(kernels[0]))
        ]

    def logits(self, rows: Floats) -> Floats:
        """Rows (n, D) to logits (outputs, K, n)."""
        values = self._first_layer(rows)
        for kernel, bias in zip(self._kernels[1:], self._biases[1:], strict=True):
            values = np.matmul(kernel, activated(self._activation, values))
            values += bias
        return np.ascontiguousarray(values.transpose(1, 0, 2))

    def step(self, rows: Floats, labels: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.intp]]:
        """One update from a batch: rows (n, D), labels (n,).

        Returns:
            Before the update: the sum of the losses and the number of correct answers, both (K,).
        """
        count = len(rows)
        inputs: list[Floats] = []  # of each layer but the first, (K, inputs, n)
        slopes: list[npt.NDArray[np.generic]] = []  # of these inputs by the layer before
        dropped = self._dropped(rows) if self._masks.of_features else None
        values = self._first_layer(rows) if dropped is None else self._layer(0, dropped)
        for layer in range(1, len(self._kernels)):
            values, slope = activated_with_slope(self._activation, values)
            if self._masks.of_hidden:
                mask = self._masks.draw(values.shape[1], count)
                values *= mask
                slope = slope * mask
            inputs.append(values)
            slopes.append(slope)
            values = self._layer(layer, values)
        error = np.ascontiguousarray(values.transpose(1, 0, 2))
        loss, correct = self._objective.descend(error, labels)
        error *= np.float32(1 / count)
        error = np.ascontiguousarray(error.transpose(1, 0, 2))
        for layer in range(len(self._kernels) - 1, 0, -1):
            np.matmul(error, inputs[layer - 1].transpose(0, 2, 1), out=self._kernel_gradients[layer])
            np.sum(error, axis=2, keepdims=True, out=self._bias_gradients[layer])
            error = np.matmul(self._kernels[layer].transpose(0, 2, 1), error)
            error *= slopes[layer - 1]
        np.sum(error, axis=2, keepdims=True, out=self._bias_gradients[0])
        if dropped is None:
            error *= self._inverse
            heads, units, width = self._kernels[0].shape
            gradient = self._kernel_gradients[0].reshape(heads * units, width)
            np.matmul(error.reshape(heads * units, count), rows, out=gradient)
        else:
            np.matmul(error, dropped.transpose(0, 2, 1), out=self._kernel_gradients[0])
        self._optimizer.update()
        return loss, correct

    def _layer(self, layer: int, values: Floats) -> Floats:
        result: Floats = np.matmul(self._kernels[layer], values)
        result += self._biases[layer]
        return result

    def _first_layer(self, rows: Floats) -> Floats:
        heads, units, width = self._kernels[0].shape
        product = np.matmul(self._kernels[0].reshape(heads * units, width), rows.T)
        product *= self._inverse
        values: Floats = product.reshape(heads, units, len(rows))
        values += self._biases[0]
        return values

    def _dropped(self, rows: Floats) -> Floats:
        """The features that each head sees, scaled, (K, D, n)."""
        masks = self._masks.draw(rows.shape[1], len(rows), features=True)
        masks *= rows.T * self._inverse
        return masks
