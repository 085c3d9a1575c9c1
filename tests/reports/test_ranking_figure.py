from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from regraft.evaluation.intervals import wilson_interval
from regraft.reports import ranking_figure as figure_file
from regraft.reports.ranking_figure import ranking_figure
from regraft.transfer.ranked import RankedBackbone


def backbone(name: str, right: int, milliseconds: float, on_front: bool = False) -> RankedBackbone:
    return RankedBackbone(
        name=name,
        size=(224, 224),
        accuracy=right / 1000,
        accuracy_interval=wilson_interval(right, 1000),
        neighbour_accuracy=0.8,
        log_me=0.1,
        h_score=3.0,
        plain_h_score=4.0,
        top1=None,
        features=1280,
        parameters=None,
        size_mb=None,
        macs=None,
        ms_per_image=milliseconds,
        precision="f32",
        computed=0,
        on_front=on_front,
        seconds={},
        right=np.ones(1000, bool),
    )


MANY = [backbone(f"MobileNetV2-0.{n}@{160 + n}", 880 + n % 4, 5.0 + 0.05 * n, n == 3) for n in range(12)]


def test_every_name_once_and_nothing_that_breaks_a_page() -> None:
    rows = [
        backbone("EfficientNetLite0", 889, 20.6, True),
        backbone("<b>&\u202e$5.keras", 870, 21.0),
        backbone("MobileNetV2-0.35", 882, 2.2, True),
    ]
    drawn = ranking_figure(rows)
    assert ElementTree.fromstring(drawn.svg).tag.endswith("svg")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn.svg)
    for name in ("EfficientNetLite0", "&lt;b&gt;&amp;\\u202e$5.keras", "MobileNetV2-0.35"):
        assert texts.count(name) == 1
    assert "MobileNetV2-0.35 88.2\N{NARROW NO-BREAK SPACE}% at 2.2 ms and EfficientNetLite0" in drawn.description
    assert drawn.svg == ranking_figure(rows).svg


def test_names_lie_on_no_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: list[tuple[float, float, float, float]] = []
    real = figure_file._free_place

    def placed(x: float, y: float, long: float, wide: float, taken: list[tuple[float, ...]]) -> tuple[float, float]:
        left, low = real(x, y, long, wide, taken)  # type: ignore[arg-type]
        boxes.append((left, low, left + long, low + figure_file._LINE))
        return left, low

    monkeypatch.setattr(figure_file, "_free_place", placed)
    ranking_figure(MANY)
    assert len(boxes) == 12
    for place, one in enumerate(boxes):
        assert not any(figure_file._overlap(one, other) for other in boxes[:place])
        assert one[0] >= 0
        assert one[2] <= figure_file.FULL_WIDTH


def test_one_backbone_and_equal_ones() -> None:
    assert "EfficientNetLite0" in ranking_figure([backbone("EfficientNetLite0", 1000, 3.0, True)]).svg
    assert ranking_figure([backbone("A", 0, 1.0, True), backbone("B", 0, 1.0, True)]).svg.count(">B<") == 1
