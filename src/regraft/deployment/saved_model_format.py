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
    ExportFormat,
    Images,
    OpenedExport,
    Precision,
    Probabilities,
    require_packages,
)
from regraft.deployment.tensorflow_export import TensorFlowExports, export_through_tensorflow
from regraft.runs.prediction import Predictor

# TensorFlow leaves this subfolder to others, and TensorFlow Serving takes it along.
_FACTS = Path("assets.extra") / "regraft.json"


class SavedModelFormat(ExportFormat):
    """A SavedModel with the resizing inside, its one signature `serving_default`: `image` to `probabilities`.

    `assets.extra/regraft.json` has `labels`, the class names as a list, and further facts.

    Args:
        in_process: see `export_through_tensorflow`.
    """

    name: ClassVar[str] = "saved-model"
    precisions: ClassVar[tuple[Precision, ...]] = ("f32",)
    any_size: ClassVar[bool] = True

    def __init__(self, *, in_process: bool = False) -> None:
        self._in_process = in_process

    def file_name(self, precision: Precision) -> str:
        """`saved_model`."""
        return "saved_model"

    def check_packages(self, precision: Precision) -> None:
        """Raises MissingPackageError where the extra `export` is not installed."""
        require_packages("The SavedModel export", ("tensorflow",))

    def write(
        self,
        predictor: Predictor,
        facts: ExportFacts,
        target: Path,
        precision: Precision,
        calibration: Sequence[Images],
    ) -> None:
        """Writes the folder."""
        exports = TensorFlowExports(saved_model=target)
        export_through_tensorflow(predictor.run.model, facts.size, exports, in_process=self._in_process)
        about = {
            LABELS_KEY: facts.classes,
            "name": facts.name,
            "description": facts.description,
            "size": list(facts.size),
            **facts.metadata,
        }
        (target / _FACTS).parent.mkdir()
        (target / _FACTS).write_text(json.dumps(about, indent=2))

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
