from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.backbones._outlines import without_values
from regraft.backbones.costs import layer_costs, network_costs
from regraft.backbones.names import parse_backbone
from regraft.backbones.separable import SeparablePair, separable_pairs


def layers() -> Any:
    import keras

    return keras.layers


def pairs_of(model: Any) -> list[SeparablePair]:
    return separable_pairs(layer_costs(model))


def chain(*steps: Any, shape: tuple[int | None, ...] = (12, 12, 3)) -> Any:
    import keras

    return keras.Sequential([keras.Input(shape), *steps])


def is_exact(pair: SeparablePair) -> bool:
    """The paper's formula, in whole numbers."""
    window = pair.kernel[0] * pair.kernel[1]
    expected = pair.multiplier * (Fraction(1, pair.outputs) + Fraction(1, window))
    assert pair.ratio == pytest.approx(pair.formula, rel=1e-12)
    return Fraction(pair.macs, pair.standard_macs) == expected


def test_hand_worked() -> None:
    """12 × 12 × 3, windows of 5 × 5 without padding, 256 channels: 8 × 8 places."""
    kinds = layers()
    expected = SeparablePair(
        depthwise="depthwise", pointwise="pointwise", kernel=(5, 5), stride=(1, 1), inputs=3, outputs=256,
        multiplier=1, macs=4_800 + 49_152, standard_macs=1_228_800, parameters=75 + 768, standard_parameters=19_200,
    )  # fmt: skip
    found = pairs_of(chain(kinds.DepthwiseConv2D(5, name="depthwise"), kinds.Conv2D(256, 1, name="pointwise")))
    assert found == [expected]
    assert found[0].ratio == 53_952 / 1_228_800 == pytest.approx(0.0439, abs=5e-5)
    assert is_exact(found[0])
    (one,) = pairs_of(chain(kinds.SeparableConv2D(256, 5, name="both")))
    assert (one.depthwise, one.pointwise, one.macs, one.standard_macs) == ("both", "both", 53_952, 1_228_800)


@settings(max_examples=12)
@given(
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)), stride=st.integers(1, 3), inputs=st.integers(1, 5),
    outputs=st.integers(1, 9), multiplier=st.integers(1, 3), padding=st.sampled_from(["same", "valid"]),
)  # fmt: skip
def test_the_formula_is_exact_and_the_standard_convolution_is_counted_like_any(
    kernel: tuple[int, int], stride: int, inputs: int, outputs: int, multiplier: int, padding: str
) -> None:

    kinds, how = layers(), {"strides": stride, "padding": padding}
    with without_values():
        both = chain(
            kinds.DepthwiseConv2D(kernel, depth_multiplier=multiplier, **how), kinds.Conv2D(outputs, 1),
            shape=(11, 13, inputs),
        )  # fmt: skip
        standard = chain(kinds.Conv2D(outputs, kernel, use_bias=False, **how), shape=(11, 13, inputs))
        (pair,) = pairs_of(both)
        assert is_exact(pair)
        assert pair.standard_macs == layer_costs(standard)[1].macs
        assert pair.standard_parameters == standard.count_params()
        assert pair.macs == sum(row.macs or 0 for row in layer_costs(both))


def test_what_may_stand_between() -> None:
    import keras

    kinds = layers()
    steps = kinds.BatchNormalization(), kinds.ReLU(6.0), kinds.Activation("relu"), kinds.Dropout(0.5)
    assert len(pairs_of(chain(kinds.DepthwiseConv2D(3), *steps, kinds.Conv2D(4, 1)))) == 1
    for between in (kinds.MaxPooling2D(), kinds.Conv2D(3, 3), kinds.ZeroPadding2D(1)):
        assert pairs_of(chain(kinds.DepthwiseConv2D(3), between, kinds.Conv2D(4, 1))) == []
    # squeeze-and-excitation: the gates are made from the same maps
    pixels = keras.Input((8, 8, 4))
    maps = kinds.DepthwiseConv2D(3, name="dw")(pixels)
    gates = kinds.Conv2D(4, 1, name="gates")(kinds.GlobalAveragePooling2D(keepdims=True)(maps))
    out = kinds.Conv2D(6, 1, name="pw")(kinds.Multiply()([maps, gates]))
    assert [(pair.depthwise, pair.pointwise) for pair in pairs_of(keras.Model(pixels, out))] == [("dw", "pw")]


def test_other_spellings() -> None:
    kinds = layers()
    (pair,) = pairs_of(chain(kinds.Conv2D(6, 3, groups=3), kinds.LayerNormalization(), kinds.Dense(5)))
    assert (pair.inputs, pair.outputs, pair.multiplier, pair.macs) == (3, 5, 2, 100 * (9 * 6 + 6 * 5))
    assert is_exact(pair)


def test_what_is_no_pair() -> None:
    import keras

    kinds = layers()
    depthwise = kinds.DepthwiseConv2D(3)
    for steps in (
        (kinds.Conv2D(4, 3), kinds.Conv2D(4, 1)),
        (kinds.DepthwiseConv2D(3), kinds.Conv2D(4, 3)),
        (kinds.DepthwiseConv2D(3), kinds.Conv2D(4, 1, strides=2)),
        (kinds.DepthwiseConv2D(3), kinds.Conv2D(3, 1, groups=3)),
        (kinds.Conv2D(4, 1), kinds.DepthwiseConv2D(3)),
        (kinds.DepthwiseConv2D(3), kinds.GlobalAveragePooling2D(), kinds.Dense(3)),
    ):
        assert pairs_of(chain(*steps)) == []
    # maps of two depthwise convolutions, or one that two 1×1 convolutions follow
    pixels = keras.Input((8, 8, 3))
    maps = depthwise(pixels)
    both = kinds.Multiply()([maps, kinds.DepthwiseConv2D(3)(pixels)])
    assert pairs_of(keras.Model(pixels, kinds.Conv2D(4, 1)(both))) == []
    assert pairs_of(keras.Model(pixels, [kinds.Conv2D(4, 1)(maps), kinds.Conv2D(5, 1)(maps)])) == []


def test_open_sizes_have_no_count() -> None:
    model = chain(layers().SeparableConv2D(4, 3), shape=(None, None, 3))
    assert pairs_of(model) == []
    assert len(separable_pairs(layer_costs(model, (8, 8)))) == 1


@pytest.mark.parametrize(
    ("spelling", "count"),
    # as the papers have them: a pair a block; Xception two or three SeparableConv2D in each of its blocks
    [
        ("MobileNet-0.25@32", 13),
        ("VGG16@32", 0),
        pytest.param("MobileNetV2@64", 17, marks=pytest.mark.slow),
        pytest.param("MobileNetV3Small@64", 11, marks=pytest.mark.slow),
        pytest.param("Xception@71", 34, marks=pytest.mark.slow),
    ],
)
def test_networks(spelling: str, count: int) -> None:
    found = separable_pairs(network_costs(parse_backbone(spelling)))
    assert len(found) == count
    assert all(is_exact(pair) for pair in found)


def test_mobilenet_of_standard_convolutions() -> None:
    """Howard et al. 2017, table 4: 4866 million multiply-adds in place of 569."""
    rows = network_costs(parse_backbone("MobileNet"))
    standard = sum(row.macs or 0 for row in rows) + sum(
        pair.standard_macs - pair.macs for pair in separable_pairs(rows)
    )
    assert standard / 1e6 == pytest.approx(4866, abs=2)
