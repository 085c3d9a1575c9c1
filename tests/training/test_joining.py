from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.base import Base, open_base
from regraft.training.heads import head_probabilities
from regraft.training.joining import join, save_model

SAVE_ON_OPENVINO = """
import sys
from pathlib import Path
import numpy as np
from regraft.backbones.base import open_base
from regraft.training.joining import join, save_model
model = join(open_base("EfficientNetLite0@64"), np.zeros((1280, 3), "float32"), np.zeros(3, "float32"), "softmax")
save_model(model, Path(sys.argv[1]))
import keras
print(keras.backend.backend(), "tensorflow" in sys.modules)
"""


@pytest.fixture(scope="module")
def base() -> Base:
    return open_base("EfficientNetLite0@64")


@pytest.mark.parametrize(("outputs", "activation"), [(3, "softmax"), (1, "sigmoid")])
def test_the_joined_model_is_the_head_on_the_base(base: Base, tmp_path: Path, outputs: int, activation: str) -> None:
    import keras

    from regraft.backbones.networks import base_model

    generator = np.random.default_rng(0)
    kernel = generator.normal(0, 0.05, (1280, outputs)).astype(np.float32)
    bias = generator.normal(size=outputs).astype(np.float32)
    pixels = generator.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    features = np.asarray(base_model(base).predict(pixels, verbose=0))
    save_model(join(base, kernel, bias, activation), tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert model.input_shape == (None, 64, 64, 3)
    assert model.inputs[0].dtype == "uint8"
    expected = head_probabilities(features, kernel, bias)[:, -outputs:]
    assert np.abs(np.asarray(model.predict(pixels, verbose=0)) - expected).max() < 1e-4
    # All but the head is frozen, statistics of BatchNorm included.
    assert [variable.path for variable in model.trainable_variables] == ["head/kernel", "head/bias"]


def test_saving_does_not_import_tensorflow(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    command = [sys.executable, "-c", SAVE_ON_OPENVINO, str(tmp_path / "model.keras")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["openvino", "False"]
    assert (tmp_path / "model.keras").is_file()
