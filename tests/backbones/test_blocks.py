"""The blocks of every family of the catalogue, and of networks without a card."""

import re
from typing import Any

import pytest

from regraft.backbones._blocks import read_blocks
from regraft.backbones._topology import read_graph
from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.layer_rows import network_outline
from regraft.backbones.names import parse_backbone

# How many blocks, some of them, and the cut before the last: as the papers and Keras' names have them.
QUICK = (
    ("EfficientNetLite0@32", 17, ["stem", "block0", "block15"], "block14_add"),
    ("MobileNet-0.25@32", 14, ["stem", "conv_1", "conv_13"], "conv_pw_12_relu"),
    ("MobileNetV2-0.35@32", 18, ["stem", "expanded_conv", "block_16"], "block_15_add"),
    ("MobileNetV3Small@32", 12, ["stem", "expanded_conv", "expanded_conv_10"], "expanded_conv_9_add"),
    ("EfficientNetV2B0@32", 22, ["stem", "block1a", "block6h"], "block6g_add"),
    ("AlexNet@63", 5, ["conv1", "conv5"], "conv4_relu"),
    ("Xception@71", 14, ["block1", "block2", "block14"], "add_11"),
)
SLOW = (
    ("VGG16@32", 5, ["block1", "block5"], "block4_pool"),
    ("ResNet50@32", 17, ["stem", "conv2_block1", "conv5_block3"], "conv5_block2_out"),
    ("ResNet50V2@32", 17, ["stem", "conv2_block1", "conv5_block3"], "conv5_block2_out"),
    ("InceptionV3@75", 12, ["stem", "mixed0", "mixed10"], "mixed9"),
    (
        "InceptionResNetV2@75",
        44,
        ["stem", "mixed_5b", "block35_1", "mixed_6a", "block17_20", "block8_10"],
        "block8_9_ac",
    ),
    ("DenseNet121@32", 59, ["stem", "conv2_block1", "conv5_block16"], "conv5_block15_concat"),
    ("NASNetMobile@32", 2, ["stem", "stem_1..12"], "stem_bn1"),
    ("EfficientNetB0@32", 17, ["stem", "block1a", "block7a"], "block6d_add"),
    ("ConvNeXtTiny@32", 19, ["stem", "stage_0_block_0", "stage_3_block_2"], "add_16"),
)


@pytest.mark.parametrize(
    ("spelling", "count", "some", "before_last"),
    [*QUICK, *(pytest.param(*row, marks=pytest.mark.slow) for row in SLOW)],
)
def test_a_network_of_the_catalogue(spelling: str, count: int, some: list[str], before_last: str) -> None:
    name = parse_backbone(spelling)
    graph = read_graph(network_outline(name))
    blocks = read_blocks(graph, name.card.blocks)
    names = [block.name for block in blocks]
    assert len(blocks) == count == len(set(names))
    assert [name for name in names if name in some] == some
    assert (names[0], names[-1]) == (some[0], some[-1])
    assert graph.cut_name(blocks[-1].after) == before_last
    assert blocks[0].after == graph.start - 1
    after = [block.after for block in blocks]
    assert after == sorted(set(after))
    assert set(after) <= set(graph.cuts)


def test_every_card_says_how_its_blocks_are_called() -> None:
    assert {card.family for card in CATALOGUE.values()} == {parse_backbone(row[0]).card.family for row in QUICK + SLOW}
    for card in CATALOGUE.values():
        re.compile(card.blocks)


def layers() -> Any:
    import keras

    return keras.layers


def named_blocks(model: Any, pattern: str | None = None) -> list[tuple[str, str]]:
    graph = read_graph(model)
    return [(block.name, graph.cut_name(block.after)) for block in read_blocks(graph, pattern)]


def chain(*names: str) -> Any:
    import keras

    return keras.Sequential([keras.Input((4,)), *(layers().Dense(4, name=name) for name in names)])


def test_names_by_a_pattern() -> None:
    model = chain("first", "a1_x", "a1_y", "between", "a2_x", "end")
    assert named_blocks(model, r"a\d") == [("stem", "input"), ("a1", "first"), ("a2", "between")]
    assert named_blocks(model, r"(a)\d(_)(?:x|y)") == [("stem", "input"), ("a_", "first")]
    assert named_blocks(model, "none") == [("stem", "input")]
    # a stem without weights is no block of its own
    import keras

    model = keras.Sequential([keras.Input((4,)), layers().ReLU(), *chain("a1_x", "a2_x").layers])
    assert named_blocks(model, r"a\d") == [("a1", "input"), ("a2", "a1_x")]


def test_blocks_that_no_cut_divides_are_one() -> None:
    import keras

    pixels = keras.Input((4,))
    one = layers().Dense(4, name="a1")(pixels)
    two = layers().Dense(4, name="a2")(one)
    three = layers().Dense(4, name="a3")(layers().Add(name="skip")([one, two, pixels]))
    assert named_blocks(keras.Model(pixels, layers().Dense(2, name="a4")(three)), r"a\d") == [
        ("a1..a2", "input"),
        ("a3", "skip"),
        ("a4", "a3"),
    ]


def test_without_a_card_merges_end_blocks() -> None:
    import keras

    pixels = keras.Input((4,))
    tensor = layers().Dense(4, name="stem")(pixels)
    for name in ("one", "two"):
        gate = layers().Multiply(name=f"{name}_gate")([tensor, layers().Dense(4, name=f"{name}_dense")(tensor)])
        tensor = layers().Add(name=name)([tensor, layers().Dense(4)(gate)])
    model = keras.Model(pixels, layers().Dense(2)(tensor))
    assert named_blocks(model) == [("one", "input"), ("two", "one")]


def test_without_a_card_each_layer_with_weights_begins_a_block_of_a_chain() -> None:
    import keras

    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers().Rescaling(1 / 255),
            layers().Conv2D(2, 3, name="one"),
            layers().BatchNormalization(),
            layers().ReLU(name="relu"),
            layers().Conv2D(2, 3, name="two"),
            layers().Flatten(name="flat"),
            layers().Dense(2, name="three"),
        ]
    )
    assert named_blocks(model) == [("one", "input"), ("two", "relu"), ("three", "flat")]
