from __future__ import annotations

import json
from collections.abc import Callable

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
    rows = json.loads(regraft("backbones", "MobileNetV3Small", "--measure", "--json").out)["backbones"]
    assert 0 < rows[0]["ms_per_image"] < 10_000
