from __future__ import annotations

from pathlib import Path

import pytest

from regraft.backbones.base import open_base
from regraft.features import precision
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
