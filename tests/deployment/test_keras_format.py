from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from regraft.deployment.export_format import ExportFacts
from regraft.deployment.keras_format import KerasFormat
from regraft.runs.prediction import Predictor

KIND = KerasFormat()


def test_the_model_with_its_labels(small_predictor: Predictor, tmp_path: Path) -> None:
    names = ["a\nb", "日本", '"']
    target = tmp_path / ".unfinished-model.keras"
    KIND.write(small_predictor, ExportFacts(names, (8, 8), "any", "any"), target, "f32", [])
    opened = KIND.open(target)
    assert opened.labels == names
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    expected = small_predictor.plain_probabilities(images)
    np.testing.assert_allclose(opened.probabilities(images), expected, atol=1e-4)
    with zipfile.ZipFile(small_predictor.run.model) as source, zipfile.ZipFile(target) as copy:
        for name in source.namelist():
            assert (source.read(name) == copy.read(name)) == (name != "metadata.json")


def test_a_sigmoid_gives_two_columns(tmp_path: Path, small_predictor: Predictor) -> None:
    import keras

    class Run:
        model = tmp_path / "one.keras"

    class OfOne:
        run = Run

    pixels = keras.Input((2, 2, 3), dtype="uint8")
    values = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels))
    keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid")(values)).save(Run.model)
    KIND.write(OfOne(), ExportFacts(["cat", "dog"], (2, 2), "any", "any"), tmp_path / "it.keras", "f32", [])  # type: ignore[arg-type]
    answers = KIND.open(tmp_path / "it.keras").probabilities(np.full((3, 2, 2, 3), 90, np.uint8))
    assert answers.shape == (3, 2)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    expected = keras.saving.load_model(Run.model).predict_on_batch(np.full((3, 2, 2, 3), 90, np.uint8))
    np.testing.assert_allclose(answers[:, 1:], expected, atol=1e-6)
