"""ONNX: one file for onnxruntime, Triton, OpenVINO and many others."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from regraft.deployment._onnx_quantizing import in_half_precision, in_whole_numbers
from regraft.deployment.export_format import (
    IMAGE,
    LABELS_KEY,
    PROBABILITIES,
    ExportFacts,
    Images,
    OpenedExport,
    Precision,
    Probabilities,
)
from regraft.deployment.tensorflow_export import RESIZED, TensorFlowExports, TensorFlowFormat
from regraft.runs.prediction import Predictor

_THREADS = 2


class OnnxFormat(TensorFlowFormat):
    """An ONNX file with the resizing inside; it needs TensorFlow and tf2onnx to be written, onnxruntime to be run.

    The file's metadata has `labels`, the class names as a JSON list, and `regraft`, further facts as a JSON object.
    """

    name: ClassVar[str] = "onnx"
    precisions: ClassVar[tuple[Precision, ...]] = ("f32", "f16", "int8")
    title: ClassVar[str] = "ONNX"
    packages: ClassVar[tuple[str, ...]] = ("tensorflow", "tf2onnx", "onnx", "onnxruntime")
    any_size: ClassVar[bool] = True

    def file_name(self, precision: Precision) -> str:
        """`model.onnx`, `model.f16.onnx`, `model.int8.onnx`."""
        return "model.onnx" if precision == "f32" else f"model.{precision}.onnx"

    def write(
        self,
        predictor: Predictor,
        facts: ExportFacts,
        target: Path,
        precision: Precision,
        calibration: Sequence[Images],
    ) -> None:
        """Writes the file: resizing (always f32), then the network in the precision, joined to one graph."""
        import onnx

        with tempfile.TemporaryDirectory() as scratch:
            parts = TensorFlowExports(
                onnx_network=Path(scratch) / "network.onnx", onnx_resizing=Path(scratch) / "resizing.onnx"
            )
            self.export(predictor, facts, parts)
            network, resizing = onnx.load(parts.onnx_network), onnx.load(parts.onnx_resizing)
        if precision == "f16":
            network = in_half_precision(network)
        if precision == "int8":
            network = in_whole_numbers(network, calibration)
        onnx.save(_described(_joined(resizing, network), facts), target)
        onnx.checker.check_model(str(target), full_check=True)

    def open(self, path: Path) -> OpenedExport:
        """The file in onnxruntime, on two threads."""
        return _OpenedOnnx(path)


def _joined(resizing: Any, network: Any) -> Any:
    """One graph of two, `image` in and `probabilities` out; the names inside are set apart by prefixes."""
    from onnx import compose, helper

    network.ir_version = resizing.ir_version = max(network.ir_version, resizing.ir_version)
    first = compose.add_prefix(resizing, "resizing/", rename_inputs=False, rename_outputs=False)
    second = compose.add_prefix(network, "network/", rename_outputs=False)
    joined = compose.merge_models(first, second, [(RESIZED, f"network/{IMAGE}")])
    versions = {entry.domain: entry.version for entry in joined.opset_import}
    del joined.opset_import[:]  # each is there twice, and some that no node is of
    joined.opset_import.extend(helper.make_opsetid(each, versions[each]) for each in sorted(_domains(joined.graph)))
    return joined


def _domains(graph: Any) -> set[str]:
    """The sets of operations that a graph and those within its nodes use; that of ONNX itself is ''."""
    inner = [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return {node.domain for node in graph.node}.union(*(_domains(graph) for graph in inner))


def _described(model: Any, facts: ExportFacts) -> Any:
    """The model with its facts in place of what the tools wrote."""
    from onnx import helper

    del model.metadata_props[:]
    model.producer_name = "regraft"
    model.producer_version = facts.metadata.get("regraft_version", "")
    model.graph.name = facts.name
    model.doc_string = facts.description
    about = {"name": facts.name, "size": list(facts.size), **facts.metadata}
    _name_dimensions(model.graph.input[0], ("batch", "height", "width"))
    _name_dimensions(model.graph.output[0], ("batch",))
    helper.set_model_props(model, {LABELS_KEY: facts.labels_json(), "regraft": json.dumps(about)})
    return model


def _name_dimensions(value: Any, names: Sequence[str]) -> None:
    """Calls the open dimensions of an input or output by what they are, in place of the tools' numbers."""
    for dimension, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
        dimension.dim_param = name


class _OpenedOnnx(OpenedExport):
    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.labels = json.loads(self._session.get_modelmeta().custom_metadata_map[LABELS_KEY])

    def probabilities(self, images: Images) -> Probabilities:
        (answers,) = self._session.run([PROBABILITIES], {IMAGE: images})
        return np.asarray(answers, np.float32)
