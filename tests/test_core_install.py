"""The core install, in an environment of its own: no TensorFlow, no PyTorch, no JAX, and the whole frozen path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]

CHECK_MODEL = """
import os, sys
os.environ["KERAS_BACKEND"] = "openvino"
import keras, numpy as np
from regraft import RunFolder, read_image
run = RunFolder(sys.argv[1])
rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"][:4]
model = keras.saving.load_model(run.model)
pixels = np.stack([read_image(sys.argv[2] + "/" + row["image"], model.input_shape[1:3]) for row in rows])
answers = np.asarray(model.predict(pixels, verbose=0)).argmax(axis=1)
assert [run.classes()[i] for i in answers] == [row["predicted"] for row in rows]
print(keras.backend.backend(), *({"tensorflow", "torch", "jax"} & set(sys.modules)))
"""


def pip_for(bin_folder: Path) -> list[str]:
    """The pip of the tests' own environment, at work on another one."""
    return [sys.executable, "-m", "pip", "--python", str(bin_folder / "python")]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with `pip install regraft` and nothing else in it."""
    folder = tmp_path_factory.mktemp("core") / "env"
    venv.create(folder, with_pip=False)
    # Compiling what is installed would take longer than installing it, and most of it is never imported.
    pip = [*pip_for(folder / "bin"), "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    constraints = ["-c", str(CHECKOUT / "constraints.txt")]
    done = subprocess.run([*pip, *constraints, str(CHECKOUT)], capture_output=True, text=True, check=False)
    if done.returncode and "Could not find a version" in done.stderr and "from versions: none" in done.stderr:
        pytest.skip("no package index can be reached to install regraft's dependencies from")
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "bin"


def outcome(core: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    environment["REGRAFT_CACHE"] = str(folder / "cache")
    program = [str(core / command[0]), *command[1:]]
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=False, cwd=folder)


def answer(core: Path, folder: Path, *command: str) -> str:
    done = outcome(core, folder, *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_frozen_path_needs_no_training_backend(core: Path, photos: Path, tmp_path: Path) -> None:
    listed = subprocess.run([*pip_for(core), "list", "--format", "json"], capture_output=True, text=True, check=True)
    installed = json.loads(listed.stdout)
    names = {package["name"].lower() for package in installed}
    assert "regraft" in names
    assert not names & {"tensorflow", "tensorflow-cpu", "torch", "jax", "jaxlib"}

    train = ("regraft", "train", str(photos), "--output", "run", "--epochs", "10", "--json")
    trained = json.loads(answer(core, tmp_path, *train))
    assert Path(tmp_path, trained["report"]).is_file()
    evaluated = json.loads(answer(core, tmp_path, "regraft", "evaluate", "run", str(photos), "--json"))
    assert evaluated["accuracy"] == trained["test"]["accuracy"]
    image = next((photos / "red").iterdir())
    predicted = json.loads(answer(core, tmp_path, "regraft", "predict", "run", str(image), "--json"))
    assert predicted["predictions"][0]["label"] == "red"
    checked = answer(core, tmp_path, "python", "-c", CHECK_MODEL, "run", str(photos))
    assert checked.split() == ["openvino"]


@pytest.mark.parametrize("option", ["--standard", "--finetune"])
def test_training_through_keras_names_the_extra(core: Path, photos: Path, tmp_path: Path, option: str) -> None:
    refused = outcome(core, tmp_path, "regraft", "train", str(photos), option, "--output", "new")
    assert refused.returncode == 2
    assert 'pip install "regraft[tensorflow]"' in refused.stderr
    assert not (tmp_path / "new").exists()
