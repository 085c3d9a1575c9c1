"""AlexNet, which Keras lacks: the network that began it, in one tower.

Krizhevsky, Sutskever and Hinton (2012) divided theirs between two graphics cards: the filters of three layers saw half
of the maps, and responses were normalised across maps (60,965,224 parameters). This is Krizhevsky's own later version
(2014, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997), the one of which weights are
in circulation: one tower, no such normalisation, 64, 192, 384, 256 and 256 filters, 61,100,840 parameters, as
torchvision's `alexnet`.
"""

from __future__ import annotations

from typing import Any

# (filters, kernel, pooled afterwards) of the five convolutions
_CONVOLUTIONS = ((64, 11, True), (192, 5, True), (384, 3, False), (256, 3, False), (256, 3, True))
_HIDDEN = 4096


def build_alexnet(*, size: int, include_top: bool, data_format: str, inputs: Any = None) -> Any:
    """Builds the network with random weights, drawn for ReLU (He et al. 2015, arXiv:1502.01852): it can be trained so.

    Args:
        size: height and width of the input in pixels, 63 at least; the two hidden layers of the top grow with it.
        include_top: with the hidden layers and the 1000 ImageNet classes (softmax); else it ends in global average
            pooling.
        data_format: `channels_last` or `channels_first`.
        inputs: a symbolic tensor to build on, whose own source becomes the model's input; None makes a new one.

    Returns:
        A functional `keras.Model`: (batch, size, size, 3) float32 after `Preprocessing.TORCH` → (batch, 256) or
        (batch, 1000).
    """
    from keras import Model, layers, utils

    shape = (size, size, 3) if data_format == "channels_last" else (3, size, size)
    where: dict[str, Any] = {"data_format": data_format}
    inputs = layers.Input(shape, name="image") if inputs is None else inputs
    x = layers.ZeroPadding2D(2, name="conv1_pad", **where)(inputs)
    for number, (filters, kernel, pooled) in enumerate(_CONVOLUTIONS, start=1):
        how = {"strides": 4, "padding": "valid"} if number == 1 else {"strides": 1, "padding": "same"}
        x = layers.Conv2D(filters, kernel, kernel_initializer="he_normal", name=f"conv{number}", **how, **where)(x)
        x = layers.ReLU(name=f"conv{number}_relu")(x)
        if pooled:
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{number}", **where)(x)
    if not include_top:
        x = layers.GlobalAveragePooling2D(name="pooling", **where)(x)
        return Model(utils.get_source_inputs(inputs)[0], x, name="alexnet")
    x = layers.Flatten(name="flatten", **where)(x)  # in the order of channels_last either way
    for number in (6, 7):
        x = layers.Dropout(0.5, name=f"fc{number}_dropout")(x)
        x = layers.Dense(_HIDDEN, activation="relu", kernel_initializer="he_normal", name=f"fc{number}")(x)
    x = layers.Dense(1000, activation="softmax", name="predictions")(x)
    return Model(utils.get_source_inputs(inputs)[0], x, name="alexnet")
