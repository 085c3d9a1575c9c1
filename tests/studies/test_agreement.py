from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_results import made_results
from small_studies import photo_study, train_on_features, train_study

from regraft.images.labelled import LabelledImage
from regraft.runs.folder import RunFolder
from regraft.runs.head import SavedHead
from regraft.studies.agreement import Agreement, compare_ways, pairs_of
from regraft.studies.results import Results
from regraft.training.weights import HeadWeights

AXES = {"head.momentum": (0.5, 0.9), "head.standard": (True, False)}
EPOCHS = 4


def write_run(path: Path, kernel: float, bias: float, splits: str = "tv") -> None:
    """A head of one weight that is told, and the images it was trained on."""
    run = RunFolder(path)
    weights = np.array([[0.5, kernel]], np.float32), np.array([0.1, bias], np.float32)
    run.write_head(SavedHead(HeadWeights.linear(*weights), "softmax", "made up", "0" * 64, (8, 8), "f32"))
    names = {"t": "train", "v": "validation"}
    images = [
        LabelledImage(str(n), "a", hashlib.sha256(bytes([n])).hexdigest(), Path(str(n))) for n in range(len(splits))
    ]
    run.write_splits(images, [names[split] for split in splits])


@pytest.fixture
def made(tmp_path: Path) -> Results:
    """Two settings both ways, in the order momentum 0.5 standard, accelerated, momentum 0.9 standard, accelerated."""
    results = made_results([[0.8], [0.8], [0.9], [0.9]], axes=AXES, epochs=EPOCHS)
    for row in range(4):
        write_run(tmp_path / str(row), kernel=-2.0 - row / 1000, bias=0.1)
    seconds = results.curves["seconds"] * np.array([1, 0.01, 2, 0.02])[:, None, None]
    return replace(
        results, runs=tuple((tmp_path / str(row),) for row in range(4)), curves={**results.curves, "seconds": seconds}
    )


def changed(results: Results, name: str, row: int, epoch: int, by: float) -> Results:
    values = results.curves[name].copy()
    values[row, 0, epoch] += by
    return replace(results, curves={**results.curves, name: values})


def test_the_settings_are_paired_by_their_other_values(made: Results) -> None:
    assert pairs_of(made) == [(0, 1), (2, 3)]
    turned = made_results([[0.8]] * 4, axes={"head.standard": (False, True), "head.momentum": (0.5, 0.9)})
    assert pairs_of(turned) == [(2, 0), (3, 1)]
    alone = made_results([[0.8]] * 2, axes={"head.standard": (True, False)})
    assert pairs_of(alone) == [(0, 1)]


def test_the_largest_differences_and_the_times(made: Results) -> None:
    results = changed(changed(made, "val_loss", 0, 1, 0.25), "val_accuracy", 3, 2, -0.125)
    first, second = compare_ways(results)
    assert first == Agreement(
        setting="momentum 0.5, standard True",
        epochs=EPOCHS,
        weights=pytest.approx(0.001, abs=1e-6),
        largest_weight=2.0,
        loss=pytest.approx(0.25),
        accuracy=0.0,
        standard_accuracy=pytest.approx(0.8),
        accelerated_accuracy=pytest.approx(0.8),
        standard_seconds=pytest.approx(0.4),
        accelerated_seconds=pytest.approx(0.004),
        same_images=True,
    )
    assert (second.loss, second.accuracy) == (0, pytest.approx(0.125))
    assert second.standard_seconds == pytest.approx(0.8)


def test_biases_are_weights(made: Results) -> None:
    write_run(made.runs[1][0], kernel=-2.0, bias=7.1)
    first, _ = compare_ways(made)
    assert first.weights == pytest.approx(7)


def test_heads_of_different_epochs_are_not_compared(made: Results) -> None:
    best = made.best_epoch.copy()
    best[1] = 2
    first, second = compare_ways(replace(made, best_epoch=best))
    assert first.weights is None
    assert second.weights is not None


@pytest.mark.parametrize("splits", ["vt", "tvv"])
def test_other_images_are_noticed(made: Results, splits: str) -> None:
    write_run(made.runs[3][0], kernel=-2.0, bias=0.1, splits=splits)
    assert [found.same_images for found in compare_ways(made)] == [True, False]


def test_what_diverged_either_way_is_left_out() -> None:
    for row in (0, 1):
        accuracy = [[0.8], [0.8]]
        accuracy[row] = [math.nan]
        assert compare_ways(made_results(accuracy, axes={"head.standard": (True, False)})) == []


def test_both_ways_give_the_same(photos: Path, tmp_path: Path) -> None:
    """Through Keras, the network computed anew in every epoch; and on cached features."""
    study = photo_study(
        photos,
        {"head": {"standard": [True, False]}},
        seeds=1,
        images={"per_class": 10},
        # 18 images to train on, 6 to validate: batches of one size, as Keras compiles its graph once for each.
        head={"epochs": 2, "batch_size": 6, "learning_rate": [0.01], "momentum": [0.9], "scale_features": False},
    )
    cells, results = train_study(study, tmp_path)
    (found,) = compare_ways(results)
    assert found.same_images
    assert (found.setting, found.epochs) == ("lr 0.01, momentum 0.9", 2)
    assert found.weights is not None
    assert found.weights < 1e-4 < found.largest_weight
    assert found.loss < 1e-3
    assert found.accuracy == 0
    assert found.standard_seconds > found.accelerated_seconds > 0
    standard, accelerated = (cell.run.head() for cell in cells)
    np.testing.assert_allclose(standard.kernel, accelerated.kernel, atol=1e-4)
    np.testing.assert_allclose(standard.bias, accelerated.bias, atol=1e-4)
    assert np.isnan(results.curves["val_precision"][0]).all()  # Keras is not asked for it
    assert np.isfinite(results.curves["val_precision"][1]).all()


def test_settings_that_diverge_both_ways(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft.training.standard.train_heads_standard", train_on_features)
    vary: dict[str, Any] = {"head": {"learning_rate": [0.1, 1e39], "standard": [True, False]}}
    _, results = train_study(photo_study(photos, vary, seeds=1), tmp_path)
    assert results.diverged[:, 0].tolist() == [False, False, True, True]
    assert [found.setting for found in compare_ways(results)] == ["lr 0.1"]
