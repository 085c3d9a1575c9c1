from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_pixels import PIXELS

from regraft.backbones.base import Base
from regraft.backbones.graph import base_graph
from regraft.errors import InputError
from regraft.features.engines import open_engine, resolved_precision
from regraft.features.openvino_engine import OpenVINOEngine, resolve_precision


def test_latency_changes_nothing(base: Base, expected: np.ndarray) -> None:
    engine = OpenVINOEngine(base_graph(base), "f32", latency=True)
    np.testing.assert_allclose(engine.run(PIXELS[:3]), expected[:3], atol=1e-5)


def test_bf16_is_near(base: Base, expected: np.ndarray) -> None:
    if resolve_precision("auto") != "bf16":
        pytest.skip("this processor does not compute in bf16")
    engine = open_engine("openvino", base)
    assert engine.precision == "bf16"
    np.testing.assert_allclose(engine.run(PIXELS), expected, atol=0.02 * float(np.ptp(expected)))


def test_a_base_that_ends_at_a_map(tmp_path: Path) -> None:
    """The graph adds one to every pixel: a map as large as the image."""
    import openvino
    from openvino import opset13 as operations

    pixels = operations.parameter([1, 32, 40, 3], openvino.Type.u8)
    added = operations.add(operations.convert(pixels, "f32"), operations.constant(np.float32(1)))
    openvino.save_model(openvino.Model([added], [pixels]), tmp_path / "map.xml", compress_to_fp16=False)
    engine = OpenVINOEngine(tmp_path / "map.xml", "f32")
    assert engine.shape == (32, 40, 3)
    np.testing.assert_array_equal(engine.run(PIXELS[:9]), PIXELS[:9].astype(np.float32) + 1)
    assert engine.run([]).shape == (0, 32, 40, 3)


@pytest.mark.parametrize(("capabilities", "auto"), [(["FP32", "BF16"], "bf16"), (["FP32"], "f32")])
def test_precision_by_what_the_processor_has(
    capabilities: list[str], auto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Core:
        def get_property(self, device: str, name: str) -> list[str]:
            return capabilities

    import openvino

    monkeypatch.setattr(openvino, "Core", Core)
    assert resolved_precision("openvino", "auto") == auto
    assert resolved_precision("openvino", "f32") == "f32"
    assert resolved_precision("keras", "auto") == "f32"
    if auto == "bf16":
        assert resolve_precision("bf16") == "bf16"
    else:
        with pytest.raises(InputError, match=r"does not compute in bf16[\s\S]*--precision f32"):
            resolve_precision("bf16")


@pytest.mark.parametrize(("part", "content"), [("base.xml", b"no graph"), ("base.bin", b""), ("base.xml", None)])
def test_a_damaged_graph(tmp_path: Path, base: Base, part: str, content: bytes | None) -> None:
    graph = base_graph(base)
    for name in ("base.xml", "base.bin"):
        (tmp_path / name).write_bytes(graph.with_name(name).read_bytes())
    if content is None:
        (tmp_path / part).unlink()
    else:
        (tmp_path / part).write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read or compile[\s\S]*regraft cache --prune"):
        OpenVINOEngine(tmp_path / "base.xml")


def test_nothing_is_written_beside_the_graph(base: Base) -> None:
    open_engine("openvino", base)
    names = {path.name for path in base_graph(base).parent.iterdir()}
    # Another test may have measured this base's bf16; the engine itself leaves nothing.
    assert names - {"bf16_error.json"} == {"base.bin", "base.json", "base.xml"}
