"""Costs against Keras' own parameter counts, an independent counter, published figures and hand-worked rows."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
from profiled import profiled_macs

from regraft.backbones._outlines import without_values
from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.costs import LayerCost, Totals, layer_costs, network_costs, totals
from regraft.backbones.names import BackboneName, parse_backbone
from regraft.backbones.networks import build_network
from regraft.errors import InputError

# The whole catalogue at its usual sizes with -m slow.
PROFILED = ("MobileNet-0.25@32", "AlexNet@63")
EVERY = [*PROFILED, *(pytest.param(name, marks=pytest.mark.slow) for name in CATALOGUE)]


def layers() -> Any:
    import keras

    return keras.layers


def branched() -> Any:
    """A frozen convolution, one called twice, a BatchNorm, and a layer that shares no rule."""
    import keras

    pixels = keras.Input((8, 8, 3), name="pixels")
    twice = layers().Conv2D(3, 3, padding="same", name="twice")
    tensor = layers().BatchNormalization(name="bn")(twice(twice(pixels)))
    frozen = layers().Conv2D(4, 3, strides=2, dilation_rate=1, use_bias=False, name="frozen", trainable=False)(tensor)
    rows = layers().Reshape((9, 4), name="rows")(layers().MaxPooling2D(1, name="pool")(frozen))
    return keras.Model(pixels, layers().Dense(2, name="end")(layers().LSTM(2, name="lstm")(rows)))


def test_the_rows() -> None:
    rows = {(row.name, position): row for position, row in enumerate(layer_costs(branched()))}
    assert rows["frozen", 4] == LayerCost(
        name="frozen", kind="Conv2D", stride=(2, 2), dilation=(1, 1), padding="valid", groups=1, window=None,
        filters=((3, 3, 3, 4),), input=(8, 8, 3), output=(3, 3, 4), parameters=108, trainable=0, macs=108 * 9,
        filter_macs=(108 * 9,), uncounted="", sources=(3,),
    )  # fmt: skip
    pool = rows["pool", 5]
    assert (pool.window, pool.stride, pool.groups, pool.macs) == ((1, 1), (1, 1), None, 0)
    # called twice: it costs twice, but has its parameters once
    assert [(rows["twice", at].macs, rows["twice", at].parameters) for at in (1, 2)] == [(5184, 84), (5184, 0)]
    assert (rows["bn", 3].parameters, rows["bn", 3].trainable, rows["bn", 3].stride) == (12, 6, None)
    assert (rows["lstm", 7].macs, rows["lstm", 7].uncounted) == (None, "no rule for this kind of layer")
    assert min(rows, key=lambda row: row[1]) == ("pixels", 0)


def test_the_totals() -> None:
    model = branched()
    assert totals(layer_costs(model)) == Totals(
        parameters=model.count_params(),
        trainable=model.count_params() - 108 - 6,
        macs=2 * 5184 + 972 + 2 * 2,
        uncounted=("lstm",),
    )
    assert totals([]) == Totals(0, 0, 0, ())


def test_an_open_size_is_uncounted_until_it_is_given() -> None:
    import keras

    model = keras.Sequential([keras.Input((None, None, 3)), layers().Conv2D(4, 3, name="conv")])
    assert totals(layer_costs(model)).uncounted == ("conv",)
    assert totals(layer_costs(model, (12, 10))) == Totals(112, 112, 27 * 4 * 10 * 8, ())
    with pytest.raises(InputError, match="2 sizes"):
        layer_costs(model, (12,))


def test_channels_first_is_shown_and_counted_like_channels_last() -> None:
    name = parse_backbone("AlexNet@63")

    with without_values():
        first, last = (
            layer_costs(build_network(name, weights=None, include_top=True, data_format=data_format))
            for data_format in ("channels_first", "channels_last")
        )
    assert [row.macs for row in first] == [row.macs for row in last]
    kinds = ("Conv2D", "MaxPooling2D", "ZeroPadding2D")
    assert [row for row in first if row.kind in kinds] == [row for row in last if row.kind in kinds]


@pytest.mark.parametrize("spelling", EVERY)
def test_equals_tensorflows_profiler_and_keras_parameters(spelling: str) -> None:

    with without_values():
        model = build_network(parse_backbone(spelling), weights=None, include_top=True)
        found = totals(layer_costs(model))
        assert found == Totals(model.count_params(), found.trainable, profiled_macs(model), ())
    assert found.trainable == sum(prod(variable.shape) for variable in model.trainable_variables)


PUBLISHED = [
    ("MobileNet", 569, 0.5),  # Howard et al. 2017 (arXiv:1704.04861), tables 4, 6 and 7
    ("MobileNet-0.25", 41, 0.7),
    ("MobileNet@160", 290, 0.7),
    ("AlexNet", 714, 0.5),  # torchvision's documentation: 0.71 billion
]
OTHERS_PUBLISHED = [
    ("MobileNet-0.75", 325, 0.5),
    ("MobileNet-0.5", 149, 0.7),
    ("MobileNet@192", 418, 0.5),
    ("MobileNet@128", 186, 0.5),
    ("MobileNetV2", 300, 1),  # Sandler et al. 2018 (arXiv:1801.04381), table 4
    ("MobileNetV3Small", 56, 1),  # Howard et al. 2019 (arXiv:1905.02244), table 3
]


@pytest.mark.parametrize(
    ("spelling", "millions", "within"),
    [*PUBLISHED, *(pytest.param(*row, marks=pytest.mark.slow) for row in OTHERS_PUBLISHED)],
)
def test_published_figures(spelling: str, millions: float, within: float) -> None:
    assert totals(network_costs(parse_backbone(spelling))).macs == pytest.approx(1e6 * millions, abs=1e6 * within)


def test_the_two_towers_of_2012() -> None:
    """Krizhevsky et al. 2012, one network with groups: 60,965,224 parameters and 724 million MACs at 227 pixels."""
    import keras

    kinds = layers()
    convolutions = [kinds.Conv2D(96, 11, strides=4), kinds.Conv2D(256, 5, padding="same", groups=2)]
    convolutions += [kinds.Conv2D(384, 3, padding="same"), kinds.Conv2D(384, 3, padding="same", groups=2)]
    convolutions += [kinds.Conv2D(256, 3, padding="same", groups=2)]
    with without_values():
        model = keras.Sequential([keras.Input((227, 227, 3))])
        for number, layer in enumerate(convolutions):
            model.add(layer)
            if number in (0, 1, 4):
                model.add(kinds.MaxPooling2D(3, 2))
        for layer in (kinds.Flatten(), kinds.Dense(4096), kinds.Dense(4096), kinds.Dense(1000)):
            model.add(layer)
        found = totals(layer_costs(model))
    by_hand = 105_415_200 + 223_948_800 + 149_520_384 + 112_140_288 + 74_760_192 + 37_748_736 + 16_777_216 + 4_096_000
    assert (found.parameters, found.macs) == (60_965_224, by_hand)
    assert round(by_hand / 1e6) == 724


def test_a_network_has_its_classes() -> None:
    name = BackboneName("MobileNet", 0.25, 32)
    rows = network_costs(name)
    assert [row.output for row in rows if row.name == "conv_preds"] == [(1, 1, 1000)]
    assert rows[0].input == rows[0].output == (32, 32, 3)
