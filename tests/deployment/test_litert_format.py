"""LiteRT files, against the run they come from."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_tops import SIZE

from regraft.deployment.export_format import ExportFacts, Precision
from regraft.deployment.litert_format import LiteRTFormat
from regraft.errors import MissingPackageError
from regraft.images.reading import read_image
from regraft.runs.prediction import Predictor

FACTS = ExportFacts(["blue", "grün", "two\nlines"], (SIZE, SIZE), "small", "Three colours", {"backbone": "small"})


@pytest.mark.parametrize(("precision", "tolerance"), [("f16", 0.01), ("int8", 0.1)])  # f32: test_tensorflow_export
def test_a_file_answers_as_the_run_does(
    small_predictor: Predictor, photos: Path, tmp_path: Path, precision: Precision, tolerance: float
) -> None:
    pixels = [read_image(path, (SIZE, SIZE)) for path in sorted(photos.rglob("*.jpg"))[::3]]
    target = tmp_path / ".unfinished"
    LiteRTFormat(in_process=True).write(small_predictor, FACTS, target, precision, pixels)
    opened = LiteRTFormat().open(target)
    assert opened.labels == FACTS.classes
    expected = small_predictor.plain_probabilities(pixels)
    for count in (len(pixels), 1):
        answers = opened.probabilities(np.stack(pixels[:count]))
        assert answers.dtype == np.float32
        np.testing.assert_allclose(answers, expected[:count], atol=tolerance)
    if precision == "int8":
        assert _whole_numbers_inside(target)
    assert not np.allclose(opened.probabilities(np.stack(pixels)), expected, atol=1e-7)
    with zipfile.ZipFile(target) as archive:
        assert archive.read("labels.txt").decode().splitlines() == ["blue", "grün", "two lines"]
        assert json.loads(archive.read("regraft.json")) == {
            "labels": FACTS.classes,
            "name": "small",
            "description": "Three colours",
            "size": [SIZE, SIZE],
            "backbone": "small",
        }


def _whole_numbers_inside(path: Path) -> bool:
    """Whether most maps between the pixels and the probabilities are int8."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    maps = [tensor for tensor in interpreter.get_tensor_details() if len(tensor["shape"]) == 4]
    outside = (taken["dtype"], given["dtype"]) == (np.uint8, np.float32)
    return outside and sum(tensor["dtype"] == np.int8 for tensor in maps) > len(maps) / 2


def test_names_and_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [LiteRTFormat().file_name(precision) for precision in LiteRTFormat.precisions]
    assert names == ["model.tflite", "model.f16.tflite", "model.int8.tflite"]
    LiteRTFormat().check_packages("f32")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"regraft\[export\]"):
        LiteRTFormat().check_packages("f32")
