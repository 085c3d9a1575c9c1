"""The three convolutions of the example: the counts of the hand-worked case, and that each can be timed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from regraft.backbones.costs import layer_costs, totals

EXAMPLE = Path(__file__).parents[2] / "examples" / "three_convolutions.py"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


def test_counted(example: dict[str, Any]) -> None:
    models = example["networks"](8, 3, 256, 5)
    counted = {name: totals(layer_costs(model)) for name, model in models.items()}
    assert {name: (one.macs, one.parameters) for name, one in counted.items()} == {
        "standard": (1_228_800, 19_200),
        "spatially separable": (64 * (5 * 3 * 256 + 5 * 256 * 256), 5 * 3 * 256 + 5 * 256 * 256),
        "depthwise separable": (53_952, 75 + 768),
    }
    assert {model.output_shape for model in models.values()} == {(None, 8, 8, 256)}
    text = example["table"](counted, {"standard": 2.0, "spatially separable": 1.0, "depthwise separable": 0.5})
    assert text.splitlines()[3].split() == [
        "depthwise",
        "separable",
        "843",
        "53,952",
        "(",
        "4.4%)",
        "0.50",
        "(",
        "25.0%)",
    ]


def test_timed(example: dict[str, Any]) -> None:
    models = example["networks"](4, 2, 3, 3)
    times = example["milliseconds"](models, rounds=2)
    assert list(times) == list(models)
    assert all(0 < taken < 1000 for taken in times.values())
