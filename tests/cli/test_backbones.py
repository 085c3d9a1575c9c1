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
    assert regraft("backbones", "MobileNetV2-0.36").code == 2


def test_the_layers_pairs_and_blocks_of_a_network(regraft: Callable) -> None:
    done = regraft("backbones", "mobilenet-0.25@32")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert max(map(len, done.out[done.out.index("layer  ") :].splitlines())) <= 160
    rows = {line[0]: line for line in reversed(lines) if line}
    assert rows["conv1"] == ["conv1", "Conv2D", "/", "s2", "3×3×3×8", "32×32×3", "16×16×8", "216", "55,296"]
    assert rows["conv_dw_1"][3:] == ["s1", "3×3×8×1", "16×16×8", "16×16×8", "72", "18,432"]
    assert rows["conv_dw_2"][3:] == ["s2,", "valid", "3×3×16×1", "17×17×16", "8×8×16", "144", "9,216"]
    assert ["total", "475,544", "1,088,128"] in lines
    assert "27 BatchNormalization, 27 ReLU" in done.out
    assert "470,072 of them trainable; 1,088,128 multiply-accumulates an image; without the 1,000 classes" in done.out
    pair = "conv_dw_1 + conv_pw_1 3×3 / s1 8 → 16 51,200 294,912 0.1736 0.1736"
    assert pair.split() in lines
    assert ["13", "conv_1", "conv1_relu", "16×16×8", "296"] in lines
    assert "normalisation, activations, pooling and additions are not counted" in done.err


def test_every_layer_and_its_cut(regraft: Callable) -> None:
    done = regraft("backbones", "mobilenetv2-0.35@64", "--layers")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[1][:2] == ["MobileNetV2-0.35@64", "64"]
    assert ["16", "block_1", "expanded_conv_project_BN", "32×32×8", "1,616"] in lines
    assert ["block_2_add", "Add", "16×16×8", "0", "0", "block_2", "cut"] in lines
    assert ["block_2_project", "Conv2D", "/", "s1", "1×1×48×8", "16×16×8", "384", "98,304", "block_2"] in lines
    assert ["predictions", "Dense", "1280×1000", "1000", "1,281,000", "1,280,000"] in lines  # no part of the base


def test_json_has_all_of_it(regraft: Callable) -> None:
    row = json.loads(regraft("backbones", "mobilenetv2-0.35@64", "--json").out)["backbones"][0]
    assert row["blocks"][0] == {"name": "stem", "cut": "input", "activations": [64, 64, 3], "parameters": 496}
    assert len(row["blocks"]) == 18
    assert len(row["separable_pairs"]) == 17
    layers = {layer["name"]: layer for layer in row["layers"]}
    add, project = layers["block_2_add"], layers["block_2_project"]
    assert (add["cut"], add["block"], add["macs"], add["filters"]) == ("block_2_add", "block_2", 0, [])
    assert (project["cut"], project["filters"], project["macs"]) == (None, [[1, 1, 48, 8]], 98_304)
    assert row["totals"]["macs"] == sum(layer["macs"] for layer in row["layers"])
    assert row["totals"]["uncounted"] == []
    assert row["totals_without_top"]["macs"] == row["totals"]["macs"] - 1_280_000
    assert [pair["ratio"] for pair in row["separable_pairs"]] == pytest.approx(
        [pair["formula"] for pair in row["separable_pairs"]]
    )


def test_several_are_compared(regraft: Callable) -> None:
    done = regraft("backbones", "MobileNet-0.25@32", "AlexNet@63")
    lines = [line.split() for line in done.out.splitlines()]
    found = {line[0]: line for line in lines if line and line[0] in ("MobileNet-0.25@32", "AlexNet@63")}
    assert found["MobileNet-0.25@32"][1:3] == ["475,544", "1,088,128"]
    assert found["AlexNet@63"][2:] == ["61,444,800", "-", "-"]
    assert ["AlexNet@63", "63", "61.1", "M", "233", "-", "-", "8", "256", "1", "file", "your", "file's"] in lines


def test_a_saved_model(regraft: Callable, tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    conv, head = layers.Conv2D(4, 3, name="conv"), layers.Dense(2, name="head\x1b[31m")
    keras.Sequential([keras.Input((8, 8, 3)), conv, layers.Flatten(name="flat"), head]).save(tmp_path / "model.keras")
    for place in (tmp_path, tmp_path / "model.keras"):
        row = json.loads(regraft("backbones", place, "MobileNetV2-0.35@32", "--layers", "--json").out)["backbones"][1]
        assert row["name"] == str(place)
        assert [layer["name"] for layer in row["layers"]][:3] == ["input", "conv", "flat"]
        assert [layer["cut"] for layer in row["layers"]] == ["input", "conv", "flat", None]
    shown = regraft("backbones", tmp_path, "--layers").out
    assert "flat" in shown
    assert "\x1b" not in shown
    assert "licence" not in shown


def test_a_saved_model_that_is_open_nested_and_not_all_known(regraft: Callable, tmp_path: Path) -> None:
    import keras

    kinds = keras.layers
    inner = keras.Sequential([keras.Input((None, None, 3)), kinds.SeparableConv2D(8, 3, name="sep")], name="inner")
    pixels = keras.Input((None, None, 3))
    tensor = kinds.Reshape((-1, 4))(kinds.Conv2D(4, 3, strides=(2, 1), padding="same", name="c")(inner(pixels)))
    keras.Model(pixels, kinds.LSTM(5, name="lstm")(tensor)).save(tmp_path / "open.keras")
    done = regraft("backbones", tmp_path / "open.keras", "--layers", "--size", "20x22")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    sizes = ["3×3×3×1", "+", "1×1×3×8", "18×20×8", "59", "18,360", "inner", "cut", "inner"]
    assert ["inner/sep", "SeparableConv2D", "/", "s1,", "valid", *sizes] in lines
    assert ["c", "Conv2D", "/", "s2×1", "3×3×8×4", "9×20×4", "292", "51,840", "c", "cut"] in lines
    assert ["lstm", "LSTM", "5", "200", "?", "lstm"] in lines
    assert "551 parameters, 551 of them trainable; at least 70,200 multiply-accumulates" in done.out
    assert "Not counted: lstm (LSTM): no rule for this kind of layer." in done.out
    done = regraft("backbones", tmp_path / "open.keras")
    assert "inner/sep (SeparableConv2D): its input size is open." in done.out
    assert "--size 224 gives it" in done.err
    for arguments, said in (
        ((tmp_path / "open.keras", "--size", "0"), "--size is not a size"),
        ((tmp_path / "open.keras", "--size", "1x2x3"), "2 sizes for its input of ?×?×3"),
        (("MobileNet", "--size", "64"), "NAME@SIZE"),
    ):
        done = regraft("backbones", *arguments)
        assert (done.code, said in done.err) == (2, True)


def test_a_saved_model_that_cannot_be_cut_is_counted_all_the_same(regraft: Callable, tmp_path: Path) -> None:
    import keras

    pixels = keras.Input((8, 8, 1))
    ends = [keras.layers.Conv2D(4, 3, name=name)(pixels) for name in ("one", "two")]
    keras.Model(pixels, ends).save(tmp_path / "two.keras")
    done = regraft("backbones", tmp_path / "two.keras", "--json")
    assert "no blocks and no cuts" in done.err
    row = json.loads(done.out)["backbones"][0]
    assert row["blocks"] == []
    assert row["totals"] == {"parameters": 80, "trainable": 80, "macs": 2 * 36 * 36, "uncounted": []}


def test_what_has_no_layers(regraft: Callable, tmp_path: Path) -> None:
    assert "needs the name of a backbone" in regraft("backbones", "--layers").err
    for name in (tmp_path / "none.keras", tmp_path, "x" * 5000, "a\0b"):
        assert regraft("backbones", name, "--layers").code == 2
