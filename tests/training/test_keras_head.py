from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.training._keras_head import keras_head, weights_of
from regraft.training.settings import HeadSettings
from regraft.training.weights import initial_heads


@pytest.mark.parametrize(
    ("hidden", "dropout", "names"),
    [
        ((), 0.0, ["head"]),
        ((), 0.2, ["head_dropout", "head"]),
        ((5, 4), 0.0, ["head_hidden1", "head_hidden2", "head"]),
        ((5, 4), 0.2, ["head_hidden1", "head_dropout1", "head_hidden2", "head_dropout2", "head"]),
    ],
)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_the_layers_answer_as_the_weights_do(hidden: Any, dropout: float, names: list[str], activation: str) -> None:
    import keras

    outputs = 1 if activation == "sigmoid" else 3
    kind: Any = "tanh" if hidden else "relu"
    (weights,) = initial_heads([HeadSettings(0.1, hidden=hidden, hidden_activation=kind)], 6, outputs)
    given = keras.layers.Input((6,))
    answer, dense = keras_head(given, weights, activation, dropout=dropout, seed=1)
    model = keras.Model(given, answer)
    assert [layer.name for layer in model.layers[1:]] == names
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [dropout] * sum(
        "dropout" in name for name in names
    )
    features = np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32)
    np.testing.assert_allclose(model(features), weights.probabilities(features)[:, -outputs:], rtol=1e-4, atol=1e-6)
    back = weights_of(dense, weights, 2.0)
    assert back.hidden_activation == kind
    np.testing.assert_allclose(back.layers[0][0], weights.layers[0][0] / 2, rtol=1e-6)
    for layer, other in zip(back.layers[1:], weights.layers[1:], strict=True):
        np.testing.assert_array_equal(layer[0], other[0])


def test_names_that_the_network_has_already_are_numbered() -> None:
    """A model of regraft's own is the backbone of another, whose head is of the same kind."""
    import keras

    (weights,) = initial_heads([HeadSettings(0.1, hidden=(5,))], 5, 3)
    tensor = given = keras.layers.Input((5,))
    for name in ("head_hidden1", "head", "head_2"):
        tensor = keras.layers.Dense(5, name=name)(tensor)
    answer, dense = keras_head(tensor, weights, "softmax", dropout=0.1)
    names = [layer.name for layer in keras.Model(given, answer).layers[4:]]
    assert names == ["head_hidden1_2", "head_dropout1", "head_3"]
    assert [layer.name for layer in dense] == ["head_hidden1_2", "head_3"]
