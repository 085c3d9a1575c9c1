from __future__ import annotations

from typing import Any

import pytest
from small_mobilenet import save_small_network

from regraft.backbones.catalogue import get_card
from regraft.backbones.layer_rows import network_outline
from regraft.backbones.names import parse_backbone
from regraft.studies.mobilenet_groups import block_groups


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import keras

    return keras.saving.load_model(save_small_network(tmp_path_factory.mktemp("groups") / "small.keras"))


def test_a_network_of_three_sizes_has_three_groups(network: Any) -> None:
    groups = block_groups(network, None)[:3]
    assert [(group.name, group.pixels) for group in groups] == [("conv_1", 8), ("conv_2", 4), ("conv_3", 2)]
    assert [group.parameters for group in groups] == [9 * 3 * 4 + 16, 9 * 4 * 5 + 20, 9 * 5 * 6 + 24]
    assert [groups[place].layers[-3:-1] for place in (0, 1)] == [("conv_1", "bn_1"), ("conv_2", "bn_2")]
    assert groups[0].cut == "input"


def test_the_groups_of_mobilenet_are_its_five_sizes() -> None:
    name = parse_backbone("MobileNet-0.25@32")
    network = network_outline(name)
    groups = block_groups(network, get_card("MobileNet"))
    assert [(group.name, group.pixels) for group in groups] == [
        ("stem..conv_1", 16),
        ("conv_2..conv_3", 8),
        ("conv_4..conv_5", 4),
        ("conv_6..conv_11", 2),
        ("conv_12..conv_13", 1),
    ]
    layers = [layer for group in groups for layer in group.layers]
    assert len(layers) == len(set(layers))
    assert sum(group.parameters for group in groups) == network.count_params()


def test_where_sizes_are_few_every_block_is_a_group() -> None:
    import keras
    from keras import layers

    pixels = keras.Input((4, 4, 3))
    maps = pixels
    for place in range(4):
        maps = layers.Conv2D(2, 1, name=f"conv_{place}")(maps)
    groups = block_groups(keras.Model(pixels, layers.GlobalAveragePooling2D()(maps)), None)
    assert [group.name for group in groups] == [f"conv_{place}" for place in range(4)]
    assert {group.pixels for group in groups} == {4}
