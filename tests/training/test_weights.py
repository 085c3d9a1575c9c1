from __future__ import annotations

import math

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.training.settings import HeadSettings
from regraft.training.weights import HeadWeights, head_probabilities, initial_heads, initial_weights


def test_probabilities_by_hand() -> None:
    first = np.array([[1.0, -2.0], [0.5, 1.0]], np.float32), np.array([0.1, 0.2], np.float32)
    last = np.array([[2.0], [-1.0]], np.float32), np.array([0.3], np.float32)
    head = HeadWeights((first, last), "tanh")
    hidden = [math.tanh(1 * 2 + 0.5 * 3 + 0.1), math.tanh(-2 * 2 + 1 * 3 + 0.2)]
    second = 1 / (1 + math.exp(-(2 * hidden[0] - hidden[1] + 0.3)))
    given = np.array([[2.0, 3.0]], np.float32)
    np.testing.assert_allclose(head.probabilities(given), [[1 - second, second]], rtol=1e-5)
    assert given.tolist() == [[2, 3]]
    assert (head.hidden, head.outputs) == ((2,), 1)
    np.testing.assert_array_equal(head.flat(), np.array([1, -2, 0.5, 1, 0.1, 0.2, 2, -1, 0.3], np.float32))


def test_a_linear_head_is_its_kernel_and_bias() -> None:
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    head = HeadWeights.linear(kernel, bias)
    features = rng.normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(head.probabilities(features), head_probabilities(features, kernel, bias))
    assert head.kernel is kernel
    assert head.bias is bias
    copied = head.copy()
    copied.kernel[:] = 0
    assert head.kernel.any()


def test_a_head_with_hidden_layers_has_no_single_kernel() -> None:
    (head,) = initial_heads([HeadSettings(0.1, hidden=(4, 3))], 5, 2)
    for name in ("kernel", "bias"):
        with pytest.raises(InputError, match=r"(?s)no single kernel.*4, 3 units"):
            getattr(head, name)


def test_heads_start_glorot_uniform_in_every_layer() -> None:
    settings = [HeadSettings(0.1, seed=seed, hidden=shape) for seed, shape in ((5, (80, 60)), (6, (80, 60)), (5, ()))]
    deep, other, linear = initial_heads(settings, 100, 4, scale=2.0)
    assert [kernel.shape for kernel, _ in deep.layers] == [(100, 80), (80, 60), (60, 4)]
    for layer, (kernel, bias) in enumerate(deep.layers):
        limit = math.sqrt(6 / sum(kernel.shape)) / (2 if layer == 0 else 1)
        assert 0.95 * limit < np.abs(kernel).max() <= limit
        assert abs(kernel.mean()) < 0.1 * limit
        assert kernel.dtype == np.float32
        assert not bias.any()
        assert (kernel != other.layers[layer][0]).any()
    assert linear.layers[0][0].shape == (100, 4)
    (again,) = initial_heads([HeadSettings(0.3, 0.9, seed=5, hidden=(80, 60), hidden_activation="tanh")], 100, 4, 2.0)
    np.testing.assert_array_equal(again.flat(), deep.flat())
    assert again.hidden_activation == "tanh"


def test_initial_weights_are_the_linear_heads_as_two_arrays() -> None:
    settings = [HeadSettings(0.1, seed=seed) for seed in (5, 6)]
    kernel, bias = initial_weights(settings, 10, 4, 3.0)
    assert (kernel.shape, bias.shape) == ((2, 10, 4), (2, 4))
    for row, head in enumerate(initial_heads(settings, 10, 4, 3.0)):
        np.testing.assert_array_equal(kernel[row], head.kernel)
