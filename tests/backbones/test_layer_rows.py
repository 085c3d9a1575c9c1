from typing import Any

import pytest

from regraft.backbones.cuts import find_cut
from regraft.backbones.layer_rows import BlockRow, LayerRow, block_rows, layer_rows, network_outline
from regraft.backbones.names import parse_backbone
from regraft.backbones.networks import build_network
from regraft.errors import InputError


def residual() -> Any:
    import keras

    layers = keras.layers
    pixels = keras.Input((8, 6, 3), name="pixels")
    tensor = layers.Conv2D(4, 3, padding="same", name="stem")(pixels)
    added = layers.Add(name="add")([tensor, layers.Conv2D(4, 1, name="branch")(tensor)])
    return keras.Model(pixels, layers.Dense(2, name="head")(layers.GlobalAveragePooling2D(name="pool")(added)))


def test_the_rows() -> None:
    assert layer_rows(residual()) == [
        LayerRow("input", "InputLayer", (8, 6, 3), 0, "", True),
        LayerRow("stem", "Conv2D", (8, 6, 4), 112, "add", True),
        LayerRow("branch", "Conv2D", (8, 6, 4), 20, "add", False),
        LayerRow("add", "Add", (8, 6, 4), 0, "add", True),
        LayerRow("pool", "GlobalAveragePooling2D", (4,), 0, "add", True),
        LayerRow("head", "Dense", (2,), 10, "add", False),
    ]
    assert block_rows(residual()) == [BlockRow("add", "input", (8, 6, 3), 142)]


def test_open_sizes_and_layers_used_twice() -> None:
    import keras

    pixels = keras.Input((None, None, 3))
    twice = keras.layers.Conv2D(3, 1, name="twice")
    rows = layer_rows(keras.Model(pixels, keras.layers.Conv2D(2, 1, name="end")(twice(twice(pixels)))))
    assert [(row.name, row.output_shape, row.cut) for row in rows] == [
        ("input", (None, None, 3), True),
        ("twice", (None, None, 3), False),
        ("end", (None, None, 2), False),
    ]


def test_the_marks_are_what_find_cut_takes_and_the_order_is_that_of_keras() -> None:
    name = parse_backbone("MobileNetV2-0.35@32")
    model = build_network(name, weights=None)
    rows = layer_rows(model, name.card)
    assert [row.name for row in rows][1:] == [layer.name for layer in model.layers][1:]
    assert sum(row.parameters for row in rows) == model.count_params()
    for row in rows[::7]:
        if row.cut:
            assert find_cut(model, at=row.name).at == row.name
        else:
            with pytest.raises(InputError):
                find_cut(model, at=row.name)
    blocks = block_rows(model, name.card)
    assert sum(block.parameters for block in blocks) == model.count_params()
    for left, block in zip(range(len(blocks), 0, -1), blocks, strict=True):
        plan = find_cut(model, blocks=left, card=name.card)
        assert plan.at == block.cut
        assert {row.block for row in rows if row.name in plan.trainable} == {one.name for one in blocks[-left:]}
        assert block.activations == next(row.output_shape for row in rows if row.name == block.cut)


def test_an_outline_is_the_network_without_the_values() -> None:
    name = parse_backbone("MobileNet-0.25@32")
    assert layer_rows(network_outline(name)) == layer_rows(build_network(name, weights=None))


def test_a_model_that_has_no_rows() -> None:
    with pytest.raises(InputError, match="cannot be cut"):
        layer_rows(object())
