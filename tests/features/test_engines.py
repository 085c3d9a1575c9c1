import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.base import Base
from regraft.backbones.graph import base_graph
from regraft.backbones.networks import base_model
from regraft.errors import InputError
from regraft.features import openvino_engine
from regraft.features.engines import ENGINES, open_engine, resolved_precision
from regraft.features.openvino_engine import OpenVINOEngine, resolve_precision

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 32, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def expected(base: Base) -> np.ndarray:
    return np.asarray(base_model(base)(PIXELS))


@pytest.mark.parametrize("name", ENGINES)
def test_features_in_the_order_of_the_images(name: str, base: Base, expected: np.ndarray) -> None:
    engine = open_engine(name, base, "f32")
    assert engine.precision == "f32"
    features = engine.run(iter(PIXELS))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, atol=1e-5)
    np.testing.assert_allclose(engine.run(iter(PIXELS[::-7])), expected[::-7], atol=1e-5)
    assert engine.run([]).shape == (0, 16)


def test_latency_changes_nothing(base: Base, expected: np.ndarray) -> None:
    engine = OpenVINOEngine(base_graph(base), "f32", latency=True)
    np.testing.assert_allclose(engine.run(PIXELS[:3]), expected[:3], atol=1e-5)


def test_bf16_is_near(base: Base, expected: np.ndarray) -> None:
    if resolve_precision("auto") != "bf16":
        pytest.skip("this processor does not compute in bf16")
    engine = open_engine("openvino", base)
    assert engine.precision == "bf16"
    np.testing.assert_allclose(engine.run(PIXELS), expected, atol=0.02 * float(np.ptp(expected)))


@pytest.mark.parametrize("name", ENGINES)
def test_an_error_among_the_images_passes_through(name: str, base: Base) -> None:
    def images():
        yield PIXELS[0]
        raise OSError("the disk is gone")

    engine = open_engine(name, base, "f32")
    with pytest.raises(OSError, match="the disk is gone"):
        engine.run(images())
    assert engine.run(PIXELS[:2]).shape == (2, 16)  # still usable


@pytest.mark.parametrize("function", [lambda name, precision: open_engine(name, None, precision), resolved_precision])
def test_unknown_engines_and_precisions(function) -> None:
    with pytest.raises(InputError, match=r"no engine 'tpu'[\s\S]*openvino or keras"):
        function("tpu", "f32")
    for name in ENGINES:
        with pytest.raises(InputError, match=r"no precision 'f16'[\s\S]*auto or f32 or bf16"):
            function(name, "f16")
    with pytest.raises(InputError, match=r"keras engine computes in f32[\s\S]*--engine openvino"):
        function("keras", "bf16")


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
    assert {path.name for path in base_graph(base).parent.iterdir()} == {"base.bin", "base.json", "base.xml"}
    assert "CACHE_DIR" not in vars(openvino_engine)


REFUSED = """
import sys
from regraft.backbones.base import open_base
from regraft.errors import InputError
from regraft.features.engines import open_engine
try:
    open_engine("keras", open_base(sys.argv[1]))
except InputError as error:
    print(error)
"""


def test_the_keras_engine_refuses_a_backend_that_may_compute_in_bf16(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    command = [sys.executable, "-c", REFUSED, base.spelling]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot run on Keras' openvino backend" in done.stdout
    assert "leave --engine keras out" in done.stdout
