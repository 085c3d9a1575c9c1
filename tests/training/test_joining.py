from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from small_tops import SIZE, small_network

from regraft.backbones.base import Base, open_base
from regraft.training.heads import HeadWeights
from regraft.training.joining import join, save_model

SAVE_ON_OPENVINO = """
import sys
from pathlib import Path
import numpy as np
from regraft.backbones.base import open_base
from regraft.training.joining import join, save_model
from regraft.training.weights import HeadWeights
layers = [(np.zeros(shape, "float32"), np.zeros(shape[1], "float32")) for shape in ((1280, 4), (4, 3))]
model = join(open_base("EfficientNetLite0@64"), HeadWeights(tuple(layers)), "softmax", dropout=0.2)
save_model(model, Path(sys.argv[1]))
import keras
print(keras.backend.backend(), "tensorflow" in sys.modules)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A network with BatchNorm that is built in no time; `tests/runs/test_pipeline.py` joins whole ones."""
    path = tmp_path_factory.mktemp("base") / "small.keras"
    small_network().save(path)
    return open_base(str(path))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def features(base: Base, pixels: np.ndarray) -> np.ndarray:
    """What the base gives for them."""
    from regraft.backbones.networks import base_model

    return np.asarray(base_model(base)(pixels))


@pytest.mark.parametrize(
    ("outputs", "activation", "hidden", "dropout"),
    [(3, "softmax", (), 0.0), (1, "sigmoid", (), 0.0), (3, "softmax", (6, 5), 0.3)],
)
def test_the_joined_model_is_the_head_on_the_base(
    base: Base,
    pixels: np.ndarray,
    features: np.ndarray,
    tmp_path: Path,
    outputs: int,
    activation: str,
    hidden: tuple[int, ...],
    dropout: float,
) -> None:
    import keras

    generator = np.random.default_rng(0)
    widths = (features.shape[1], *hidden, outputs)
    layers = [
        (generator.normal(0, 2 / before, (before, units)), generator.normal(size=units))
        for before, units in pairwise(widths)
    ]
    head = HeadWeights(tuple((k.astype(np.float32), b.astype(np.float32)) for k, b in layers), "swish")
    save_model(join(base, head, activation, dropout=dropout), tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert model.input_shape == (None, SIZE, SIZE, 3)
    assert model.inputs[0].dtype == "uint8"
    expected = head.probabilities(features)[:, -outputs:]
    assert np.abs(np.asarray(model(pixels)) - expected).max() < 1e-4
    # All but the head is frozen, statistics of BatchNorm included.
    names = [*(f"head_hidden{number}" for number, _ in enumerate(hidden, 1)), "head"]
    paths = [f"{name}/{kind}" for name in names for kind in ("kernel", "bias")]
    assert [variable.path for variable in model.trainable_variables] == paths
    dropped = [layer.rate for layer in model.layers if layer.name.startswith("head_dropout")]
    assert dropped == [dropout] * len(hidden)


def test_saving_does_not_import_tensorflow(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    command = [sys.executable, "-c", SAVE_ON_OPENVINO, str(tmp_path / "model.keras")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["openvino", "False"]
    assert (tmp_path / "model.keras").is_file()
