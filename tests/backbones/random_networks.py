"""Networks of `keras.applications` with made-up weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.names import BackboneName


def keras_network(name: BackboneName, weights: str | None) -> Any:
    """What `keras.applications` itself builds."""
    import keras

    options: dict[str, Any] = {"alpha": name.alpha} if name.card.alphas else {}
    return getattr(keras.applications, name.card_name)(
        weights=weights, include_top=False, pooling="avg", input_shape=(name.size, name.size, 3), **options
    )


def save_random_weights(name: BackboneName, path: Path) -> None:
    """Writes a file as Keras does, without the 1000 classes; the same numbers every time."""
    network = keras_network(name, None)
    generator = np.random.default_rng(0)
    # In a deep network what the blocks add grows until rounding is all that is left of a picture.
    gain = 0.75 if len(network.layers) < 250 else 0.55
    for layer in network.layers:
        _fill(layer, generator, gain)
    network.save_weights(path)


def _fill(layer: Any, generator: np.random.Generator, gain: float) -> None:
    """Kernels that keep signals at their size, so that images stay told apart; statistics and biases that are not
    0 and 1, so that one left out or mixed up is noticed."""
    import keras

    if isinstance(layer, keras.layers.BatchNormalization):
        ranges = {"gamma": (gain, gain + 0.4), "beta": (-0.1, 0.1), "moving_mean": (-0.1, 0.1)}
        ranges["moving_variance"] = (0.5, 1)
        layer.set_weights([generator.uniform(*ranges[variable.name], variable.shape) for variable in layer.weights])
    elif isinstance(layer, keras.layers.Normalization) and layer.weights:
        # What the official files of EfficientNet B0 to B7 hold: deviations in the place of variances.
        layer.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
    else:
        for variable in layer.weights:
            variable.assign(_drawn(variable.name, variable.shape, generator))


def _drawn(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
    if len(shape) == 1:
        centre = 1 if name == "gamma" else 0
        return generator.uniform(centre - 0.1, centre + 0.1, shape)
    # He et al. (2015); a depthwise kernel (height, width, channels, 1) sees one channel only.
    inputs = np.prod(shape[:2]) if shape[-1] == 1 else np.prod(shape[:-1])
    return generator.normal(0, np.sqrt(2 / inputs), shape)
