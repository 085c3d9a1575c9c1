"""A head as Keras layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from regraft.training.weights import HeadWeights


def keras_head(
    tensor: Any,
    weights: HeadWeights,
    activation: str,
    *,
    dropout: float = 0.0,
    feature_dropout: float = 0.0,
    seed: int | None = None,
) -> tuple[Any, list[Any]]:
    """Puts a head on a Keras tensor of features.

    Args:
        tensor: (batch, features).
        weights: what the layers start with.
        activation: of the last layer.
        dropout: after each hidden layer, or of the features where there is none; 0 adds no layer.
        feature_dropout: of the features, where there are hidden layers; 0 adds no layer.
        seed: of dropout.

    Returns:
        The output tensor, and the Dense layers from the features on: `head_hidden1`, `head_hidden2` …, `head`, with a
        number behind it where the network has a layer of that name, as a model of regraft's own may.
    """
    import keras

    dense: list[Any] = []
    before = keras.Model(keras.utils.get_source_inputs(tensor), tensor)
    taken = {operation.name for operation in before.operations}

    def free(name: str) -> str:
        number = 2
        while (numbered := name if name not in taken else f"{name}_{number}") in taken:
            number += 1
        return numbered

    def dropped(values: Any, name: str, rate: float = dropout) -> Any:
        return keras.layers.Dropout(rate, seed=seed, name=free(name))(values) if rate else values

    tensor = dropped(tensor, "head_dropout", feature_dropout if weights.hidden else dropout)
    for number, units in enumerate(weights.hidden, 1):
        name = free(f"head_hidden{number}")
        dense.append(keras.layers.Dense(units, activation=weights.hidden_activation, name=name))
        tensor = dropped(dense[-1](tensor), f"head_dropout{number}")
    dense.append(keras.layers.Dense(weights.outputs, activation=activation, name=free("head")))
    tensor = dense[-1](tensor)
    for layer, arrays in zip(dense, weights.layers, strict=True):
        layer.set_weights(list(arrays))
    return tensor, dense


def weights_of(dense: list[Any], like: HeadWeights, scale: float) -> HeadWeights:
    """The weights of the Dense layers as they are now, the first kernel divided by `scale`."""
    layers = [tuple(np.asarray(array, np.float32) for array in layer.get_weights()) for layer in dense]
    first, bias = layers[0]
    return HeadWeights(((first / np.float32(scale), bias), *((k, b) for k, b in layers[1:])), like.hidden_activation)
