"""SavedModel folders, against the run they come from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_tops import SIZE

from regraft.deployment.export_format import ExportFacts
from regraft.deployment.saved_model_format import SavedModelFormat
from regraft.errors import MissingPackageError
from regraft.images.resizing import resize
from regraft.runs.prediction import Predictor

FACTS = ExportFacts(["blue", "grün", "red"], (SIZE, SIZE), "small", "Three colours", {"backbone": "small"})


def test_a_folder_answers_as_the_run_does_for_images_of_any_size(small_predictor: Predictor, tmp_path: Path) -> None:
    SavedModelFormat(in_process=True).write(small_predictor, FACTS, tmp_path / "x", "f32", [])
    opened = SavedModelFormat().open(tmp_path / "x")
    assert opened.labels == FACTS.classes
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    answers = opened.probabilities(images)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, small_predictor.plain_probabilities(images), atol=1e-5)
    large = generator.integers(0, 256, (2, 41, 23, 3), np.uint8)
    seen = [resize(image, SIZE, SIZE) for image in large]
    np.testing.assert_allclose(opened.probabilities(large), small_predictor.plain_probabilities(seen), atol=0.03)
    assert json.loads((tmp_path / "x" / "assets.extra" / "regraft.json").read_text()) == {
        "labels": FACTS.classes,
        "name": "small",
        "description": "Three colours",
        "size": [SIZE, SIZE],
        "backbone": "small",
    }


def test_name_and_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SavedModelFormat.precisions == ("f32",)
    assert SavedModelFormat().file_name("f32") == "saved_model"
    SavedModelFormat().check_packages("f32")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"regraft\[export\]"):
        SavedModelFormat().check_packages("f32")
