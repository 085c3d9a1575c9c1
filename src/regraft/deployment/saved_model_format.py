"""TensorFlow's SavedModel: a folder for TensorFlow Serving and TensorFlow itself."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from regraft._keras_backend import quiet_stderr
from regraft.deployment.export_format import (
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

# TensorFlow leaves this subfolder to others, and TensorFlow Serving takes it along.
_FACTS = Path("assets.extra") / "regraft.json"


class SavedModelFormat(TensorFlowFormat):
    """A SavedModel with the resizing inside, its one signature `serving_default`: `image` to `probabilities`.

    `assets.extra/regraft.json` has `labels`, the class names as a list, and further facts.
    """

    name: ClassVar[str] = "saved-model"
    precisions: ClassVar[tuple[Precision, ...]] = ("f32",)
    title: ClassVar[str] = "SavedModel"
    packages: ClassVar[tuple[str, ...]] = ("tensorflow",)
    any_size: ClassVar[bool] = True

    def file_name(self, precision: Precision) -> str:
        """`saved_model`."""
        return "saved_model"

    def write(
        self,
        predictor: Predictor,
        facts: ExportFacts,
        target: Path,
        precision: Precision,
        calibration: Sequence[Images],
    ) -> None:
        """Writes the folder."""
        self.export(predictor, facts, TensorFlowExports(saved_model=target))
        (target / _FACTS).parent.mkdir()
        (target / _FACTS).write_text(json.dumps(facts.as_dict(), indent=2))

    def open(self, path: Path) -> OpenedExport:
        """The folder in TensorFlow."""
        return _OpenedSavedModel(path)


class _OpenedSavedModel(OpenedExport):
    def __init__(self, path: Path) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with quiet_stderr():
            import tensorflow as tf

            self._loaded = tf.saved_model.load(str(path))  # kept: its variables go with it
        self._serve = self._loaded.signatures["serving_default"]
        self.labels = json.loads((path / _FACTS).read_text())[LABELS_KEY]

    def probabilities(self, images: Images) -> Probabilities:
        import tensorflow as tf

        return np.asarray(self._serve(image=tf.constant(images))[PROBABILITIES], np.float32)
