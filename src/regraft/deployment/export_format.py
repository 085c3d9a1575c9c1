"""What every export format is: how it is written, how it is opened again, and the registry of them all."""

from __future__ import annotations

import importlib
import importlib.util
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError, MissingPackageError
from regraft.runs.prediction import Predictor

Precision = Literal["f32", "f16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

IMAGE = "image"
"""The input of every export: uint8 RGB (batch, height, width, 3)."""

PROBABILITIES = "probabilities"
"""The output of every export: float32 (batch, classes)."""

LABELS_KEY = "labels"
"""Under which an export's metadata keeps the class names: a JSON list, as any character may be in a name."""

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ExportFacts:
    """What an exported file tells about itself.

    Attributes:
        classes: their names, in the order of the columns of the output.
        size: height and width of what the network itself reads, in pixels.
        name: of the model, of the signs `[a-z0-9-]`, as servers and hubs take it.
        description: one line.
        metadata: further facts (regraft's version, backbone, accuracy …), which go into the file too.
    """

    classes: list[str]
    size: tuple[int, int]
    name: str
    description: str
    metadata: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain JSON, the labels under `LABELS_KEY`."""
        return {
            LABELS_KEY: self.classes,
            "name": self.name,
            "description": self.description,
            "size": list(self.size),
            **self.metadata,
        }

    def labels_json(self) -> str:
        """The class names as a JSON list, in ASCII: what stands under `LABELS_KEY`."""
        return json.dumps(self.classes)


class OpenedExport(ABC):
    """An exported model in its own runtime.

    Attributes:
        labels: the class names, read from the file's own metadata.
    """

    labels: list[str]

    @abstractmethod
    def probabilities(self, images: Images) -> Probabilities:
        """Answers for uint8 RGB images (n, height, width, 3): float32 (n, classes).

        Height and width are those of the network, or any where the format takes any.
        """


class ExportFormat(ABC):
    """One format. A subclass is one file; it imports its packages inside the functions that need them.

    Attributes:
        name: how users call it.
        precisions: what its weights (and computation) can be in.
        any_size: whether the input takes images of any height and width, to be resized inside.
    """

    name: ClassVar[str]
    precisions: ClassVar[tuple[Precision, ...]]
    any_size: ClassVar[bool]

    @abstractmethod
    def file_name(self, precision: Precision) -> str:
        """The file or folder in the export folder: `model.onnx`, `model.int8.onnx`, `openvino`, `openvino-f16`."""

    @abstractmethod
    def check_packages(self, precision: Precision) -> None:
        """Raises MissingPackageError where what it needs for a precision is not installed; before any work is done."""

    @abstractmethod
    def write(
        self,
        predictor: Predictor,
        facts: ExportFacts,
        target: Path,
        precision: Precision,
        calibration: Sequence[Images],
    ) -> None:
        """Writes the file or the folder.

        Args:
            predictor: the run at work.
            facts: what the file is to tell about itself.
            target: what to write: a temporary name (that may lack the usual ending) in a folder that exists.
            precision: one of `precisions`.
            calibration: for int8 some 300 training images, uint8 (height, width, 3) of the network's size; else none.
        """

    @abstractmethod
    def open(self, path: Path) -> OpenedExport:
        """Opens what `write` wrote, in the format's own runtime."""


# Name -> module of this folder and class in it.
_FORMATS = {
    "onnx": ("onnx_format", "OnnxFormat"),
    "openvino": ("openvino_format", "OpenVINOFormat"),
    "litert": ("litert_format", "LiteRTFormat"),
    "saved-model": ("saved_model_format", "SavedModelFormat"),
    "keras": ("keras_format", "KerasFormat"),
}

FORMAT_NAMES: tuple[str, ...] = tuple(_FORMATS)


def format_named(name: str) -> ExportFormat:
    """The format of that name.

    Raises:
        InputError: there is none; those there are, are named.
    """
    if name not in _FORMATS:
        raise InputError(
            "There is no such export format.", expected=", ".join(FORMAT_NAMES), received=name, hint="--format onnx"
        )
    module, kind = _FORMATS[name]
    found = getattr(importlib.import_module(f"regraft.deployment.{module}"), kind)()
    assert isinstance(found, ExportFormat)
    return found


def formats() -> dict[str, ExportFormat]:
    """All formats by name."""
    return {name: format_named(name) for name in FORMAT_NAMES}


def require_packages(what: str, modules: Sequence[str]) -> None:
    """Checks that modules can be imported, without importing them.

    Raises:
        MissingPackageError: one cannot; it names the extra `export`.
    """
    if any(importlib.util.find_spec(module) is None for module in modules):
        raise MissingPackageError(what, "export")
