"""Images squashed to a network's input size, in operations of TensorFlow that ONNX has, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def resized(pixels: Any, height: int, width: int) -> Any:
    """The images at exactly the given size, as `images.resizing.resize` makes them, to within two levels.

    The same two steps under the same conditions: the mean of the pixels that a new one covers, by whole factors, then
    bilinear interpolation between pixel centres, each rounded to whole levels. Both are a weighted sum along either
    axis, thus two matrix products, whose weights are computed from the size that the images turn out to have. A step
    that is not needed is left out (`tf.cond`), so that images of the right size come through as they are.

    Args:
        pixels: uint8 (batch, any height, any width, 3), of one size.
        height: of the result, in pixels, at least 1.
        width: of the result, in pixels, at least 1.

    Returns:
        uint8 (batch, height, width, 3).
    """
    import tensorflow as tf

    old_height, old_width = tf.shape(pixels)[1], tf.shape(pixels)[2]
    down = tf.maximum(1, old_height // height)
    across = tf.maximum(1, old_width // width)
    shrinks = tf.logical_or(tf.minimum(down, across) > 1, tf.maximum(down, across) > 2)
    pixels = tf.cond(
        shrinks,
        lambda: _weighed(pixels, _area_weights, old_height // down, old_width // across),
        lambda: tf.identity(pixels),
    )
    fits = tf.logical_and(tf.equal(tf.shape(pixels)[1], height), tf.equal(tf.shape(pixels)[2], width))
    sized = tf.cond(
        fits,
        lambda: tf.identity(pixels),
        lambda: _weighed(pixels, _bilinear_weights, tf.constant(height), tf.constant(width)),
    )
    return tf.ensure_shape(sized, (None, height, width, 3))


def _weighed(pixels: Any, weights: Callable[[Any, Any], Any], height: Any, width: Any) -> Any:
    """Sums along the height, then along the width: uint8 (batch, height, width, 3) of the new size.

    The right-hand product is of two matrices, which runtimes compute much faster than many with three columns each.
    """
    import tensorflow as tf

    old_height, old_width = tf.shape(pixels)[1], tf.shape(pixels)[2]
    rows = tf.reshape(tf.cast(pixels, tf.float32), (-1, old_height, 3 * old_width))
    rows = tf.matmul(weights(old_height, height), rows)
    channels_before = tf.transpose(tf.reshape(rows, (-1, height, old_width, 3)), (0, 1, 3, 2))
    flat = tf.reshape(channels_before, (-1, old_width))
    flat = tf.matmul(flat, tf.transpose(weights(old_width, width)))
    sums = tf.transpose(tf.reshape(flat, (-1, height, 3, width)), (0, 1, 3, 2))
    return tf.cast(tf.floor(sums + 0.5), tf.uint8)  # halves upwards, as OpenCV rounds the mean of four


def _positions(old: Any, new: Any) -> tuple[Any, Any, Any]:
    """Of the new pixels (new, 1) and of the old ones (1, old), and how many old ones go to a new one; float32."""
    import tensorflow as tf

    ratio = tf.cast(old, tf.float32) / tf.cast(new, tf.float32)
    new_ones = tf.cast(tf.range(new), tf.float32)[:, tf.newaxis]
    return new_ones, tf.cast(tf.range(old), tf.float32)[tf.newaxis], ratio


def _area_weights(old: Any, new: Any) -> Any:
    """Which share of each new pixel each old one covers: float32 (new, old), rows that sum to 1."""
    import tensorflow as tf

    i, j, ratio = _positions(old, new)
    covered = tf.minimum((i + 1.0) * ratio, j + 1.0) - tf.maximum(i * ratio, j)
    return tf.maximum(covered, 0.0) / ratio


def _bilinear_weights(old: Any, new: Any) -> Any:
    """Of the two old pixels whose centres are nearest to that of each new one: float32 (new, old), rows sum to 1."""
    import tensorflow as tf

    i, j, ratio = _positions(old, new)
    centre = tf.clip_by_value((i + 0.5) * ratio - 0.5, 0.0, tf.cast(old, tf.float32) - 1.0)
    return tf.maximum(1.0 - tf.abs(centre - j), 0.0)
