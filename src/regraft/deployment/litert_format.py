"""LiteRT (formerly TensorFlow Lite): one small file for phones and small computers."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from regraft._keras_backend import quiet_stderr
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
from regraft.deployment.tensorflow_export import TensorFlowExports, TensorFlowFormat
from regraft.runs.prediction import Predictor

_THREADS = 2
_LABELS, _FACTS = "labels.txt", "regraft.json"


class LiteRTFormat(TensorFlowFormat):
    """A LiteRT file for images of the network's own size, any number at a time.

    The file is at the same time a zip archive, as TensorFlow Lite's metadata has it
    (https://ai.google.dev/edge/litert/conversion/tensorflow/metadata), with `labels.txt`, a class in each line, and
    `regraft.json`: the same `labels` as a list, the `size` it takes as [height, width], and further facts.
    """

    name: ClassVar[str] = "litert"
    precisions: ClassVar[tuple[Precision, ...]] = ("f32", "f16", "int8")
    title: ClassVar[str] = "LiteRT"
    packages: ClassVar[tuple[str, ...]] = ("tensorflow", "ai_edge_litert")
    any_size: ClassVar[bool] = False

    def file_name(self, precision: Precision) -> str:
        """`model.tflite`, `model.f16.tflite`, `model.int8.tflite`."""
        return "model.tflite" if precision == "f32" else f"model.{precision}.tflite"

    def write(
        self,
        predictor: Predictor,
        facts: ExportFacts,
        target: Path,
        precision: Precision,
        calibration: Sequence[Images],
    ) -> None:
        """Writes the file: f16 keeps its weights so; int8 computes so, where LiteRT has such an operation."""
        exports = TensorFlowExports(litert=target, litert_precision=precision)
        self.export(predictor, facts, exports, calibration)
        with zipfile.ZipFile(target, "a") as archive:
            archive.writestr(_LABELS, "".join(f"{' '.join(label.splitlines())}\n" for label in facts.classes))
            archive.writestr(_FACTS, json.dumps(facts.as_dict(), indent=2))

    def open(self, path: Path) -> OpenedExport:
        """The file in LiteRT's interpreter, on two threads."""
        return _OpenedLiteRT(path)


class _OpenedLiteRT(OpenedExport):
    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with zipfile.ZipFile(path) as archive:
            self.labels = json.loads(archive.read(_FACTS))[LABELS_KEY]
        interpreter = Interpreter(str(path), num_threads=_THREADS)
        with quiet_stderr():  # says which delegate it makes
            interpreter.allocate_tensors()
        self._runner = interpreter.get_signature_runner()

    def probabilities(self, images: Images) -> Probabilities:
        return np.asarray(self._runner(**{IMAGE: images})[PROBABILITIES], np.float32)
