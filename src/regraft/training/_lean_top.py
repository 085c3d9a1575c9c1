"""A top that trains faster and computes the same: BatchNorm in inference mode folded into the convolution before it.

A frozen BatchNorm is y -> s * y + b with constants s and b. Behind a convolution with kernel W it is folded:
conv(x, W * s) + b, with W still the trained weight, so that its gradient is the same; what is saved is a pass over the
maps and one over their gradients. A convolution of 1 × 1 becomes the matrix product that it is, which TensorFlow
differentiates faster on a processor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from regraft.backbones._topology import read_graph


def lean_top(model: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Gives a copy of a model that computes the same and trains faster.

    Args:
        model: a functional Keras model, its layers' `trainable` as they are to be. A BatchNorm that is trainable is
            left as it is.

    Returns:
        The copy, with weights and `trainable` flags of its own, and pairs (layer of the copy, layer of the model) with
        weights in the same order: `copy_weights` of them brings trained weights back.
    """
    import keras

    folded = _folded_into(model)
    pairs: list[tuple[Any, Any]] = []

    def copied(layer: Any) -> Any:
        if layer.name in folded.values():
            return _layers()["PassThrough"](name=layer.name, dtype=layer.dtype_policy)
        norm = model.get_layer(folded[layer.name]) if layer.name in folded else None
        copy = _lean_layer(layer, norm)
        pairs.append((copy, layer))
        return copy

    lean = keras.models.clone_model(model, clone_function=copied)
    for copy, layer in pairs:
        for inner, original in zip(copy._flatten_layers(), layer._flatten_layers(), strict=True):
            inner.trainable = original.trainable
        if layer.weights:
            copy.set_weights(layer.get_weights())
    return lean, [(copy, layer) for copy, layer in pairs if layer.weights]


def copy_weights(pairs: list[tuple[Any, Any]]) -> None:
    """Gives each second layer the weights of the first."""
    for copy, layer in pairs:
        layer.set_weights(copy.get_weights())


def _folded_into(model: Any) -> dict[str, str]:
    """Convolutions and the BatchNorm that can be folded into each, by their names."""
    import keras

    # Not `layer.input`: the layers of a cut network are part of several graphs.
    steps = read_graph(model).steps
    users = Counter(source for step in steps for source in set(step.inputs))
    calls = Counter(step.name for step in steps)
    found = {}
    for step in steps:
        norm = step.operation
        if not isinstance(norm, keras.layers.BatchNormalization) or norm.trainable or len(step.inputs) != 1:
            continue
        convolution = steps[step.inputs[0]].operation
        alone = users[step.inputs[0]] == calls[norm.name] == calls[convolution.name] == 1
        if alone and _foldable(convolution) and norm.axis in (-1, 3) and norm.compute_dtype == "float32":
            found[convolution.name] = norm.name
    return found


def _foldable(layer: Any) -> bool:
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    return (
        type(layer) in kinds
        and layer.activation is keras.activations.linear
        and not layer.use_bias
        and layer.data_format == "channels_last"
        and layer.compute_dtype == "float32"
        and getattr(layer, "depth_multiplier", 1) == 1
    )


def _lean_layer(layer: Any, norm: Any) -> Any:
    config = layer.get_config()
    if norm is None:
        pointwise = _foldable(layer) and _is_pointwise(layer)
        return _layers()["Pointwise"](None, None, **config) if pointwise else type(layer).from_config(config)
    values = dict(zip((w.name for w in norm.weights), norm.get_weights(), strict=True))
    scale = values.get("gamma", 1.0) / np.sqrt(values["moving_variance"] + norm.epsilon)
    offset = values.get("beta", 0.0) - values["moving_mean"] * scale
    kind = "Pointwise" if _is_pointwise(layer) else type(layer).__name__
    return _layers()[kind](scale.astype(np.float32), offset.astype(np.float32), **config)


def _is_pointwise(layer: Any) -> bool:
    import keras

    plain = type(layer) is keras.layers.Conv2D and layer.groups == 1
    return plain and tuple(layer.kernel_size) == (1, 1) and tuple(layer.strides) == (1, 1)


@cache
def _layers() -> dict[str, Callable[..., Any]]:
    """The layers with something folded into them; made at the first call because Keras is imported late."""
    import keras
    from keras import ops

    class PassThrough(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            return inputs

    class FoldedConv(keras.layers.Conv2D):  # type: ignore[misc]
        def __init__(self, scale: Any, offset: Any, **config: Any) -> None:
            super().__init__(**config)
            self._scale, self._offset = scale, offset

        def call(self, inputs: Any) -> Any:
            return self.convolution_op(inputs, self.kernel * self._scale) + self._offset

    class FoldedDepthwise(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
        def __init__(self, scale: Any, offset: Any, **config: Any) -> None:
            super().__init__(**config)
            self._scale, self._offset = scale, offset

        def call(self, inputs: Any) -> Any:
            maps = ops.depthwise_conv(
                inputs,
                self.kernel * self._scale[:, None],
                strides=self.strides,
                padding=self.padding,
                dilation_rate=self.dilation_rate,
                data_format=self.data_format,
            )
            return maps + self._offset

    class Pointwise(keras.layers.Conv2D):  # type: ignore[misc]
        def __init__(self, scale: Any, offset: Any, **config: Any) -> None:
            super().__init__(**config)
            self._scale, self._offset = scale, offset

        def call(self, inputs: Any) -> Any:
            kernel = self.kernel[0, 0] if self._scale is None else self.kernel[0, 0] * self._scale
            _, height, width, channels = ops.shape(inputs)
            maps = ops.matmul(ops.reshape(inputs, (-1, channels)), kernel)
            if self._offset is not None:
                maps = maps + self._offset
            return ops.reshape(maps, (-1, height, width, self.filters))

    return {
        "PassThrough": PassThrough,
        "Conv2D": FoldedConv,
        "DepthwiseConv2D": FoldedDepthwise,
        "Pointwise": Pointwise,
    }
