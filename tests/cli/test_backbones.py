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
