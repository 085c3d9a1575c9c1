from __future__ import annotations

from typing import Any

import pytest

from regraft.cli import _layer_table
from regraft.cli._layer_table import aligned, macs_text, say_pairs, shape_text, short


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, "Conv2D / s1"),
        ({"stride": (2, 1)}, "Conv2D / s2×1"),
        ({"padding": "valid"}, "Conv2D / s1, valid"),
        ({"padding": "valid", "filters": ((1, 1, 3, 4),)}, "Conv2D / s1"),
        ({"dilation": (2, 2), "groups": 3}, "Conv2D / s1, dilation 2, 3 groups"),
        ({"kind": "Dense", "stride": None, "dilation": None, "padding": None, "groups": None}, "Dense"),
    ],
)
def test_kinds(changed: dict[str, Any], kind: str) -> None:
    usual = {"kind": "Conv2D", "stride": (1, 1), "padding": "same", "dilation": (1, 1), "groups": 1}
    assert _layer_table._kind({**usual, "filters": ((3, 3, 3, 4),), **changed}) == kind


def test_small_texts() -> None:
    assert shape_text((None, 5, 3)) == "?×5×3"
    assert macs_text({"macs": 1234, "uncounted": ["lstm"]}) == "at least 1,234"
    assert macs_text({"macs": 1234, "uncounted": []}) == "1,234"
    assert short("conv_dw_1") == "conv_dw_1"
    assert short("x" * 30 + "_depthwise_conv") == "…" + "x" * 20 + "_depthwise_conv"


def test_columns(capsys: pytest.CaptureFixture[str]) -> None:
    aligned([["a", "1"], ["bcd", "234"]], right=(1,))
    assert capsys.readouterr().out == "a      1\nbcd  234\n"


def test_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    say_pairs([])
    assert capsys.readouterr().out == "\nIt has no depthwise-separable convolutions.\n"
    say_pairs([], all_known=False)
    assert capsys.readouterr().out == "\nIt has no depthwise-separable convolutions whose sizes are known.\n"
    pair = {"depthwise": "both", "pointwise": "both", "kernel": [3, 1], "stride": [2, 2], "inputs": 4, "outputs": 8}
    say_pairs([pair | {"multiplier": 2, "macs": 100, "standard_macs": 400, "ratio": 0.25, "formula": 0.25}])
    assert "both             3×1 ×2 / s2      4 → 8      100       400  0.2500      0.2500" in capsys.readouterr().out
