"""Export to Keras' own format: the run's `model.keras` with the labels in it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from regraft._keras_backend import choose_keras_backend, prefer_training_backend
from regraft.deployment.export_format import (
    LABELS_KEY,
    ExportFacts,
    ExportFormat,
    Images,
    OpenedExport,
    Precision,
    Probabilities,
)
from regraft.runs.prediction import Predictor

_METADATA = "metadata.json"


class KerasFormat(ExportFormat):
    """The run's own model. Its file is a zip archive; Keras reads `keras_version` in the metadata and no more."""

    name: ClassVar[str] = "keras"
    precisions: ClassVar[tuple[Precision, ...]] = ("f32",)
    any_size: ClassVar[bool] = False

    def file_name(self, precision: Precision) -> str:
        """`model.keras`."""
        return "model.keras"

    def check_packages(self, precision: Precision) -> None:
        """Keras is always there."""

    def write(
        self,
        predictor: Predictor,
        facts: ExportFacts,
        target: Path,
        precision: Precision,
        calibration: Sequence[Images],
    ) -> None:
        """Copies the model, byte for byte but for its metadata; see `ExportFormat.write`."""
        about = {LABELS_KEY: facts.classes, "name": facts.name, "description": facts.description, **facts.metadata}
        with zipfile.ZipFile(predictor.run.model) as source, zipfile.ZipFile(target, "w") as copy:
            for entry in source.infolist():
                content = source.read(entry)
                if entry.filename == _METADATA:
                    content = json.dumps({**json.loads(content), "regraft": about}).encode()
                copy.writestr(entry, content)

    def open(self, path: Path) -> OpenedExport:
        """Opens the file in Keras, on TensorFlow (which is exact) where installed and nothing else is decided."""
        return _OpenedKeras(path)


class _OpenedKeras(OpenedExport):
    def __init__(self, path: Path) -> None:
        prefer_training_backend()
        choose_keras_backend(training=False)
        from regraft.backbones.networks import load_saved_model

        with zipfile.ZipFile(path) as archive:
            self.labels = json.loads(archive.read(_METADATA))["regraft"][LABELS_KEY]
        self._model: Any = load_saved_model(path)

    def probabilities(self, images: Images) -> Probabilities:
        """See `OpenedExport.probabilities`; images of the network's size."""
        answers = np.asarray(self._model.predict_on_batch(images), np.float32)
        return np.concatenate([1 - answers, answers], axis=1) if answers.shape[1] == 1 else answers
