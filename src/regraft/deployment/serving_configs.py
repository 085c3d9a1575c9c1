"""Config files with which other servers run an export: Triton, OpenVINO Model Server, TensorFlow Serving, KServe."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft._files import atomic_folder, explained_disk_errors, write_text
from regraft.deployment.export_format import IMAGE, PROBABILITIES, ExportFacts
from regraft.deployment.kserve_config import kserve_files

FOLDER = "serving"
"""The folder beside the exported files; mounted as `/models`, it is what every config here expects."""

BACKENDS = {"onnx": "onnxruntime", "openvino": "openvino", "saved-model": "tensorflow"}
"""Triton's backend for each format that it runs."""

MAX_BATCH = 16
"""How many images the servers put into one batch at most."""


@dataclass(frozen=True)
class ServedModel:
    """One exported file as a server knows it.

    Attributes:
        name: of the signs `[a-z0-9-]`: the export's name, its format and, but for f32, its precision.
        kind: the export's format.
        source: the file or folder, below the export folder.
        any_size: whether images of any height and width can be sent.
    """

    name: str
    kind: str
    source: Path
    any_size: bool


def write_configs(folder: Path, facts: ExportFacts, exported: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Writes `serving/` into an export folder, in the place of an earlier one.

    It holds a model repository of Triton's for each of its backends (`triton/BACKEND/`: a server that lacks the
    backend of one model in a repository does not start), a config of OpenVINO Model Server for the same folders, a
    repository and a config for TensorFlow Serving, and the InferenceServices for KServe. The servers want a model in
    a folder `NAME/1/`: there it is a hard link to the exported file, which takes no room; a copy where the file
    system has no hard links.

    The fields are those of Triton's `model_config.proto` and model repository
    (https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_configuration.md), of OpenVINO
    Model Server's parameters (https://docs.openvino.ai/2025/model-server/ovms_docs_parameters.html) and of
    TensorFlow Serving's `ModelServerConfig` (https://www.tensorflow.org/tfx/serving/serving_config).

    Args:
        folder: with the exported files.
        facts: what they tell about themselves.
        exported: by name of format and precision, each with `format`, `precision`, `file` and `any_size`.

    Returns:
        The config files, without the linked models; none where no server runs any of the exports.

    Raises:
        InputError: the folder cannot be written.
    """
    models = list(_models(folder, facts, exported))
    target = folder / FOLDER
    if target.exists():
        with explained_disk_errors(target):
            shutil.rmtree(target)
    if not models:
        return []
    with atomic_folder(target) as temporary:
        written = [
            *_triton(temporary, facts, models),
            *_openvino_model_server(temporary, models),
            *_tensorflow_serving(temporary, models),
        ]
        for name, text in kserve_files(facts.name, [(model.name, model.kind) for model in models]).items():
            write_text(temporary / "kserve" / name, text)
            written.append(temporary / "kserve" / name)
        found = sorted(path.relative_to(temporary) for path in written)
    return [target / path for path in found]


def _models(folder: Path, facts: ExportFacts, exported: Mapping[str, Mapping[str, Any]]) -> Iterator[ServedModel]:
    for one in exported.values():
        kind, precision, source = str(one["format"]), str(one["precision"]), folder / str(one["file"])
        if kind in BACKENDS and source.exists():
            end = "" if precision == "f32" else f"-{precision}"
            yield ServedModel(f"{facts.name}-{kind}{end}", kind, source, bool(one["any_size"]))


def _triton(target: Path, facts: ExportFacts, models: list[ServedModel]) -> Iterator[Path]:
    for model in models:
        place = target / "triton" / BACKENDS[model.kind] / model.name
        if model.kind == "onnx":
            _link(model.source, place / "1" / "model.onnx")
        elif model.kind == "openvino":
            graph = openvino_graph(model.source)
            _link(graph, place / "1" / "model.xml")
            _link(graph.with_suffix(".bin"), place / "1" / "model.bin")
        else:
            _link(model.source, place / "1" / "model.savedmodel")
        config = place / "config.pbtxt"
        write_text(config, triton_config(model, facts))
        yield config
        labels = place / "labels.txt"
        write_text(labels, "".join(f"{_one_line(name)}\n" for name in facts.classes))
        yield labels


def triton_config(model: ServedModel, facts: ExportFacts) -> str:
    """The `config.pbtxt` of one model: a `ModelConfig` in protobuf's text format.

    The OpenVINO backend wants every batch to be of exactly `max_batch_size` images where that is not 0; so it is 0
    there, and the batch is the first of the dimensions
    (https://github.com/triton-inference-server/openvino_backend, `ENABLE_BATCH_PADDING`).
    """
    height, width = (-1, -1) if model.any_size else facts.size
    batch = [-1] if model.kind == "openvino" else []
    engine = {
        "onnx": 'platform: "onnxruntime_onnx"',
        "openvino": 'backend: "openvino"',
        "saved-model": 'platform: "tensorflow_savedmodel"',
    }[model.kind]
    lines = [
        f"# {_one_line(facts.description)}",
        f"name: {_quoted(model.name)}",
        engine,
        f"max_batch_size: {0 if batch else MAX_BATCH}",
        "input [",
        "  {",
        f"    name: {_quoted(IMAGE)}",
        "    data_type: TYPE_UINT8",
        f"    dims: {[*batch, height, width, 3]}",
        "  }",
        "]",
        "output [",
        "  {",
        f"    name: {_quoted(PROBABILITIES)}",
        "    data_type: TYPE_FP32",
        f"    dims: {[*batch, len(facts.classes)]}",
        '    label_filename: "labels.txt"',
        "  }",
        "]",
        *([] if batch else ["dynamic_batching { }"]),
    ]
    return "\n".join(lines) + "\n"


def _openvino_model_server(target: Path, models: list[ServedModel]) -> Iterator[Path]:
    """`config.json` of OpenVINO Model Server, which shares the folders of Triton's repository."""
    served = [model for model in models if model.kind in ("openvino", "onnx")]
    if not served:
        return
    listed = [
        {
            "config": {
                "name": model.name,
                "base_path": f"/models/triton/{BACKENDS[model.kind]}/{model.name}",
                "plugin_config": {"PERFORMANCE_HINT": "LATENCY"},
            }
        }
        for model in served
    ]
    path = target / "openvino-model-server" / "config.json"
    write_text(path, json.dumps({"model_config_list": listed}, indent=2) + "\n")
    yield path


def _tensorflow_serving(target: Path, models: list[ServedModel]) -> Iterator[Path]:
    served = [model for model in models if model.kind == "saved-model"]
    if not served:
        return
    lines = ["model_config_list {"]
    for model in served:
        _link(model.source, target / "tensorflow-serving" / model.name / "1")
        lines += [
            "  config {",
            f"    name: {_quoted(model.name)}",
            f'    base_path: "/models/tensorflow-serving/{model.name}"',
            '    model_platform: "tensorflow"',
            "  }",
        ]
    path = target / "tensorflow-serving" / "models.config"
    write_text(path, "\n".join([*lines, "}"]) + "\n")
    yield path


def openvino_graph(source: Path) -> Path:
    """The `.xml` file of an OpenVINO export, which may be named itself or by its folder."""
    return source if source.suffix == ".xml" else source / "model.xml"


def _link(source: Path, target: Path) -> None:
    """A file, or all files of a folder, under another name as well: hard links, or copies where there can be none."""
    with explained_disk_errors(target):
        if source.is_dir():
            shutil.copytree(source, target, copy_function=_link_file)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _link_file(str(source), str(target))


def _link_file(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)
    return target


def _quoted(text: str) -> str:
    """A string of protobuf's text format; that of JSON is one, in ASCII."""
    return json.dumps(text)


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
