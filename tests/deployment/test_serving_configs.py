"""The configs are read by what their servers' own makers give to read them, or by the same formats' own readers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from regraft.deployment import serving_configs
from regraft.deployment.export_format import ExportFacts
from regraft.deployment.serving_configs import MAX_BATCH, write_configs

FACTS = ExportFacts(["daisy", "line\nfeed", 'a "rose"'], (224, 192), "flowers", "Tells “flowers”\napart")


def exported(folder: Path) -> dict[str, dict[str, Any]]:
    """An export of every kind, with a few bytes in each file."""
    rows = [
        ("onnx", "f32", "model.onnx", True),
        ("onnx", "int8", "model.int8.onnx", False),
        ("openvino", "f32", "openvino", True),
        ("saved-model", "f32", "saved-model", True),
        ("litert", "f32", "model.tflite", False),
        ("keras", "f32", "model.keras", False),
    ]
    for name in ("model.onnx", "model.int8.onnx", "openvino/model.xml", "openvino/model.bin", "model.tflite",
                 "saved-model/saved_model.pb", "saved-model/variables/variables.index", "model.keras"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return {
        f"{kind} {precision}": {"format": kind, "precision": precision, "file": file, "any_size": any_size}
        for kind, precision, file, any_size in rows
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_configs(tmp_path, FACTS, exported(tmp_path))
    return tmp_path


def triton(path: Path) -> Any:
    """A config as Triton's own client library reads it."""
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    return text_format.Parse(path.read_text(encoding="utf-8"), model_config_pb2.ModelConfig())


def test_what_is_written_is_listed(tmp_path: Path) -> None:
    written = write_configs(tmp_path, FACTS, exported(tmp_path))
    names = {path.relative_to(tmp_path / "serving").as_posix() for path in written}
    models = ["onnxruntime/flowers-onnx", "onnxruntime/flowers-onnx-int8", "openvino/flowers-openvino",
              "tensorflow/flowers-saved-model"]  # fmt: skip
    assert names == {
        *(f"triton/{model}/{file}" for model in models for file in ("config.pbtxt", "labels.txt")),
        "openvino-model-server/config.json",
        "tensorflow-serving/models.config",
        *(f"kserve/{name}.yaml" for name in ("regraft", *(model.split("/")[1] for model in models))),
    }
    assert all(path.is_file() for path in written)


def test_triton_reads_its_configs(folder: Path) -> None:
    repository = folder / "serving" / "triton" / "onnxruntime"
    onnx = triton(repository / "flowers-onnx" / "config.pbtxt")
    assert (onnx.name, onnx.platform, onnx.max_batch_size) == ("flowers-onnx", "onnxruntime_onnx", MAX_BATCH)
    assert onnx.HasField("dynamic_batching")
    (image,), (output,) = onnx.input, onnx.output
    assert (image.name, image.data_type, list(image.dims)) == ("image", 2, [-1, -1, 3])  # 2: TYPE_UINT8
    assert (output.name, output.data_type, list(output.dims)) == ("probabilities", 11, [3])  # 11: TYPE_FP32
    labels = (repository / "flowers-onnx" / output.label_filename).read_text(encoding="utf-8")
    assert labels.splitlines() == ["daisy", "line feed", 'a "rose"']
    fixed = triton(repository / "flowers-onnx-int8" / "config.pbtxt")
    assert list(fixed.input[0].dims) == [224, 192, 3]
    tensorflow = triton(folder / "serving/triton/tensorflow/flowers-saved-model/config.pbtxt")
    assert tensorflow.platform == "tensorflow_savedmodel"


def test_triton_has_the_batch_among_the_dimensions_of_an_openvino_model(folder: Path) -> None:
    config = triton(folder / "serving" / "triton" / "openvino" / "flowers-openvino" / "config.pbtxt")
    assert (config.backend, config.max_batch_size, config.HasField("dynamic_batching")) == ("openvino", 0, False)
    assert (list(config.input[0].dims), list(config.output[0].dims)) == ([-1, -1, -1, 3], [-1, 3])


def test_the_models_lie_where_the_servers_look_and_take_no_room(folder: Path) -> None:
    serving = folder / "serving"
    for original, linked in {
        "model.onnx": "triton/onnxruntime/flowers-onnx/1/model.onnx",
        "openvino/model.xml": "triton/openvino/flowers-openvino/1/model.xml",
        "openvino/model.bin": "triton/openvino/flowers-openvino/1/model.bin",
        "saved-model/saved_model.pb": "triton/tensorflow/flowers-saved-model/1/model.savedmodel/saved_model.pb",
        "saved-model/variables/variables.index": "tensorflow-serving/flowers-saved-model/1/variables/variables.index",
    }.items():
        assert (serving / linked).samefile(folder / original)


def test_copies_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError("not on this file system")

    monkeypatch.setattr(os, "link", refuse)
    write_configs(tmp_path, FACTS, exported(tmp_path))
    copied = tmp_path / "serving" / "triton" / "onnxruntime" / "flowers-onnx" / "1" / "model.onnx"
    assert copied.read_text() == "model.onnx"
    assert not copied.samefile(tmp_path / "model.onnx")


def test_openvino_model_server_finds_every_model(folder: Path) -> None:
    config = json.loads((folder / "serving" / "openvino-model-server" / "config.json").read_text())
    models = {entry["config"]["name"]: entry["config"]["base_path"] for entry in config["model_config_list"]}
    assert set(models) == {"flowers-onnx", "flowers-onnx-int8", "flowers-openvino"}
    for path in models.values():
        version = folder / "serving" / Path(path).relative_to("/models") / "1"
        assert any(file.suffix in (".xml", ".onnx") for file in version.iterdir())


def test_tensorflow_serving_reads_its_config(folder: Path) -> None:
    from google.protobuf import text_format

    text = (folder / "serving" / "tensorflow-serving" / "models.config").read_text()
    config = text_format.Parse(text, _model_server_config()())
    (model,) = config.model_config_list.config
    assert (model.name, model.model_platform) == ("flowers-saved-model", "tensorflow")
    place = folder / "serving" / Path(model.base_path).relative_to("/models")
    assert (place / "1" / "saved_model.pb").is_file()


def _model_server_config() -> Any:
    """TensorFlow Serving's `model_server_config.proto`, as far as it is used: it comes with no light package."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="model_server_config.proto", package="t", syntax="proto3")
    fields = {
        "ModelConfig": [("name", 1, 9, 1, ""), ("base_path", 2, 9, 1, ""), ("model_platform", 4, 9, 1, "")],
        "ModelConfigList": [("config", 1, 11, 3, ".t.ModelConfig")],
        "ModelServerConfig": [("model_config_list", 1, 11, 1, ".t.ModelConfigList")],
    }
    for name, rows in fields.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label, of in rows:
            message.field.add(name=field, number=number, type=kind, label=label, type_name=of or None)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.ModelServerConfig"))


def test_kserve_is_told_of_folders_that_are_there(folder: Path) -> None:
    files = sorted((folder / "serving" / "kserve").glob("flowers-*.yaml"))
    assert len(files) == 4
    for file in files:
        model = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]["predictor"]["model"]
        given = folder / model["storageUri"].removeprefix("pvc://models/")
        versions = given / file.stem if model["runtime"] == "kserve-tritonserver" else given
        assert (versions / "1").is_dir()


def test_a_later_export_leaves_nothing_of_an_earlier_one(folder: Path) -> None:
    exports = exported(folder)
    del exports["onnx int8"]
    write_configs(folder, FACTS, exports)
    assert [path.name for path in (folder / "serving" / "triton" / "onnxruntime").iterdir()] == ["flowers-onnx"]
    assert write_configs(folder, FACTS, {"keras f32": exports["keras f32"]}) == []
    assert not (folder / "serving").exists()


def test_a_file_that_is_gone_is_not_served(tmp_path: Path) -> None:
    exports = exported(tmp_path)
    (tmp_path / "model.onnx").unlink()
    write_configs(tmp_path, FACTS, exports)
    repository = tmp_path / "serving" / "triton" / "onnxruntime"
    assert [path.name for path in repository.iterdir()] == ["flowers-onnx-int8"]


def test_an_openvino_export_named_by_its_graph(tmp_path: Path) -> None:
    exports = exported(tmp_path)
    exports["openvino f32"]["file"] = "openvino/model.xml"
    write_configs(tmp_path, FACTS, exports)
    version = tmp_path / "serving" / "triton" / "openvino" / "flowers-openvino" / "1"
    assert {path.name for path in version.iterdir()} == {"model.xml", "model.bin"}
    assert serving_configs.openvino_graph(tmp_path / "openvino") == tmp_path / "openvino" / "model.xml"
