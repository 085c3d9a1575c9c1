"""The core install, in an environment of its own: no TensorFlow, no PyTorch, no JAX, and the whole frozen path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[1]

# The commands one after the other in one process, which imports all they need only once.
COMMANDS = """
import json, sys
from regraft.cli.main import app
for command in json.loads(sys.argv[1]):
    app(command, standalone_mode=False)
"""

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


def asked_for(root: Distribution) -> dict[str, Distribution]:
    """What a distribution needs without its extras, by name, from the tests' own environment; versions checked."""
    found: dict[str, Distribution] = {}

    def add(needed: Distribution, extras: Iterable[str]) -> None:
        for requirement in map(Requirement, needed.requires or []):
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                continue
            name = canonicalize_name(requirement.name)
            here = distribution(name)
            assert requirement.specifier.contains(here.version, prereleases=True), requirement
            if name not in found or requirement.extras:
                found[name] = here
                add(here, requirement.extras)

    add(root, ())
    return found


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with what `pip install regraft` puts there, and nothing else in it.

    Regraft is built and installed. What it declares that it needs, and what those need, are the tested versions that
    `make` has installed in the tests' own environment, linked: installing them a second time proves no more.
    """
    folder = tmp_path_factory.mktemp("core") / "env"
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    install = [*pip, "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps", str(CHECKOUT)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode and "Could not find a version" in done.stderr and "from versions: none" in done.stderr:
        pytest.skip("no package index can be reached to install what builds regraft")
    assert done.returncode == 0, done.stderr[-2000:]
    (site,) = folder.glob("lib/python*/site-packages")
    (regraft,) = distributions(name="regraft", path=[str(site)])
    for needed in asked_for(regraft).values():
        for name in {file.parts[0] for file in needed.files or ()} - {"..", "__pycache__"}:
            (site / name).symlink_to(str(needed.locate_file(name)))
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
    (site,) = core.parent.glob("lib/python*/site-packages")
    names = {canonicalize_name(installed.name) for installed in distributions(path=[str(site)])}
    assert "regraft" in names
    assert not names & {"tensorflow", "tensorflow-cpu", "torch", "jax", "jaxlib"}

    train = ("regraft", "train", str(photos), "--output", "run", "--epochs", "10", "--json")
    trained = json.loads(answer(core, tmp_path, *train))
    assert Path(tmp_path, trained["report"]).is_file()
    image = next((photos / "red").iterdir())
    commands = [["evaluate", "run", str(photos), "--json"], ["predict", "run", str(image), "--json"]]
    done = answer(core, tmp_path, "python", "-c", COMMANDS, json.dumps(commands))
    evaluated, predicted = _objects(done)
    assert evaluated["accuracy"] == trained["test"]["accuracy"]
    assert predicted["predictions"][0]["label"] == "red"
    checked = answer(core, tmp_path, "python", "-c", CHECK_MODEL, "run", str(photos))
    assert checked.split() == ["openvino"]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand one after the other in a text."""
    position = 0
    while text[position:].strip():
        content, position = json.JSONDecoder().raw_decode(text, position)
        yield content
        position += len(text[position:]) - len(text[position:].lstrip())


@pytest.mark.parametrize("option", ["--standard", "--finetune"])
def test_training_through_keras_names_the_extra(core: Path, photos: Path, tmp_path: Path, option: str) -> None:
    refused = outcome(core, tmp_path, "regraft", "train", str(photos), option, "--output", "new")
    assert refused.returncode == 2
    assert 'pip install "regraft[tensorflow]"' in refused.stderr
    assert not (tmp_path / "new").exists()
