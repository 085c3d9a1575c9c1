"""Builds a network of the catalogue in Keras, with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regraft.backbones.base import Base
from regraft.backbones.catalogue import get_card
from regraft.backbones.efficientnet_lite import VARIANTS, build_efficientnet_lite, load_lite_weights
from regraft.backbones.names import BackboneName
from regraft.backbones.preprocessing import Preprocessing
from regraft.errors import InputError


def build_network(
    name: BackboneName,
    *,
    weights: Path | None,
    include_top: bool = False,
    data_format: str = "channels_last",
    inputs: Any = None,
) -> Any:
    """Builds a backbone for preprocessed float32 pixels.

    Args:
        name: which network, how wide, for which input size.
        weights: the file to load; None leaves the weights random.
        include_top: end in the 1000 ImageNet classes (softmax); else in global average pooling.
        data_format: `channels_last` or `channels_first`.
        inputs: a symbolic tensor to build on, whose own source becomes the model's input; None makes a new one.

    Returns:
        A functional `keras.Model`, (batch, size, size, 3) → (batch, features), or transposed for `channels_first`.

    Raises:
        InputError: the file holds the weights of another network.
    """
    import keras

    card = get_card(name.card_name)
    if card.name in VARIANTS:
        network = build_efficientnet_lite(card.name, size=name.size, include_top=include_top, data_format=data_format, inputs=inputs)
    else:
        before = keras.config.image_data_format()
        keras.config.set_image_data_format(data_format)
        try:
            shape = (name.size, name.size, 3) if data_format == "channels_last" else (3, name.size, name.size)
            options: dict[str, Any] = {"alpha": name.alpha} if card.alphas else {}
            network = getattr(keras.applications, card.name)(
                include_top=include_top,
                weights=None,
                input_shape=shape,
                input_tensor=inputs,
                pooling=None if include_top else "avg",
                **options,
            )
        finally:
            keras.config.set_image_data_format(before)
    if weights is not None:
        _load(network, name, weights)
    return network


def base_model(base: Base) -> Any:
    """Gives F as one Keras model with the preprocessing inside.

    Returns:
        A functional `keras.Model` of plain Keras layers, all frozen: uint8 RGB pixels (batch, height, width, 3) →
        float32 features (batch, n).
    """
    import keras

    if base.network is None:
        model = cut_saved_model(keras.saving.load_model(base.weights.path, compile=False), base.spelling)
    else:
        pixels = keras.Input((base.height, base.width, 3), dtype="uint8", name="pixels")
        inputs = preprocess(pixels, base.preprocessing)
        model = build_network(base.network, weights=base.weights.path, inputs=inputs)
    model.trainable = False
    return model


def preprocess(pixels: Any, preprocessing: Preprocessing) -> Any:
    """Puts the preprocessing of a card behind a symbolic uint8 tensor (batch, height, width, 3), as Keras layers."""
    from keras import layers, ops

    tensor = pixels if preprocessing.channels == "RGB" else ops.flip(pixels, axis=-1)
    scale, offset = list(preprocessing.scale), list(preprocessing.offset)
    return layers.Rescaling(scale, offset, name="preprocessing")(tensor)


def cut_saved_model(model: Any, path: str) -> Any:
    """Cuts a saved Keras model before its last layer with weights; maps are averaged to a vector.

    Raises:
        InputError: the model is no functional or sequential one, or its last part has no single input.
    """
    import keras

    last = next((layer for layer in reversed(getattr(model, "layers", [])) if layer.weights), None)
    if last is None or isinstance(last, keras.Model) or not isinstance(last.input, keras.KerasTensor):
        raise InputError(
            f"{path} cannot be cut before its last layer.",
            expected="a functional or sequential Keras model that ends in a layer with weights (a Dense layer)",
            received="nothing of the kind" if last is None else f"a last part of type {type(last).__name__}",
        )
    features = last.input
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="regraft_pooling")(features)
    return keras.Model(model.inputs, features)


def _load(network: Any, name: BackboneName, path: Path) -> None:
    if path.suffix == ".safetensors":
        load_lite_weights(network, path)
        return
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise InputError(
            f"{path} does not hold the weights of {name}.",
            expected=f"a Keras weight file for {name} without the classification layer "
            f"({network.count_params():,} parameters)",
            received=str(error).strip().splitlines()[0][:300],
            hint="name the backbone the file was saved from with --backbone, or leave --weights out",
        ) from error
