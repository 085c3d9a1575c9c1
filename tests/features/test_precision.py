from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.base import open_base
from regraft.features import openvino_engine, precision
from regraft.features.openvino_engine import resolve_precision
from regraft.features.precision import bf16_error, chosen_precision

needs_bf16 = pytest.mark.skipif(resolve_precision("auto") != "bf16", reason="this processor has no bf16")


@needs_bf16
def test_the_default_backbone_survives_bf16_and_mobilenet_v2_does_not(real_weights: Path) -> None:
    assert chosen_precision("openvino", "auto", open_base("EfficientNetLite0")) == "bf16"
    assert bf16_error(open_base("MobileNetV2")) > 0.1
    assert chosen_precision("openvino", "auto", open_base("MobileNetV2")) == "f32"
    assert chosen_precision("openvino", "bf16", open_base("MobileNetV2")) == "bf16"


@needs_bf16
def test_a_base_that_does_not_survive_is_computed_in_f32(monkeypatch: pytest.MonkeyPatch) -> None:
    base = open_base("EfficientNetLite0@64")
    assert 0 < bf16_error(base) < 1
    assert bf16_error(base) == bf16_error(base)
    monkeypatch.setattr(precision, "LARGEST_BF16_ERROR", 0.0)
    assert chosen_precision("openvino", "auto", base) == "f32"
    assert chosen_precision("keras", "auto", base) == "f32"


def test_f32_asks_for_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bf16_error", None)
    assert chosen_precision("openvino", "f32", open_base("EfficientNetLite0@64")) == "f32"


@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 2, 2)])
def test_the_error_of_features_of_any_shape(
    shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The norm is of all numbers of an image: 5 for (3, 0, 0, 4), a tenth of it for the error (0.3, 0, 0, 0.4)."""

    class Engine:
        def __init__(self, graph: Path, precision: str) -> None:
            self.factor = 1.0 if precision == "f32" else 1.1

        def run(self, images: list[np.ndarray]) -> np.ndarray:
            return self.factor * np.array([[3.0, 0, 0, 4.0]] * len(images)).reshape(-1, *shape)

    monkeypatch.setattr(precision, "base_graph", lambda base: tmp_path / "base.xml")
    monkeypatch.setattr(openvino_engine, "OpenVINOEngine", Engine)
    assert bf16_error(open_base("EfficientNetLite0@64")) == pytest.approx(0.1)
