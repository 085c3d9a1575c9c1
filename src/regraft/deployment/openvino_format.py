"""Export to OpenVINO's own format: a folder with `model.xml` and `model.bin`. Needs no TensorFlow."""

from __future__ import annotations

import errno
import io
import json
import os
import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from regraft._progress import progress
from regraft.backbones.base import Base
from regraft.backbones.graph import base_graph, cached_graph
from regraft.backbones.joint import members_of
from regraft.deployment.export_format import (
    IMAGE,
    LABELS_KEY,
    PROBABILITIES,
    ExportFacts,
    ExportFormat,
    Images,
    OpenedExport,
    Precision,
    Probabilities,
    require_packages,
)
from regraft.deployment.openvino_resizing import resized
from regraft.errors import InputError
from regraft.runs.head import SavedHead
from regraft.runs.prediction import Predictor

MODEL = "model.xml"
"""The file in the folder; its weights lie beside it."""


class OpenVINOFormat(ExportFormat):
    """The graph that regraft itself predicts with, the head behind it and the resizing in front of it."""

    name: ClassVar[str] = "openvino"
    precisions: ClassVar[tuple[Precision, ...]] = ("f32", "f16", "int8")
    any_size: ClassVar[bool] = True

    def file_name(self, precision: Precision) -> str:
        """A folder: `openvino`, `openvino-f16`, `openvino-int8`."""
        return "openvino" if precision == "f32" else f"openvino-{precision}"

    def check_packages(self, precision: Precision) -> None:
        """OpenVINO is always there; raises MissingPackageError where int8 is wanted and NNCF is not installed."""
        if precision == "int8":
            require_packages("An int8 export to OpenVINO", ["nncf"])

    def write(
        self,
        predictor: Predictor,
        facts: ExportFacts,
        target: Path,
        precision: Precision,
        calibration: Sequence[Images],
    ) -> None:
        """Writes the folder; see `ExportFormat.write`. Weights in f16 are computed with in f32 by most processors."""
        import openvino

        network = classifier_of(predictor)
        if precision == "int8":
            network = _quantized(network, calibration)
        model = _with_resizing(network, facts.size)
        model.set_rt_info(_model_api_labels(facts.classes), ["model_info", "labels"])
        model.set_rt_info(facts.labels_json(), ["regraft", LABELS_KEY])
        for key, value in {"name": facts.name, "description": facts.description, **facts.metadata}.items():
            model.set_rt_info(json.dumps(value), ["regraft", key])
        model.friendly_name = facts.name
        target.mkdir()
        try:
            openvino.save_model(model, target / MODEL, compress_to_fp16=precision == "f16")
        except RuntimeError as error:
            if "iostream" in str(error):  # a write that failed, in a folder just made: the reason is not told
                raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({error})") from error
            raise

    def open(self, path: Path) -> OpenedExport:
        """Opens the folder in OpenVINO on the CPU, computing in f32 what is not in int8."""
        return OpenedOpenVINO(path)


class OpenedOpenVINO(OpenedExport):
    """An exported folder, compiled for the CPU.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(path / MODEL)
        self.labels = json.loads(model.get_rt_info(["regraft", LABELS_KEY]).value)
        hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        self._compiled = core.compile_model(model, "CPU", hints)

    def probabilities(self, images: Images) -> Probabilities:
        """See `OpenedExport.probabilities`; images of any size."""
        answers = self._compiled({IMAGE: images})[PROBABILITIES]
        return np.array(answers, np.float32)


def classifier_of(predictor: Predictor) -> Any:
    """The run as one `openvino.Model`: uint8 `image` (batch, height, width, 3) → float32 `probabilities`."""
    import openvino
    import openvino.opset15 as ops

    head = predictor.head
    image = ops.parameter([-1, *head.size, 3], openvino.Type.u8, name=IMAGE)
    features = [_features(openvino.Core().read_model(path), image) for path in base_graphs(predictor)]
    answer = _head(ops.concat(features, 1) if len(features) > 1 else features[0], head)
    return _finished(answer, image)


def base_graphs(predictor: Predictor) -> list[Path]:
    """The graph files of the run's base, one for each backbone, built where the cache has not got them."""
    cached = cached_graph(predictor.head.base)
    if cached is not None:
        return [cached]
    base: Base = predictor.base
    return [cached_graph(member.identity) or base_graph(member) for member in members_of(base)]


def _features(graph: Any, image: Any) -> Any:
    """The features of a base's graph, fed with the given image; any number of images at once."""
    import openvino

    (parameter,) = graph.get_parameters()
    graph.reshape(openvino.PartialShape([-1, *list(parameter.get_partial_shape())[1:]]))
    for reader in parameter.output(0).get_target_inputs():
        reader.replace_source_output(image.output(0))
    (result,) = graph.get_results()
    return result.input_value(0).get_node()


def _head(features: Any, head: SavedHead) -> Any:
    """The head's layers and the softmax; of a sigmoid the two columns [1 - p, p]."""
    import openvino.opset15 as ops

    activations = {"relu": ops.relu, "tanh": ops.tanh, "sigmoid": ops.sigmoid, "swish": ops.swish}
    values = features
    last = len(head.weights.layers) - 1
    for number, (kernel, bias) in enumerate(head.weights.layers):
        if number == last and head.weights.outputs == 1:  # the logit of the first class is 0
            kernel, bias = np.pad(kernel, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
        kernel = ops.constant(np.ascontiguousarray(kernel, np.float32))
        bias = ops.constant(np.ascontiguousarray(bias[None], np.float32))
        values = ops.add(ops.matmul(values, kernel, False, False), bias)
        if number < last:
            values = activations[head.weights.hidden_activation](values)
    return ops.softmax(values, 1)


def _with_resizing(network: Any, size: tuple[int, int]) -> Any:
    """The same network for images of any size. It is put in front last, so that quantization does not touch it."""
    import openvino
    import openvino.opset15 as ops

    image = ops.parameter([-1, -1, -1, 3], openvino.Type.u8, name=IMAGE)
    (parameter,) = network.get_parameters()
    pixels = resized(image, *size)
    for reader in parameter.output(0).get_target_inputs():
        reader.replace_source_output(pixels.output(0))
    (result,) = network.get_results()
    return _finished(result.input_value(0).get_node(), image)


def _finished(answer: Any, image: Any) -> Any:
    import openvino
    import openvino.opset15 as ops

    answer.output(0).set_names({PROBABILITIES})
    image.output(0).set_names({IMAGE})
    result = ops.result(answer)
    return openvino.Model([result], [image], "regraft")


def _quantized(network: Any, calibration: Sequence[Images]) -> Any:
    """The network in 8 bits, weights a channel each, activations calibrated on some images (NNCF's post-training way).

    Raises:
        InputError: there are no images to calibrate with.
    """
    if not calibration:
        raise InputError("An int8 export needs training images to calibrate with.", received="none")
    # NNCF would report its use over the network; this is its own switch against that.
    os.environ.setdefault("NNCF_CI", "1")
    import logging

    import nncf

    nncf.set_log_level(logging.ERROR)
    with progress("Calibrating", len(calibration)) as done, redirect_stdout(io.StringIO()):  # it has bars of its own

        def taken(pixels: Images) -> dict[str, Images]:
            done(1)
            return {IMAGE: pixels[None]}

        return nncf.quantize(
            network,
            nncf.Dataset(calibration, taken),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(calibration),
            fast_bias_correction=True,
        )


def _model_api_labels(classes: Sequence[str]) -> str:
    """The names as OpenVINO's Model API reads them: spaces between them, underscores for those within."""
    return " ".join(re.sub(r"[\s\x00-\x1f]+", "_", name) or "_" for name in classes)
