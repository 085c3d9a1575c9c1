from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones._outlines import without_values
from regraft.backbones.alexnet import build_alexnet
from regraft.backbones.base import open_base
from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.graph import export_graph
from regraft.backbones.names import parse_backbone
from regraft.backbones.networks import base_model, build_network
from regraft.errors import InputError

SMALL = parse_backbone("AlexNet@63")


def outline(**options: Any) -> Any:

    with without_values():
        return build_alexnet(**{"size": 224, "include_top": True, "data_format": "channels_last", **options})


def test_layers_are_those_of_torchvision() -> None:
    """Its summary: kernels, maps and parameters of every layer; 61,100,840 in all."""
    network = outline()
    found = [(layer.name, layer.output.shape[1:], layer.count_params()) for layer in network.layers if layer.weights]
    assert found == [
        ("conv1", (55, 55, 64), 23_296),
        ("conv2", (27, 27, 192), 307_392),
        ("conv3", (13, 13, 384), 663_936),
        ("conv4", (13, 13, 256), 884_992),
        ("conv5", (13, 13, 256), 590_080),
        ("fc6", (4096,), 37_752_832),
        ("fc7", (4096,), 16_781_312),
        ("predictions", (1000,), 4_097_000),
    ]
    assert network.get_layer("flatten").input.shape == (None, 6, 6, 256)
    assert network.count_params() == CATALOGUE["AlexNet"].parameters == 61_100_840


def test_smallest_input() -> None:

    card = CATALOGUE["AlexNet"]
    assert outline(size=card.minimum_size, include_top=False).output_shape == (None, card.features)
    with without_values(), pytest.raises(ValueError, match=r"pool5|[Nn]egative"):
        build_alexnet(size=card.minimum_size - 1, include_top=False, data_format="channels_last")
    with pytest.raises(InputError, match="from 63 to"):
        parse_backbone("AlexNet@62")


def test_padding_is_two_rows_at_each_side_as_torch_pads() -> None:
    """The first place of conv1 sees the 9 × 9 pixels in the corner, the last those the stride of 4 reaches."""
    import keras

    network = build_network(SMALL, weights=None)
    conv = keras.Model(network.input, network.get_layer("conv1").output)
    kernel = np.random.default_rng(0).normal(size=(11, 11, 3, 64)).astype(np.float32)
    network.get_layer("conv1").set_weights([kernel, np.zeros(64)])
    pixels = np.random.default_rng(1).normal(size=(1, 63, 63, 3)).astype(np.float32)
    maps = np.asarray(conv(pixels))
    assert maps.shape == (1, 15, 15, 64)
    corner = np.einsum("hwc,hwco->o", pixels[0, :9, :9], kernel[2:, 2:])
    last = np.einsum("hwc,hwco->o", pixels[0, 54:, 54:], kernel[:9, :9])
    np.testing.assert_allclose(maps[0, 0, 0], corner, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(maps[0, 14, 14], last, rtol=1e-3, atol=1e-3)


def test_weights_trained_by_a_user_are_a_base(tmp_path: Path) -> None:
    network = build_network(SMALL, weights=None)
    network.save_weights(tmp_path / "mine.weights.h5")
    base = open_base("AlexNet@63", weights=tmp_path / "mine.weights.h5")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 63, 63, 3), dtype=np.uint8)
    features = np.asarray(base_model(base)(pixels))
    assert features.shape == (2, 256)
    expected = network(SMALL.card.preprocessing.apply(pixels))
    np.testing.assert_allclose(features, np.asarray(expected), rtol=1e-4, atol=1e-4)


def test_without_a_file_there_is_nothing_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"no weights that could be downloaded[\s\S]*--weights FILE[\s\S]*train it"):
        open_base("AlexNet")
    (tmp_path / "alexnet_no_top.weights.h5").write_bytes(b"some weights")
    assert open_base("AlexNet").weights.origin == "weights folder"


@pytest.mark.slow
def test_openvino_gives_what_keras_gives(tmp_path: Path) -> None:
    import openvino

    network = build_network(SMALL, weights=None)
    network.save_weights(tmp_path / "mine.weights.h5")
    preprocessing = SMALL.card.preprocessing
    export_graph(SMALL, tmp_path / "mine.weights.h5", preprocessing, tmp_path / "base.xml")
    graph = openvino.Core().compile_model(tmp_path / "base.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = np.random.default_rng(0).integers(0, 256, (1, 63, 63, 3), dtype=np.uint8)
    expected = np.asarray(network(preprocessing.apply(pixels)))
    np.testing.assert_allclose(graph(pixels)[0], expected, rtol=0, atol=1e-4 * np.ptp(expected))
