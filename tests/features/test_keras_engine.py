from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from engine_pixels import PIXELS

from regraft.backbones.base import Base
from regraft.backbones.networks import base_model
from regraft.features import keras_engine
from regraft.features.keras_engine import KerasEngine


def test_a_base_that_ends_at_a_map(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    whole = base_model(base)
    model = keras.Model(whole.inputs[0], next(layer for layer in whole.layers if layer.name.startswith("conv")).output)
    monkeypatch.setattr(keras_engine, "base_model", lambda base: model)
    engine = KerasEngine(base)
    assert engine.shape == (10, 12, 16)
    features = engine.run(iter(PIXELS[:40]))
    assert (features.dtype, features.shape) == (np.float32, (40, 10, 12, 16))
    np.testing.assert_allclose(features, np.asarray(model(PIXELS[:40])), atol=1e-5)
    assert engine.run([]).shape == (0, 10, 12, 16)


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
