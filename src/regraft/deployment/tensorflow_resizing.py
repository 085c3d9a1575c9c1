"""Images squashed to a network's input size, in operations of TensorFlow that ONNX has, too."""

from __future__ import annotations

from typing import Any


def resized(pixels: Any, height: int, width: int) -> Any:
    """The images at exactly the given size, as `images.resizing.resize` makes them, to within two levels.

    The same two steps under the same conditions: the mean of the pixels that a new one covers, by whole factors, then
    bilinear interpolation between pixel centres, each rounded to whole levels. Both are a weighted sum along either
    axis, whose weights are computed from the size that the images turn out to have. A step that is not needed is left
    out (`tf.cond`), so that images of the right size come through as they are.

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
        lambda: _shrunk(pixels, old_height // down, old_width // across),
        lambda: tf.identity(pixels),
    )
    fits = tf.logical_and(tf.equal(tf.shape(pixels)[1], height), tf.equal(tf.shape(pixels)[2], width))
    sized = tf.cond(
        fits,
        lambda: tf.identity(pixels),
        lambda: _interpolated(pixels, height, width),
    )
    return tf.ensure_shape(sized, (None, height, width, 3))


def _shrunk(pixels: Any, height: Any, width: Any) -> Any:
    """Each new pixel the mean of those it covers: uint8 (batch, height, width, 3).

    Along the height, where a picture is still large, only the rows that a new one covers are taken, and become numbers
    of four bytes then: a product with all rows takes five times as long for a photo of 12 million pixels.
    """
    import tensorflow as tf

    old_height, old_width = tf.shape(pixels)[1], tf.shape(pixels)[2]
    i, _, ratio = _positions(old_height, height)
    count = (old_height + height - 1) // height + 1  # rows that one new row touches at most
    j = tf.floor(i * ratio) + tf.cast(tf.range(count), tf.float32)[tf.newaxis]
    covered = tf.reshape(tf.minimum(tf.cast(j, tf.int32), old_height - 1), (-1,))  # past the end they weigh nothing
    rows = tf.gather(tf.reshape(pixels, (-1, old_height, 3 * old_width)), covered, axis=1)
    rows = tf.reshape(tf.cast(rows, tf.float32), (-1, height, count, 3 * old_width))
    rows = tf.matmul(_covers(i, j, ratio)[tf.newaxis, :, tf.newaxis], rows)
    i, j, ratio = _positions(old_width, width)
    return _across(rows, _covers(i, j, ratio), height, width)


def _interpolated(pixels: Any, height: int, width: int) -> Any:
    """Bilinear interpolation between pixel centres: uint8 (batch, height, width, 3)."""
    import tensorflow as tf

    old_height, old_width = tf.shape(pixels)[1], tf.shape(pixels)[2]
    rows = tf.reshape(tf.cast(pixels, tf.float32), (-1, old_height, 3 * old_width))
    rows = tf.matmul(_bilinear_weights(old_height, height), rows)
    return _across(rows, _bilinear_weights(old_width, width), height, width)


def _across(rows: Any, weights: Any, height: Any, width: Any) -> Any:
    """Sums along the width, rounded: uint8 (batch, height, width, 3) of rows of the right number.

    It is a product of two matrices, which runtimes compute much faster than many with three columns each.
    """
    import tensorflow as tf

    old_width = tf.shape(weights)[1]
    channels_before = tf.transpose(tf.reshape(rows, (-1, height, old_width, 3)), (0, 1, 3, 2))
    flat = tf.matmul(tf.reshape(channels_before, (-1, old_width)), tf.transpose(weights))
    sums = tf.transpose(tf.reshape(flat, (-1, height, 3, width)), (0, 1, 3, 2))
    return tf.cast(tf.floor(sums + 0.5), tf.uint8)  # halves upwards, as OpenCV rounds the mean of four


def _positions(old: Any, new: Any) -> tuple[Any, Any, Any]:
    """Of the new pixels (new, 1) and of the old ones (1, old), and how many old ones go to a new one; float32."""
    import tensorflow as tf

    ratio = tf.cast(old, tf.float32) / tf.cast(new, tf.float32)
    new_ones = tf.cast(tf.range(new), tf.float32)[:, tf.newaxis]
    return new_ones, tf.cast(tf.range(old), tf.float32)[tf.newaxis], ratio


def _covers(i: Any, j: Any, ratio: Any) -> Any:
    """Which share of each new pixel i an old one j covers: float32, rows that sum to 1."""
    import tensorflow as tf

    return tf.maximum(tf.minimum((i + 1.0) * ratio, j + 1.0) - tf.maximum(i * ratio, j), 0.0) / ratio


def _bilinear_weights(old: Any, new: Any) -> Any:
    """Of the two old pixels whose centres are nearest to that of each new one: float32 (new, old), rows sum to 1."""
    import tensorflow as tf

    i, j, ratio = _positions(old, new)
    centre = tf.clip_by_value((i + 0.5) * ratio - 0.5, 0.0, tf.cast(old, tf.float32) - 1.0)
    return tf.maximum(1.0 - tf.abs(centre - j), 0.0)
