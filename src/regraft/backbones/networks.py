"""Builds a network of the catalogue in Keras, with its weights."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones._topology import PREPROCESSING, activations_at
from regraft.backbones.alexnet import build_alexnet
from regraft.backbones.base import Base
from regraft.backbones.catalogue import get_card
from regraft.backbones.efficientnet_lite import VARIANTS, build_efficientnet_lite, load_lite_weights
from regraft.backbones.joint import JointBase
from regraft.backbones.layer_names import rename_layers
from regraft.backbones.names import BackboneName
from regraft.backbones.pooling import pool
from regraft.backbones.preprocessing import Preprocessing
from regraft.errors import InputError


def build_network(
    name: BackboneName,
    *,
    weights: Path | None,
    include_top: bool = False,
    data_format: str = "channels_last",
    inputs: Any = None,
    pooling: str = "average",
) -> Any:
    """Builds a backbone for preprocessed float32 pixels, its layers named the same at every call.

    Args:
        name: which network, how wide, for which input size.
        weights: the file to load; None leaves the weights random.
        include_top: end in the 1000 ImageNet classes (softmax); else in pooling.
        data_format: `channels_last` or `channels_first`.
        inputs: a symbolic tensor to build on, whose own source becomes the model's input; None makes a new one.
        pooling: one of `pooling.POOLINGS`, for a network without its top.

    Returns:
        A functional `keras.Model`, (batch, size, size, 3) → (batch, features), or transposed for `channels_first`.

    Raises:
        InputError: the file holds the weights of another network.
    """
    import keras

    card = get_card(name.card_name)
    if card.name in VARIANTS:
        network = build_efficientnet_lite(
            card.name, size=name.size, include_top=include_top, data_format=data_format, inputs=inputs
        )
    elif card.name == "AlexNet":
        network = build_alexnet(size=name.size, include_top=include_top, data_format=data_format, inputs=inputs)
    else:
        shape = (name.size, name.size, 3) if data_format == "channels_last" else (3, name.size, name.size)
        options: dict[str, Any] = {"alpha": name.alpha} if card.alphas else {}
        with image_data_format(data_format):
            network = getattr(keras.applications, card.name)(
                include_top=include_top,
                weights=None,
                input_shape=shape,
                input_tensor=inputs,
                pooling=None if include_top else "avg",
                **options,
            )
    if weights is not None:
        _load(network, name, weights, include_top)
        if card.family == "EfficientNet":
            _divide_by_deviations(network)
    rename_layers(network)
    return network if include_top or pooling == "average" else _pooled(network, pooling)


def _pooled(network: Any, pooling: str) -> Any:
    """A network that ends in global average pooling with another pooling in its place."""
    import keras

    averages = [layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    last = averages[-1]  # those before are squeeze-and-excitation's
    then = network.layers[network.layers.index(last) + 1 :]
    features = pool(last.input, pooling, last.data_format, tuple(then))
    return keras.Model(network.inputs[0], features, name=network.name)


def base_model(base: Base) -> Any:
    """Gives F as one Keras model with the preprocessing inside.

    Returns:
        A functional `keras.Model` of plain Keras layers, all frozen: uint8 RGB pixels (batch, height, width, 3) →
        float32 features (batch, n), or at a layer its activations, maps as (batch, height, width, channels). A saved
        model keeps the input type it was saved with.

    Several at once are models within one model, named `member1_NAME` and so on, their features side by side.

    Raises:
        InputError: the weights do not fit the network, or the saved model cannot be loaded or cut.
    """
    if isinstance(base, JointBase):
        model = _joint_model(base)
    else:
        whole = whole_model(base)
        model = model_until(whole, base.cut) if base.ends_at_layer else whole
    model.trainable = False
    return model


def _joint_model(base: JointBase) -> Any:
    import keras

    pixels = keras.Input((base.height, base.width, 3), dtype="uint8", name="pixels")
    features = []
    for number, member in enumerate(base.members, 1):
        model = base_model(member)
        name = member.network.card_name if member.network else "saved"
        within = keras.Model(model.inputs[0], model.outputs[0], name=f"member{number}_{name}")
        features.append(within(keras.ops.cast(pixels, model.inputs[0].dtype)))
    return keras.Model(pixels, keras.layers.Concatenate(name="features")(features), name="regraft")


def whole_model(base: Base) -> Any:
    """All that a base can be cut from, with the preprocessing inside, not frozen.

    Returns:
        A functional `keras.Model`: a network of the catalogue from uint8 pixels to its features; a saved model to the
        same, or where the base ends at a layer, all of it.

    Raises:
        InputError: the weights do not fit the network, the saved model cannot be loaded or cut, or there are several
            backbones at once.
    """
    import keras

    base.refuse_several("They cannot be cut or trained further")
    with image_data_format("channels_last"):
        if base.network is None:
            model = load_saved_model(base.weights.path)
            return model if base.ends_at_layer else cut_saved_model(model, base.spelling, base.pooling)
        pixels = keras.Input((base.height, base.width, 3), dtype="uint8", name="pixels")
        inputs = preprocess(_resized(pixels, base.resized_to), base.preprocessing)
        network = build_network(base.network, weights=base.weights.path, inputs=inputs, pooling=base.pooling)
        return keras.Model(pixels, network.output, name=network.name)  # one tensor as input, not a list of one


def model_until(whole: Any, cut: str) -> Any:
    """The part of a model before a cut, of the same layers: its input → float32 activations.

    Raises:
        InputError: there is no such layer, or no cut after it.
    """
    import keras

    activations = activations_at(whole, cut)
    if activations is whole.inputs[0]:
        activations = keras.ops.cast(activations, "float32")
    return keras.Model(whole.inputs[0], activations)


@contextmanager
def image_data_format(data_format: str) -> Iterator[None]:
    """Sets the data format of the layers made in the block, whatever the user's `keras.json` says."""
    import keras

    before = keras.config.image_data_format()
    keras.config.set_image_data_format(data_format)
    try:
        yield
    finally:
        keras.config.set_image_data_format(before)


def _resized(pixels: Any, size: int | None) -> Any:
    """Symbolic pixels, or the same as float32 at another size; the graph does the same (`graph._write_graph`)."""
    from keras import layers, ops

    if size is None:
        return pixels
    resizing = layers.Resizing(size, size, interpolation="bilinear", data_format="channels_last", name="resizing")
    return resizing(ops.cast(pixels, "float32"))


def preprocess(pixels: Any, preprocessing: Preprocessing) -> Any:
    """Puts the preprocessing of a card behind a symbolic uint8 tensor (batch, height, width, 3), as Keras layers."""
    from keras import layers, ops

    tensor = pixels if preprocessing.channels == "RGB" else ops.flip(pixels, axis=-1)
    scale, offset = list(preprocessing.scale), list(preprocessing.offset)
    return layers.Rescaling(scale, offset, name=PREPROCESSING)(tensor)


def load_saved_model(path: Path) -> Any:
    """Loads a `.keras` file in safe mode: no code from the file is run.

    Raises:
        InputError: it is damaged, or needs code that does not come with Keras.
    """
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} cannot be loaded as a Keras model.",
            expected="a whole .keras file of Keras' own layers, without Lambda layers and classes of one's own",
            received=_shortened(error),
        ) from error


def cut_saved_model(model: Any, path: str, pooling: str = "average") -> Any:
    """Cuts a saved Keras model before its last layer with weights; maps are pooled to a vector.

    Raises:
        InputError: the model is no functional or sequential one, its last part has no single input, or what goes
            into that part is neither a vector nor maps; or it is a vector, and a pooling other than the average is
            asked for.
    """
    import keras

    last = next((layer for layer in reversed(getattr(model, "layers", [])) if layer.weights), None)
    if last is None:
        raise _cannot_cut(path, "a model without weights")
    features = None if isinstance(last, keras.Model) else _only_input(last)
    if features is None:
        raise _cannot_cut(path, f"a last part of type {type(last).__name__}")
    if len(features.shape) == 4:
        features = pool(features, pooling)
    elif pooling != "average":
        raise InputError(
            f"{path} has nothing to pool: its last layer takes a vector.",
            expected="--pooling average, or a model whose last layer takes maps",
            received=f"--pooling {pooling}",
            hint="leave --pooling out",
        )
    if len(features.shape) != 2 or features.shape[-1] is None:
        raise _cannot_cut(path, f"a last layer with an input of shape {tuple(features.shape)}")
    return keras.Model(model.inputs[0], features)


def _only_input(layer: Any) -> Any:
    """The symbolic tensor that goes into a layer; None where there is not exactly one."""
    import keras

    try:
        tensor = layer.input
    except (AttributeError, ValueError):  # never called
        return None
    return tensor if isinstance(tensor, keras.KerasTensor) else None


def _cannot_cut(path: str, received: str) -> InputError:
    return InputError(
        f"{path} cannot be cut before its last layer.",
        expected="a functional or sequential Keras model that ends in a layer with weights (a Dense layer), which "
        "takes a vector or maps",
        received=received,
    )


def _load(network: Any, name: BackboneName, path: Path, include_top: bool) -> None:
    if path.suffix == ".safetensors":
        load_lite_weights(network, path)
        return
    try:
        network.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError, AttributeError, IndexError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} does not hold the weights of {name}.",
            expected=f"a Keras weight file for {name} {'with' if include_top else 'without'} the classification layer "
            f"({network.count_params():,} parameters)",
            received=_shortened(error),
            hint="name the backbone the file was saved from with --backbone, or leave --weights out",
        ) from error


_IMAGENET_DEVIATIONS = (0.229, 0.224, 0.225)


def _divide_by_deviations(network: Any) -> None:
    """Puts right the normalization of EfficientNet B0 to B7, whose weight files hold deviations as variances.

    The layer divides by their roots only. `keras.applications` makes good for it with one more layer, which divides
    by the roots again, but builds that layer for `weights="imagenet"` alone, where it downloads them itself
    (https://github.com/tensorflow/tensorflow/issues/49930). Squaring the values in the one layer does the same.
    """
    from keras import layers

    for layer in network.layers:
        if isinstance(layer, layers.Normalization):
            variances = np.asarray(layer.adapt_variance)
            if np.allclose(variances, _IMAGENET_DEVIATIONS, rtol=1e-3):
                layer.adapt_variance.assign(variances**2)
                layer.finalize_state()


_LONGEST = 300


def _shortened(error: Exception) -> str:
    """The beginning of a message; where its first line only announces the next (Keras does), that one, too."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = lines[0]
    for line in lines[1:]:
        if not text.endswith(":"):
            break
        text = f"{text} {line}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
