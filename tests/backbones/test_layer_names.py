"""Names that are the same whatever a process has built before."""

from typing import Any

import pytest

from regraft.backbones.layer_names import rename_layers
from regraft.backbones.names import parse_backbone
from regraft.backbones.networks import build_network

SLOW = ("Xception@71", "InceptionV3@75", "InceptionResNetV2@75", "NASNetMobile@32", "ConvNeXtTiny@32", "DenseNet121@32")
SPELLINGS = ("MobileNetV3Small@32", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW))


def names(network: Any) -> list[str]:
    return [operation.name for operation in network.operations]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_built_again(spelling: str) -> None:
    name = parse_backbone(spelling)
    first = names(build_network(name, weights=None))
    other = "channels_first" if name.card.channels_first else "channels_last"
    assert names(build_network(name, weights=None, data_format=other)) == first
    assert len(set(first)) == len(first)
    if spelling == "MobileNetV3Small@32":  # as in a process that has built nothing else
        assert {"activation", "activation_1", "re_lu", "re_lu_1", "rescaling"} <= set(first)


def test_only_the_names_keras_makes_are_changed() -> None:
    import keras

    layers = keras.layers
    for made_before in (layers.Dense(2), layers.ReLU()):
        assert made_before.name
    pixels = keras.Input((4,), name="pixels")
    tensor = layers.ReLU()(layers.Dense(4)(layers.Dense(4, name="dense_like")(pixels)))
    model = keras.Model(pixels, layers.Dense(3)(tensor) + 1.0)
    rename_layers(model)
    assert names(model) == ["pixels", "dense_like", "dense", "re_lu", "dense_1", "add"]


def test_a_renamed_network_is_saved_and_loaded(tmp_path: Any) -> None:
    import keras
    import numpy as np

    keras.layers.Conv2D(2, 3)
    pixels = keras.Input((6, 6, 3))
    tensor = keras.layers.Conv2D(2, 3)(pixels)
    model = keras.Model(pixels, keras.layers.Conv2D(4, 3)(tensor))
    rename_layers(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert names(loaded) == ["input_layer", "conv2d", "conv2d_1"]
    images = np.ones((1, 6, 6, 3), np.float32)
    np.testing.assert_array_equal(np.asarray(loaded(images)), np.asarray(model(images)))
