"""The network of the digits study by TensorFlow operations that are fast on a CPU: the same numbers as Keras gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def training_function(network: Any) -> Callable[[Any], Any]:
    """What a network made by `digit_network` makes of pixels (batch, height, width, 1) in training: probabilities.

    Two things are other than in Keras. Bias and ReLU of the second convolution come after the pooling, on a quarter of
    the numbers: the largest of four stays the largest. Both gradients of the second convolution are written as
    convolutions themselves, which TensorFlow computes faster than its own operations for them.
    """
    import tensorflow as tf

    layers = {layer.name: layer for layer in network.layers}
    names = list(layers)
    after = [layers[name] for name in names[names.index("features") :]]
    convolution = _convolution()

    def outputs(pixels: Any) -> Any:
        maps = layers["convolution1"](layers["scaling"](pixels))
        second = layers["convolution2"]
        maps = tf.nn.max_pool2d(convolution(maps, tf.convert_to_tensor(second.kernel)), 2, 2, "VALID")
        maps = tf.nn.relu(maps + second.bias)
        for layer in after:
            maps = layer(maps, training=True)
        return maps

    return outputs


def _convolution() -> Any:
    """A convolution of maps with a kernel, without borders, and its gradients."""
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def convolution(maps: Any, kernel: Any) -> Any:
        def gradients(upstream: Any) -> tuple[Any, Any]:
            border = [[0, 0], *([size - 1] * 2 for size in kernel.shape[:2]), [0, 0]]
            turned = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
            to_maps = tf.nn.conv2d(upstream, turned, 1, border)
            # Channels take the place of images, and images that of channels.
            by_channel, by_filter = tf.transpose(maps, (3, 1, 2, 0)), tf.transpose(upstream, (1, 2, 0, 3))
            to_kernel = tf.nn.conv2d(by_channel, by_filter, 1, "VALID")
            return to_maps, tf.transpose(to_kernel, (1, 2, 0, 3))

        return tf.nn.conv2d(maps, kernel, 1, "VALID"), gradients

    return convolution
