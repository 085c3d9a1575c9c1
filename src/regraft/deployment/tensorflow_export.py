"""The run's own model through TensorFlow: what ONNX, SavedModel and LiteRT files are made from."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from regraft._files import explained_disk_errors
from regraft.deployment.export_format import (
    IMAGE,
    PROBABILITIES,
    ExportFacts,
    ExportFormat,
    Images,
    Precision,
    require_packages,
)
from regraft.errors import InputError, RegraftError
from regraft.runs.prediction import Predictor

OPSET = 18
"""Of the ONNX files: the first with everything used here that onnxruntime, OpenVINO and Triton have had for years."""

RESIZED = "pixels"
"""What the resizing in ONNX gives: uint8 images of the network's size."""


@dataclass(frozen=True)
class TensorFlowExports:
    """Which files are to be written; None where one is not.

    Attributes:
        onnx_network: the network in ONNX, for images of its own size.
        onnx_resizing: the resizing in ONNX, to be put in front of it.
        saved_model: a folder, the resizing inside.
        litert: the network in LiteRT's format, for images of its own size.
        litert_precision: in which its weights (for int8: its computation, too) are to be.
    """

    onnx_network: Path | None = None
    onnx_resizing: Path | None = None
    saved_model: Path | None = None
    litert: Path | None = None
    litert_precision: Precision = "f32"


class TensorFlowFormat(ExportFormat):
    """A format that TensorFlow leads to.

    Attributes:
        title: what messages call it.
        packages: what is imported to write and to open it.

    Args:
        in_process: see `export_through_tensorflow`.
    """

    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]

    def __init__(self, *, in_process: bool = False) -> None:
        self._in_process = in_process

    def check_packages(self, precision: Precision) -> None:
        """Raises MissingPackageError where the extra `export` is not installed."""
        require_packages(f"The {self.title} export", self.packages)

    def export(
        self,
        predictor: Predictor,
        facts: ExportFacts,
        exports: TensorFlowExports,
        calibration: Sequence[Images] = (),
    ) -> None:
        """Writes the files of a run's model; see `export_through_tensorflow`."""
        export_through_tensorflow(predictor.run.model, facts.size, exports, calibration, in_process=self._in_process)


def export_through_tensorflow(
    model: Path,
    size: tuple[int, int],
    exports: TensorFlowExports,
    calibration: Sequence[Images] = (),
    *,
    in_process: bool = False,
) -> None:
    """Writes a saved classifier in formats that TensorFlow leads to.

    All take uint8 RGB `image` (batch, height, width, 3) and give float32 `probabilities` (batch, classes), of a network
    with one sigmoid unit two columns. A process of its own writes them, because Keras fixes its backend once and this
    process may already use another.

    Args:
        model: the `.keras` file, ending in the probabilities.
        size: height and width of the network's input.
        exports: what to write.
        calibration: images of that size, uint8 (height, width, 3), for LiteRT in int8.
        in_process: write it in this process, which saves some seconds, where Keras runs on TensorFlow.

    Raises:
        InputError: the model cannot be loaded, or the files cannot be written.
    """
    with tempfile.TemporaryDirectory() as scratch:
        images = Path(scratch) / "calibration.npy"
        if len(calibration):
            np.save(images, np.stack(calibration))
        request = {
            "model": str(model),
            "size": list(size),
            "calibration": str(images) if len(calibration) else None,
            "exports": {
                key: str(value) if isinstance(value, Path) else value for key, value in asdict(exports).items()
            },
        }
        if in_process and _keras_runs_on_tensorflow():
            _write_explained(request)
            return
        _write_in_another_process(request)


def _write_in_another_process(request: dict[str, Any]) -> None:
    done = subprocess.run(
        # -P: a file in the user's folder that is named like a module must not be taken for it
        [sys.executable, "-P", "-m", "regraft.deployment.tensorflow_export", json.dumps(request)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
    )
    if done.returncode == InputError.exit_code and done.stdout:
        raise InputError(json.loads(done.stdout.splitlines()[-1])["error"])
    if done.returncode:
        raise RegraftError(f"{request['model']} could not be exported through TensorFlow:\n{done.stderr[-3000:]}")


def _keras_runs_on_tensorflow() -> bool:
    import keras

    return str(keras.backend.backend()) == "tensorflow"


def _write_explained(request: dict[str, Any]) -> None:
    """Like `_write`, with an `InputError` where the disk is full or may not be written."""
    places = [value for key, value in request["exports"].items() if value and key != "litert_precision"]
    with explained_disk_errors(Path(places[0]).parent):
        _write(request)


def _write(request: dict[str, Any]) -> None:
    """Runs in the process of its own: loads the model and writes what is asked."""
    import tensorflow as tf

    from regraft.backbones.networks import image_data_format, load_saved_model
    from regraft.deployment.tensorflow_resizing import resized

    height, width = request["size"]
    exports = TensorFlowExports(**request["exports"])
    with image_data_format("channels_last"):
        model = load_saved_model(Path(request["model"]))

    own_size, any_size = (tf.TensorSpec((None, *axes, 3), tf.uint8, IMAGE) for axes in ((height, width), (None, None)))
    frozen = _frozen(tf.function(lambda image: _probabilities(model, image), input_signature=[own_size]))

    def network(image: Any) -> dict[str, Any]:
        return {PROBABILITIES: frozen(image)[0]}

    if exports.onnx_network:
        _write_onnx(tf.function(network, input_signature=[own_size]), exports.onnx_network)
    if exports.onnx_resizing:
        resizing = tf.function(lambda image: {RESIZED: resized(image, height, width)}, input_signature=[any_size])
        _write_onnx(resizing, exports.onnx_resizing)
    if exports.saved_model:
        whole = tf.function(lambda image: network(resized(image, height, width)), input_signature=[any_size])
        _write_saved_model(whole, exports.saved_model)
    if exports.litert:
        images = np.load(request["calibration"]) if request["calibration"] else None
        function = tf.function(network, input_signature=[own_size])
        Path(exports.litert).write_bytes(_litert(function, exports.litert_precision, images))


def _frozen(function: Any) -> Any:
    """A function with the variables' values in it, so that their names, which may be any, do not matter."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(function.get_concrete_function())


def _probabilities(model: Any, image: Any) -> Any:
    """The model's answers for uint8 images, in two columns where it has one sigmoid unit.

    The scope around the call is for layers whose names begin with `_`, which TensorFlow refuses for an outermost scope.
    """
    import tensorflow as tf

    with tf.name_scope("classifier"):
        answers = tf.cast(model(tf.cast(image, model.inputs[0].dtype), training=False), tf.float32)
        return tf.concat([1.0 - answers, answers], axis=1) if answers.shape[-1] == 1 else answers


def _write_onnx(function: Any, target: Path | str) -> None:
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about Python's and NumPy's next versions
        import onnx
        import tf2onnx

        proto, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=OPSET)
    onnx.save(proto, str(target))


def _write_saved_model(function: Any, target: Path | str) -> None:
    """A folder with the one signature."""
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(target), signatures={"serving_default": function})


def _litert(function: Any, precision: str, images: Images | None) -> bytes:
    """A LiteRT file of a function: f16 in its weights, int8 in weights and activations where there is such a kernel.

    By way of a SavedModel, as a function alone would leave the file without names for its input and output.
    """
    import tensorflow as tf

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as scratch:
        warnings.simplefilter("ignore")
        _write_saved_model(function, scratch)
        converter = tf.lite.TFLiteConverter.from_saved_model(scratch)
        if precision != "f32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "f16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            assert images is not None, "int8 needs images for its calibration"
            converter.representative_dataset = lambda: ([image[np.newaxis]] for image in images)
        converted = converter.convert()
    assert isinstance(converted, bytes)
    return converted


if __name__ == "__main__":
    try:
        _write_explained(json.loads(sys.argv[1]))
    except InputError as error:
        # Through the pipe, not a file: the disk may be full.
        print("\n" + json.dumps({"error": str(error)}), flush=True)  # noqa: T201
        raise SystemExit(error.exit_code) from None
