import numpy as np
import pytest
from engine_pixels import PIXELS

from regraft.backbones.base import Base
from regraft.errors import InputError
from regraft.features.engines import ENGINES, open_engine, resolved_precision


@pytest.mark.parametrize("name", ENGINES)
def test_features_in_the_order_of_the_images(name: str, base: Base, expected: np.ndarray) -> None:
    engine = open_engine(name, base, "f32")
    assert engine.precision == "f32"
    features = engine.run(iter(PIXELS))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, atol=1e-5)
    np.testing.assert_allclose(engine.run(iter(PIXELS[::-7])), expected[::-7], atol=1e-5)
    assert engine.shape == (16,)
    assert engine.run([]).shape == (0, 16)


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
