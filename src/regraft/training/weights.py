"""The weights of one head of any depth: where they start, and what they answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.training._activations import activated
from regraft.training.settings import HeadSettings, HiddenActivation

Floats = npt.NDArray[np.float32]
Layer = tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class HeadWeights:
    """The layers of one head, as `keras.layers.Dense` has them.

    Attributes:
        layers: a kernel (inputs, units) and a bias (units,) for each layer, float32, from the features to the outputs;
            one layer for a linear head. The last has as many units as there are classes, or 1 for a sigmoid.
        hidden_activation: of every layer but the last.
    """

    layers: tuple[Layer, ...]
    hidden_activation: HiddenActivation = "relu"

    @classmethod
    def linear(cls, kernel: Floats, bias: Floats) -> HeadWeights:
        """A head without hidden layers, of a kernel (features, outputs) and a bias (outputs,)."""
        return cls(((kernel, bias),))

    @property
    def hidden(self) -> tuple[int, ...]:
        """The units of each hidden layer."""
        return tuple(len(bias) for _, bias in self.layers[:-1])

    @property
    def outputs(self) -> int:
        """The number of classes, or 1 for a sigmoid."""
        return len(self.layers[-1][1])

    @property
    def kernel(self) -> Floats:
        """Of a linear head, (features, outputs).

        Raises:
            InputError: there are hidden layers.
        """
        return self._only_layer()[0]

    @property
    def bias(self) -> Floats:
        """Of a linear head, (outputs,).

        Raises:
            InputError: there are hidden layers.
        """
        return self._only_layer()[1]

    def probabilities(self, features: Floats) -> Floats:
        """Class probabilities (N, classes), float32, from features (N, features); see `head_probabilities`."""
        values = np.asarray(features, np.float32)
        for kernel, bias in self.layers[:-1]:
            values = values @ kernel
            values += bias
            activated(self.hidden_activation, values)
        return head_probabilities(values, *self.layers[-1])

    def flat(self) -> Floats:
        """All weights one after the other, kernel before bias."""
        return np.concatenate([array.ravel() for layer in self.layers for array in layer])

    def copy(self) -> HeadWeights:
        """The same weights in arrays of their own."""
        return HeadWeights(tuple((kernel.copy(), bias.copy()) for kernel, bias in self.layers), self.hidden_activation)

    def _only_layer(self) -> Layer:
        if len(self.layers) > 1:
            raise InputError(
                "A head with hidden layers has no single kernel.",
                expected="a linear head",
                received=f"hidden layers of {', '.join(map(str, self.hidden))} units",
                hint="use its layers",
            )
        return self.layers[0]


def head_probabilities(features: Floats, kernel: Floats, bias: Floats) -> Floats:
    """Class probabilities (N, classes), float32, from features (N, D), a kernel (D, outputs) and a bias (outputs,).

    One output is a sigmoid: its two columns are the probabilities of class 0 and class 1.
    """
    logits = np.asarray(features, np.float32) @ kernel + bias
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def initial_heads(
    settings: Sequence[HeadSettings], width: int, outputs: int, scale: float = 1.0
) -> tuple[HeadWeights, ...]:
    """Where the heads start: Glorot-uniform kernels and zero biases, float32, one head per setting.

    The kernels of a head are drawn one after the other, from the features on, with
    `numpy.random.default_rng(seed).uniform(-limit, limit, (inputs, units))` and `limit = sqrt(6 / (inputs + units))`;
    the first is divided by `scale`. Heads of one seed and the same hidden layers start alike (Glorot and Bengio 2010,
    "Understanding the difficulty of training deep feedforward neural networks", equation 16).
    """
    kernels: dict[tuple[int, tuple[int, ...]], list[Floats]] = {}
    for setting in settings:
        key = (setting.seed, setting.hidden)
        if key not in kernels:
            kernels[key] = _glorot_uniform(setting.seed, (width, *setting.hidden, outputs), scale)
    return tuple(
        HeadWeights(
            tuple((kernel, np.zeros(kernel.shape[1], np.float32)) for kernel in kernels[s.seed, s.hidden]),
            s.hidden_activation,
        )
        for s in settings
    )


def initial_weights(
    settings: Sequence[HeadSettings], width: int, outputs: int, scale: float = 1.0
) -> tuple[Floats, Floats]:
    """`initial_heads` of linear heads as two arrays: kernels (K, width, outputs) and biases (K, outputs)."""
    return stacked_layers(initial_heads(settings, width, outputs, scale))


def stacked_layers(heads: Sequence[HeadWeights]) -> tuple[Floats, Floats]:
    """Kernels (K, D, outputs) and biases (K, outputs) of linear heads.

    Raises:
        InputError: one of them has hidden layers.
    """
    return np.stack([head.kernel for head in heads]), np.stack([head.bias for head in heads])


def _glorot_uniform(seed: int, widths: Sequence[int], scale: float) -> list[Floats]:
    rng = np.random.default_rng(seed)
    kernels = []
    for layer, (inputs, units) in enumerate(pairwise(widths)):
        limit = math.sqrt(6 / (inputs + units))
        kernel = rng.uniform(-limit, limit, (inputs, units))
        kernels.append((kernel / scale if layer == 0 else kernel).astype(np.float32))
    return kernels
