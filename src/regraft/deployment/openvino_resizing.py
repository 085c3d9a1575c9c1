"""Images of any size brought to the network's, as OpenVINO operations: what `images.resizing.resize` does."""

from __future__ import annotations

from typing import Any

import numpy as np


def resized(image: Any, height: int, width: int) -> Any:
    """The images at exactly the given size, as `images.resizing.resize` makes them (within 2 of 255 levels).

    Shrinking by whole factors is a product with matrices that hold how much of each new pixel an old one covers; the
    rest of the way is bilinear interpolation between pixel centres. The matrices are computed in the graph from the
    image's own shape. An image of the right size comes out as it is.

    Args:
        image: an OpenVINO node, uint8 (batch, any height, any width, 3).
        height, width: of the result, in pixels.

    Returns:
        A node, uint8 (batch, height, width, 3).
    """

    return _interpolated(_shrunk_where_needed(image, height, width), height, width)


def _shrunk_where_needed(image: Any, height: int, width: int) -> Any:
    """Images shrunk by the whole factors they hold, where `resize` does so; others as they are.

    There is no branch in the graph (OpenVINO 2026.4 feeds what follows an `If` with old memory at the first image of a
    new size). Instead the image goes both ways, and has no rows on the way that is not its own, so that nothing is
    computed there; both are put together again.
    """
    import openvino.opset15 as ops

    shape = ops.shape_of(image, "i64")
    tall, wide = _element(shape, 1), _element(shape, 2)
    down = ops.maximum(_whole(1), ops.divide(tall, _whole(height)))  # whole numbers: rounds down
    across = ops.maximum(_whole(1), ops.divide(wide, _whole(width)))
    shrinks = ops.logical_or(
        ops.greater(ops.minimum(down, across), _whole(1)), ops.greater(ops.maximum(down, across), _whole(2))
    )
    narrow = ops.select(shrinks, ops.divide(wide, across), wide)
    none, one = _whole(0), _whole(1)
    direct = _corner(image, ops.select(shrinks, none, tall), narrow)
    tall, wide = ops.select(shrinks, tall, none), ops.select(shrinks, wide, one)
    shrunk = _shrunk(_corner(image, tall, wide), (tall, wide), (ops.divide(tall, down), narrow))
    return ops.concat([direct, shrunk], 1)


def _corner(image: Any, tall: Any, wide: Any) -> Any:
    """So many rows and columns of the images, from the first ones on."""
    import openvino.opset15 as ops

    return ops.slice(image, _whole([0, 0]), _shape(tall, wide), _whole([1, 1]), _whole([1, 2]))


def _shrunk(pixels: Any, old: tuple[Any, Any], new: tuple[Any, Any]) -> Any:
    """Each new pixel the mean of those it covers: uint8 (batch, *new, 3) from (batch, *old, 3).

    Along the height, where a picture is still large, only the rows that a new one covers are taken, and become numbers
    of four bytes then: a product with all rows takes four times as long for a photo of 12 million pixels.
    """
    import openvino.opset15 as ops

    batch, zero, one, three = _element(ops.shape_of(pixels, "i64"), 0), _whole(0), _whole(1), _whole(3)
    (tall, wide), (short, narrow) = old, new
    starts = ops.multiply(ops.unsqueeze(ops.range(zero, short, one, "i64"), one), tall)
    parts = ops.maximum(short, one)  # there are no rows where nothing is to be shrunk
    # Rows that one new row touches at most; those past the end weigh nothing.
    count = ops.add(ops.divide(ops.subtract(ops.add(tall, parts), one), parts), one)
    touched = ops.add(ops.divide(starts, parts), ops.unsqueeze(ops.range(zero, count, one, "i64"), zero))
    rows = ops.reshape(pixels, _shape(batch, tall, ops.multiply(wide, three)), special_zero=False)
    every = ops.reshape(ops.minimum(touched, ops.subtract(tall, one)), _whole([-1]), special_zero=False)
    rows = ops.convert(ops.gather(rows, every, one), "f32")
    rows = ops.reshape(rows, _shape(batch, short, count, ops.multiply(wide, three)), special_zero=False)
    shares = ops.unsqueeze(_shares(starts, tall, touched, short), _whole([0, 2]))
    rows = ops.matmul(shares, rows, False, False)
    columns = ops.reshape(rows, _shape(batch, short, wide, three), special_zero=False)
    columns = ops.transpose(columns, _whole([0, 1, 3, 2]))
    # One large product: OpenVINO takes several times as long for many small ones.
    columns = ops.reshape(columns, _shape(batch, ops.multiply(short, three), wide), special_zero=False)
    columns = ops.matmul(columns, _cover(wide, narrow), False, True)
    columns = ops.reshape(columns, _shape(batch, short, three, narrow), special_zero=False)
    return _levels(ops.transpose(columns, _whole([0, 1, 3, 2])))


def _cover(old: Any, new: Any) -> Any:
    """How much of each new pixel each old one covers along one axis: float32 (new, old), each row summing to 1."""
    import openvino.opset15 as ops

    zero, one = _whole(0), _whole(1)
    starts = ops.unsqueeze(ops.multiply(ops.range(zero, new, one, "i64"), old), one)
    return _shares(starts, old, ops.unsqueeze(ops.range(zero, old, one, "i64"), zero), new)


def _shares(starts: Any, old: Any, cells: Any, new: Any) -> Any:
    """How much of each new pixel the old ones `cells` cover, where the axis has `old` and gets `new`: float32.

    New pixel i covers what lies from i·s to (i + 1)·s, s = old / new, and old pixel j what lies from j to j + 1. In
    units of 1/new of an old pixel all ends are whole numbers, and exact; `starts` are the i·s so.
    """
    import openvino.opset15 as ops

    cells = ops.multiply(cells, new)
    shared = ops.subtract(
        ops.minimum(ops.add(starts, old), ops.add(cells, new)),
        ops.maximum(starts, cells),
    )
    return ops.divide(ops.convert(ops.maximum(shared, _whole(0)), "f32"), ops.convert(old, "f32"))


def _interpolated(pixels: Any, height: int, width: int) -> Any:
    """Bilinear interpolation between pixel centres: uint8 (batch, height, width, 3)."""
    import openvino.opset15 as ops

    values = ops.interpolate(
        ops.convert(pixels, "f32"),
        np.array([height, width], np.int64),
        "linear_onnx",
        "sizes",
        axes=np.array([1, 2], np.int64),
        coordinate_transformation_mode="half_pixel",
    )
    # OpenCV works in whole quarters of a level and drops what is below, an eighth on average. With it, no image comes
    # out lighter; whole levels, and so images of the right size, stay as they are.
    return _levels(ops.subtract(values, np.float32(0.125)))


def _shape(*sides: Any) -> Any:
    import openvino.opset15 as ops

    return ops.concat([ops.unsqueeze(side, _whole(0)) for side in sides], 0)


def _levels(values: Any) -> Any:
    """Whole levels, as OpenCV rounds them."""
    import openvino.opset15 as ops

    return ops.convert(ops.clamp(ops.round(values, "half_away_from_zero"), 0.0, 255.0), "u8")


def _whole(values: int | list[int]) -> Any:
    import openvino.opset15 as ops

    return ops.constant(np.array(values, np.int64))


def _element(shape: Any, axis: int) -> Any:
    import openvino.opset15 as ops

    return ops.gather(shape, _whole(axis), _whole(0))
