from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regraft.deployment.export_facts import facts_of
from regraft.deployment.export_folder import ExportFolder, run_identity, size_of
from regraft.errors import InputError
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor


@pytest.fixture
def opened(small_run: RunFolder, small_predictor: Predictor, tmp_path: Path) -> Any:
    return lambda: ExportFolder(tmp_path / "export", small_run, facts_of(small_predictor))


def _record(file: str, precision: str = "f32") -> dict[str, Any]:
    return {"format": "onnx", "precision": precision, "file": file}


def test_exports_add_up(opened: Any, tmp_path: Path, small_run: RunFolder) -> None:
    with opened().new_export(_record("model.onnx")) as temporary:
        assert temporary.name.endswith("model.onnx")
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"one")
    second = opened()
    with second.new_export(_record("folder", "f16")) as temporary:
        temporary.mkdir()
        (temporary / "inside").write_bytes(b"four")
    folder = tmp_path / "export"
    assert {path.name for path in folder.iterdir()} == {"model.onnx", "folder", "export.json", "labels.txt"}
    content = json.loads((folder / "export.json").read_text())
    assert content == second.content
    assert list(content["exports"]) == ["onnx f32", "onnx f16"]
    assert [one["bytes"] for one in content["exports"].values()] == [3, 4]
    assert content["run"]["identity"] == run_identity(small_run)
    assert RunFolder(folder).classes() == small_run.classes()
    with opened().new_export(_record("folder", "f16")) as temporary:
        temporary.write_bytes(b"a file in its place")
    assert (folder / "folder").read_bytes() == b"a file in its place"


def test_nothing_is_left_of_one_that_failed(opened: Any, tmp_path: Path) -> None:
    with opened().new_export(_record("model.onnx")) as temporary:
        temporary.write_bytes(b"good")

    def fail() -> None:
        with opened().new_export(_record("model.onnx")) as temporary:
            temporary.mkdir()
            (temporary / "half").write_bytes(b"bad")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {path.name for path in (tmp_path / "export").iterdir()} == {"model.onnx", "export.json", "labels.txt"}
    assert (tmp_path / "export" / "model.onnx").read_bytes() == b"good"


def test_exports_of_another_network_go(opened: Any, tmp_path: Path) -> None:
    with opened().new_export(_record("model.f16.onnx", "f16")) as temporary:
        temporary.write_bytes(b"old")
    file = tmp_path / "export" / "export.json"
    content = json.loads(file.read_text())
    content["run"]["identity"] = "another"
    file.write_text(json.dumps(content))
    now = opened()
    assert now.outdated == ["model.f16.onnx"]
    assert (tmp_path / "export" / "model.f16.onnx").exists()
    with now.new_export(_record("model.onnx")) as temporary:
        temporary.write_bytes(b"new")
    assert not (tmp_path / "export" / "model.f16.onnx").exists()
    assert list(json.loads(file.read_text())["exports"]) == ["onnx f32"]


@pytest.mark.parametrize("text", ["{", "[]", '{"exports": {"a": {"file": "../../precious"}}}'])
def test_a_damaged_folder_is_told(opened: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "export.json").write_text(text)
    with pytest.raises(InputError, match="damaged"):
        opened()


def test_a_folder_of_other_things_is_left_alone(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    opened()
    (tmp_path / "export" / "README.md").write_text("mine")
    with pytest.raises(InputError, match=r"no export folder[\s\S]*--output"):
        opened()


def test_the_size_of_a_file_and_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    (tmp_path / "c").write_bytes(b"123")
    assert size_of(tmp_path / "c") == 3
    assert size_of(tmp_path) == 8
