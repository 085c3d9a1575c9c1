"""The way through TensorFlow: what the files share, and what a process of its own reports."""

from __future__ import annotations

import errno
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from regraft.deployment import tensorflow_export
from regraft.deployment.tensorflow_export import TensorFlowExports, export_through_tensorflow
from regraft.errors import InputError, RegraftError

SIZE = (6, 4)


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A saved model whose members share their layers' names, which begin with `_`, and that ends in one unit."""
    import keras
    from keras import layers

    def member(name: str, inputs: Any) -> Any:
        pixels = keras.Input((*SIZE, 3))
        maps = layers.Conv2D(2, 3, activation="relu", name="_conv")(layers.Rescaling(1 / 255, name="_same")(pixels))
        return keras.Model(pixels, layers.GlobalAveragePooling2D(name="_pool")(maps), name=name)(inputs)

    keras.utils.set_random_seed(0)
    pixels = keras.Input((*SIZE, 3), name="_pixels")  # float32: pixels are cast for it
    joined = layers.Concatenate(name="_both")([member("_first", pixels), member("second", pixels)])
    model = keras.Model(pixels, layers.Dense(1, activation="sigmoid", name="_head")(joined), name="_whole")
    path = tmp_path_factory.mktemp("awkward") / "model.keras"
    model.save(path)
    return path, model


def images(count: int = 3) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), np.uint8)


def test_names_that_clash_and_begin_with_an_underscore_and_one_unit(awkward: tuple[Path, Any], tmp_path: Path) -> None:
    import onnxruntime
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    path, model = awkward
    exports = TensorFlowExports(
        onnx_network=tmp_path / "network.onnx", saved_model=tmp_path / "folder", litert=tmp_path / "model.tflite"
    )
    export_through_tensorflow(path, SIZE, exports, in_process=True)
    positive = np.asarray(model(images().astype(np.float32)))
    expected = np.hstack([1 - positive, positive])
    loaded = tf.saved_model.load(str(exports.saved_model))
    answers = {
        "SavedModel": loaded.signatures["serving_default"](image=tf.constant(images()))["probabilities"].numpy(),
        "ONNX": onnxruntime.InferenceSession(str(exports.onnx_network)).run(["probabilities"], {"image": images()})[0],
        "LiteRT": Interpreter(str(exports.litert)).get_signature_runner()(image=images())["probabilities"],
    }
    for kind, found in answers.items():
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=kind)


def test_only_what_is_asked_is_written(awkward: tuple[Path, Any], tmp_path: Path, monkeypatch: Any) -> None:
    requests = []
    monkeypatch.setattr(tensorflow_export, "_write_in_another_process", requests.append)
    export_through_tensorflow(awkward[0], SIZE, TensorFlowExports(litert=tmp_path / "x"), list(images(2)))
    (request,) = requests
    assert request["exports"] == {
        "onnx_network": None,
        "onnx_resizing": None,
        "saved_model": None,
        "litert": str(tmp_path / "x"),
        "litert_precision": "f32",
    }
    assert json.loads(json.dumps(request)) == request
    assert request["calibration"].endswith(".npy")


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"model\.keras cannot be loaded"):
        export_through_tensorflow(
            tmp_path / "model.keras", SIZE, TensorFlowExports(litert=tmp_path / "x"), in_process=True
        )
    assert not (tmp_path / "x").exists()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(request: dict[str, Any]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tensorflow_export, "_write", full)
    with pytest.raises(InputError, match=f"The disk is full: {tmp_path}"):
        export_through_tensorflow(Path("m.keras"), SIZE, TensorFlowExports(litert=tmp_path / "x"), in_process=True)


@pytest.mark.parametrize(
    ("code", "stdout", "kind", "message"),
    [
        (2, 'chatter\n{"error": "The disk is full."}\n', InputError, r"The disk is full\."),
        (1, "", RegraftError, "model.keras could not be exported through TensorFlow:\nwhat it said last"),
        (-9, "", RegraftError, "what it said last"),
    ],
)
def test_what_the_other_process_reports(
    monkeypatch: pytest.MonkeyPatch, code: int, stdout: str, kind: type[Exception], message: str
) -> None:
    def run(command: list[str], **options: Any) -> Any:
        assert "-P" in command
        assert options["env"]["KERAS_BACKEND"] == "tensorflow"
        return SimpleNamespace(returncode=code, stdout=stdout, stderr="x" * 5000 + "what it said last")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(kind, match=message.replace("\n", "\n.*")):
        export_through_tensorflow(Path("model.keras"), SIZE, TensorFlowExports(litert=Path("x")))


@pytest.mark.slow
def test_a_process_of_its_own(awkward: tuple[Path, Any], tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path, model = awkward
    export_through_tensorflow(path, SIZE, TensorFlowExports(litert=tmp_path / "x"))
    answers = Interpreter(str(tmp_path / "x")).get_signature_runner()(image=images())["probabilities"]
    np.testing.assert_allclose(answers[:, 1:], np.asarray(model(images().astype(np.float32))), atol=1e-5)
    with pytest.raises(InputError, match="cannot be loaded"):
        export_through_tensorflow(tmp_path / "none.keras", SIZE, TensorFlowExports(litert=tmp_path / "y"))
