"""Hand-worked layers, and convolutions against a count of the products that each output number is the sum of."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.backbones._layer_calls import layer_calls
from regraft.backbones._layer_macs import NO_RULE, OPEN_SIZE, Filters, read_filters
from regraft.backbones._outlines import without_values


def layers() -> Any:
    import keras

    return keras.layers


def filters_of(layer: Any, shape: tuple[int | None, ...]) -> Filters:
    import keras

    tensor = keras.Input(shape)
    with without_values():
        return read_filters(layer_calls(keras.Model(tensor, layer(tensor)))[-1])


# 12 × 12 × 3 in, windows of 5 × 5 without padding: 8 × 8 places out.
@pytest.mark.parametrize(
    ("kind", "options", "shapes", "macs"),
    [
        ("Conv2D", {"filters": 256, "kernel_size": 5}, ((5, 5, 3, 256),), (1_228_800,)),
        ("DepthwiseConv2D", {"kernel_size": 5}, ((5, 5, 3, 1),), (4_800,)),
        ("SeparableConv2D", {"filters": 256, "kernel_size": 5}, ((5, 5, 3, 1), (1, 1, 3, 256)), (4_800, 49_152)),
        ("DepthwiseConv2D", {"kernel_size": 5, "depth_multiplier": 2}, ((5, 5, 3, 2),), (9_600,)),
        ("Conv2D", {"filters": 1, "kernel_size": (5, 1)}, ((5, 1, 3, 1),), (5 * 3 * 8 * 12,)),
        ("Conv2D", {"filters": 6, "kernel_size": 5, "groups": 3}, ((5, 5, 1, 6),), (25 * 6 * 64,)),
        ("Conv2D", {"filters": 4, "kernel_size": 5, "padding": "same"}, ((5, 5, 3, 4),), (25 * 3 * 4 * 144,)),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": (2, 1)}, ((3, 3, 3, 4),), (9 * 12 * 5 * 10,)),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2}, ((3, 3, 3, 4),), (9 * 12 * 64,)),
        ("Conv2DTranspose", {"filters": 4, "kernel_size": 5, "strides": 2}, ((5, 5, 3, 4),), (25 * 12 * 144,)),
        ("Dense", {"units": 7}, ((3, 7),), (3 * 7 * 144,)),
    ],
)
def test_hand_worked(kind: str, options: dict[str, Any], shapes: Any, macs: tuple[int, ...]) -> None:
    assert filters_of(getattr(layers(), kind)(**options), (12, 12, 3)) == Filters(shapes, macs)


def test_other_dimensions_and_formats() -> None:
    assert filters_of(layers().Conv1D(4, 3), (10, 2)).macs == (3 * 2 * 4 * 8,)
    assert filters_of(layers().Conv3D(4, 3), (5, 6, 7, 2)).macs == (27 * 2 * 4 * 3 * 4 * 5,)
    assert filters_of(layers().SeparableConv1D(4, 3), (10, 2)).macs == (3 * 2 * 8, 2 * 4 * 8)
    first = filters_of(layers().DepthwiseConv2D(3, data_format="channels_first"), (3, 8, 6))
    assert first == filters_of(layers().DepthwiseConv2D(3), (8, 6, 3)) == Filters(((3, 3, 3, 1),), (27 * 24,))


@settings(max_examples=12)
@given(
    side=st.integers(3, 7), kernel=st.integers(1, 3), stride=st.integers(1, 2), groups=st.sampled_from([1, 2]),
    inputs=st.sampled_from([2, 4]), outputs=st.sampled_from([2, 6]),
)  # fmt: skip
def test_every_output_number_is_the_sum_of_so_many_products(
    side: int, kernel: int, stride: int, groups: int, inputs: int, outputs: int
) -> None:
    """A convolution of ones with ones gives at each place how many products it adds up."""
    maps, weights = np.ones((side, side, inputs)), np.ones((kernel, kernel, inputs // groups, outputs))
    counted, starts = 0.0, range(0, side - kernel + 1, stride)
    for row, column, output in product(starts, starts, range(outputs)):
        first = output // (outputs // groups) * (inputs // groups)
        window = maps[row : row + kernel, column : column + kernel, first : first + inputs // groups]
        counted += float((window * weights[..., output]).sum())
    layer = layers().Conv2D(outputs, kernel, strides=stride, groups=groups)
    assert filters_of(layer, (side, side, inputs)).macs == (counted,)


def test_what_multiplies_nothing() -> None:
    kinds = layers()
    for layer in (
        kinds.BatchNormalization(), kinds.LayerNormalization(), kinds.PReLU(), kinds.MaxPooling2D(), kinds.ReLU(),
        kinds.Rescaling(1 / 255), kinds.Flatten(), kinds.Dropout(0.5),
    ):  # fmt: skip
        assert filters_of(layer, (8, 8, 4)) == Filters()


def test_what_has_no_rule_is_not_guessed() -> None:
    import keras

    class Wider(keras.layers.Conv2D):
        """It may do what it likes in its call."""

    class Scale(keras.layers.Layer):
        def call(self, maps: Any) -> Any:
            return keras.ops.matmul(maps, maps)

    kinds = layers()
    for layer, shape in (
        (kinds.LSTM(3), (5, 4)), (kinds.GRU(3), (5, 4)), (kinds.TimeDistributed(kinds.Dense(2)), (5, 4)),
        (kinds.EinsumDense("abc,cd->abd", (5, 2)), (5, 4)), (kinds.Lambda(lambda x: x), (5, 4)),
        (Wider(3, 2), (8, 8, 3)), (Scale(), (4, 4)),
    ):  # fmt: skip
        assert filters_of(layer, shape) == Filters(macs=None, uncounted=NO_RULE)
    left = keras.Input((5, 4))
    for tensor in (
        kinds.MultiHeadAttention(2, 3)(left, left), kinds.Attention()([left, left]), left @ kinds.Permute((2, 1))(left),
        kinds.Dot(axes=2)([left, left]), keras.ops.einsum("bij,bkj->bik", left, left),
    ):  # fmt: skip
        assert read_filters(layer_calls(keras.Model(left, tensor))[-1]) == Filters(macs=None, uncounted=NO_RULE)


def test_open_sizes() -> None:
    open_size = filters_of(layers().Conv2D(4, 3), (None, None, 3))
    assert open_size == Filters(((3, 3, 3, 4),), None, OPEN_SIZE)
    assert filters_of(layers().GlobalAveragePooling2D(), (None, None, 3)) == Filters()


def test_weights_added_beside_those_of_a_layer() -> None:
    dense = layers().Dense(8)
    dense.build((None, 4))
    dense.enable_lora(2)
    assert "LoRA" in filters_of(dense, (4,)).uncounted
