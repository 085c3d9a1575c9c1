"""The network of a base with random weights in place of the pretrained ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from regraft.backbones.base import Base
from regraft.backbones.networks import build_network, image_data_format, preprocess, whole_model
from regraft.errors import InputError

_BATCHNORM_MOMENTUM = 0.9


def random_network(base: Base, seed: int) -> Any:
    """The network of a base, preprocessing inside, with random weights: pixels (batch, height, width, 3) → features.

    Architecture and preprocessing are those of the base, but for what Keras keeps in a weight file: mean and
    deviation of the inputs of EfficientNetB0 to B7, which BatchNorm makes up for. Every weight is drawn anew by the
    initializer of its layer, from Keras' global generator, which is seeded here; statistics of BatchNorm start at mean
    0 and variance 1. Of a saved model a `Normalization` layer is preprocessing, and keeps its mean and variance.

    Raises:
        InputError: the saved model cannot be loaded, cut or built anew, or it has a layer that begins with its
            trained weights again.
    """
    import keras

    if base.network is None:
        return _reinitialised(base, seed)
    keras.utils.set_random_seed(seed)
    with image_data_format("channels_last"):
        pixels = keras.Input((base.height, base.width, 3), dtype="uint8", name="pixels")
        inputs = preprocess(pixels, base.preprocessing)
        network = build_network(base.network, weights=None, inputs=inputs, pooling=base.pooling)
        return keras.Model(pixels, network.output, name=network.name)


def shorten_averages(network: Any) -> bool:
    """Lets every BatchNorm average over some ten batches; whether there is one.

    Those of many networks average over some hundred or thousand: with few epochs their statistics would still be
    those of the start when the network is measured.
    """
    import keras

    norms = [layer for layer in network._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = _BATCHNORM_MOMENTUM
    return bool(norms)


def _reinitialised(base: Base, seed: int) -> Any:
    """A saved network built again from its description alone, which holds no weights."""
    import keras

    trained = whole_model(base.until_features())
    keras.utils.set_random_seed(seed)
    with image_data_format("channels_last"):
        try:
            fresh = keras.models.clone_model(trained)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise InputError(
                f"{base.spelling} cannot be built anew with random weights.",
                expected="a model of Keras' own layers",
                received=str(error)[:300] or type(error).__name__,
            ) from error
    for old, new in zip(_layers(trained), _layers(fresh), strict=True):
        if isinstance(old, keras.layers.Normalization):
            new.set_weights(old.get_weights())
            new.finalize_state()
        elif any(_is_same(*pair) for pair in zip(old.trainable_variables, new.trainable_variables, strict=True)):
            raise InputError(
                f"{base.spelling} cannot be built anew with random weights.",
                expected="layers that are initialised at random",
                received=f"the layer {old.name}, which begins with the weights that it has",
            )
    return fresh


def _layers(model: Any) -> list[Any]:
    """The layers that hold weights themselves, those within others included, in the order of the description."""
    import keras

    return [layer for layer in model._flatten_layers(include_self=False) if not isinstance(layer, keras.Model)]


def _is_same(old: Any, new: Any) -> bool:
    """Whether a kernel has the values that it had; vectors start at 0 or 1, where they may well have stayed."""
    values = np.asarray(old)
    varied = values.ndim > 1 and values.size > 1 and bool(np.ptp(values))
    return varied and np.array_equal(values, np.asarray(new))
