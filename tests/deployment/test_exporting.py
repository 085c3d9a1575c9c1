from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.deployment import exporting
from regraft.deployment.export_format import FORMAT_NAMES
from regraft.deployment.exporting import chosen_formats, export_run
from regraft.deployment.openvino_format import OpenVINOFormat
from regraft.errors import InputError, RegraftError
from regraft.runs.folder import RunFolder


def test_a_run_is_exported_and_checked(small_run: RunFolder, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = export_run(small_run, ["keras", "openvino", "keras"], output=output, measure_speed=True)
    assert done.folder == output
    validation = small_run.metrics()["images"]["validation"]
    assert [one["file"] for one in done.exports] == ["model.keras", "openvino"]
    for one in done.exports:
        assert one["images"] == validation
        assert one["top1_agreement"] == 1.0
        assert one["largest_difference"] < 1e-4
        assert one["bytes"] > 0
        assert one["benchmark"]["speed_one"] > 0
    assert done.exports[0]["whole_images"] == 0
    assert done.exports[1]["whole_images"] > 0
    assert done.exports[1]["whole_difference"] < 0.05
    assert done.run_benchmark is not None
    assert json.loads((output / "export.json").read_text())["exports"] == {
        f"{one['format']} f32": one for one in done.exports
    }
    assert (output / "README.md") in done.written
    assert all(path.is_file() for path in done.written)
    assert OpenVINOFormat().open(output / "openvino").labels == small_run.classes()
    export_run(small_run, ["openvino"], precision="f16", output=output)
    content = json.loads((output / "export.json").read_text())
    assert list(content["exports"]) == ["keras f32", "openvino f32", "openvino f16"]


def test_one_that_does_not_agree_is_not_kept(
    small_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(OpenVINOFormat):
        def open(self, path: Path) -> Any:
            opened = super().open(path)
            right = opened.probabilities
            opened.probabilities = lambda images: np.roll(right(images), 1, axis=1)  # type: ignore[method-assign]
            return opened

    monkeypatch.setattr(exporting, "format_named", lambda name: Wrong())
    with pytest.raises(RegraftError, match="does not agree with the run, and was not kept") as caught:
        export_run(small_run, ["openvino"], output=tmp_path / "out")
    assert caught.value.exit_code == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_which_formats_are_meant() -> None:
    assert [kind.name for kind in chosen_formats(["all"], "f32")[0]] == list(FORMAT_NAMES)
    int8, precision = chosen_formats(["all"], "int8")
    assert precision == "int8"
    assert "openvino" in {kind.name for kind in int8}
    assert "keras" not in {kind.name for kind in int8}


@pytest.mark.parametrize(
    ("names", "precision", "message"),
    [
        (["caffe"], "f32", r"onnx, openvino, litert, saved-model, keras, all[\s\S]*caffe"),
        (["onnx"], "f64", r"f32, f16, int8[\s\S]*f64"),
        (["onnx", "keras"], "int8", r"keras cannot be exported in int8[\s\S]*keras: f32"),
        ([], "f32", "No format"),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(names: list[str], precision: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen_formats(names, precision)
