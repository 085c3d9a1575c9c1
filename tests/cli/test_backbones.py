from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from regraft.backbones.catalogue import CATALOGUE


def test_the_table_has_every_backbone(regraft: Callable) -> None:
    done = regraft("backbones")
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert names == list(CATALOGUE)
    assert names[0] == "EfficientNetLite0"


def test_json_and_one_backbone(regraft: Callable) -> None:
    rows = json.loads(regraft("backbones", "mobilenetv2", "--json").out)["backbones"]
    assert [row["name"] for row in rows] == ["MobileNetV2"]
    assert rows[0]["parameters"] == CATALOGUE["MobileNetV2"].parameters
    assert "MobileNetV2" in regraft("backbones", "MobileNetV2").out
    assert regraft("backbones", "Nonsense").code == 2


def test_measure_adds_this_machines_time(regraft: Callable) -> None:
    rows = json.loads(regraft("backbones", "MobileNetV2-0.35@64", "--measure", "--json").out)["backbones"]
    assert 0 < rows[0]["ms_per_image"] < 10_000


def test_widths_and_sizes(regraft: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "mobilenet_v2_0.35_224_no_top.weights.h5").touch()
    names = ("MobileNetV2-0.35@64", "mobilenetv2@64")
    rows = json.loads(regraft("backbones", *names, "--json").out)["backbones"]
    assert [(row["name"], row["size"], row["weights_here"]) for row in rows] == [
        ("MobileNetV2-0.35@64", 64, True),
        ("MobileNetV2@64", 64, False),
    ]
    assert [row["parameters"] for row in rows] == [None, CATALOGUE["MobileNetV2"].parameters]
    assert "MobileNetV2-0.35@64" in regraft("backbones", *names).out
    assert regraft("backbones", "MobileNetV2-0.36").code == 2


def test_blocks_and_layers(regraft: Callable) -> None:
    done = regraft("backbones", "mobilenetv2-0.35@64", "--layers")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert ["16", "block_1", "expanded_conv_project_BN", "32×32×8", "1,616"] in lines
    assert ["block_2_add", "Add", "16×16×8", "0", "block_2", "cut"] in lines
    assert ["block_2_project", "Conv2D", "16×16×8", "384", "block_2"] in lines
    row = json.loads(regraft("backbones", "mobilenetv2-0.35@64", "--json").out)["backbones"][0]
    assert "layers" not in row
    assert row["blocks"][0] == {"name": "stem", "cut": "input", "activations": [64, 64, 3], "parameters": 496}
    assert len(row["blocks"]) == 18


def test_a_saved_model(regraft: Callable, tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    conv, head = layers.Conv2D(4, 3, name="conv"), layers.Dense(2, name="head\x1b[31m")
    keras.Sequential([keras.Input((8, 8, 3)), conv, layers.Flatten(name="flat"), head]).save(tmp_path / "model.keras")
    for place in (tmp_path, tmp_path / "model.keras"):
        row = json.loads(regraft("backbones", place, "MobileNetV2-0.35@32", "--layers", "--json").out)["backbones"][1]
        assert row["name"] == str(place)
        assert [(layer["name"], layer["cut"]) for layer in row["layers"]][:3] == [
            ("input", True),
            ("conv", True),
            ("flat", True),
        ]
    shown = regraft("backbones", tmp_path, "--layers").out
    assert "flat" in shown
    assert "\x1b" not in shown
    assert "licence" not in shown


def test_what_has_no_layers(regraft: Callable, tmp_path: Path) -> None:
    assert "needs the name of a backbone" in regraft("backbones", "--layers").err
    for name in (tmp_path / "none.keras", tmp_path, "x" * 5000, "a\0b"):
        assert regraft("backbones", name, "--layers").code == 2
