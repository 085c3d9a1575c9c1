from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_results import made_results

from regraft.studies.cats_results import (
    all_settings,
    by_network_and_output,
    by_output,
    first_repetitions,
    output_words,
    scratch_runs,
    tuned_results,
    tuned_run,
)
from regraft.studies.folder import StudyFolder
from regraft.studies.results import Results

AXES = {"backbone.name": ("A", "B"), "head.activation": ("sigmoid", "softmax")}
FROZEN = [[0.90, 0.91, 0.92], [0.80, 0.81, 0.82], [0.70, 0.71, 0.72], [0.60, 0.61, 0.62]]


def frozen_heads() -> Results:
    return made_results(FROZEN, axes=AXES)


def record(folder: StudyFolder, name: str, last: int, seed: int, accuracy: float) -> None:
    run = tuned_run(folder, name, last, seed)
    run.path.mkdir(parents=True)
    run.write_json(
        "metrics", {"validation": {"accuracy": accuracy, "log_loss": 1 - accuracy}, "chosen": {"epoch": last}}
    )


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    """Of `B`, the last 5 and the last 10 layers trained in two repetitions."""
    study = StudyFolder(tmp_path)
    for seed in (0, 1):
        record(study, "B", 5, seed, 0.75 + seed / 100)
        record(study, "B", 10, seed, 0.85 + seed / 100)
    return study


def test_the_outputs_of_one_network() -> None:
    results = by_output(frozen_heads(), "B")
    assert [setting.label for setting in results.settings] == ["one sigmoid unit", "two softmax units"]
    assert results.accuracy.tolist() == FROZEN[2:]
    assert results.axes == {"head.activation": ("sigmoid", "softmax")}


def test_the_names_of_all_frozen_heads() -> None:
    assert [setting.label for setting in by_network_and_output(frozen_heads()).settings] == [
        *("A, one sigmoid unit", "A, two softmax units", "B, one sigmoid unit", "B, two softmax units")
    ]
    one = made_results(FROZEN[:2], axes={"backbone.name": ("A", "B"), "head.activation": ("softmax",)})
    assert [setting.label for setting in by_network_and_output(one).settings] == ["A", "B"]
    assert output_words("softmax", 1) == "softmax"


def test_the_first_repetitions_alone() -> None:
    results = first_repetitions(frozen_heads(), 2)
    assert results.accuracy.tolist() == [row[:2] for row in FROZEN]
    assert [len(row) for row in (results.repetitions, results.images, results.baseline, results.runs[0])] == [2] * 4
    assert results.curves["val_loss"].shape[:2] == (4, 2)


def test_frozen_and_trained_layers_side_by_side(folder: StudyFolder) -> None:
    results = tuned_results(folder, first_repetitions(frozen_heads(), 2), ["B"], [5, 10])
    assert [setting.label for setting in results.settings] == [
        *("B, all layers frozen", "B, last 5 layers trained", "B, last 10 layers trained")
    ]
    np.testing.assert_allclose(results.accuracy, [[0.70, 0.71], [0.75, 0.76], [0.85, 0.86]])
    np.testing.assert_allclose(results.loss, 1 - results.accuracy)
    assert results.best_epoch.tolist() == [[4, 4], [5, 5], [10, 10]]
    assert not results.diverged.any()
    assert results.axes == {"backbone.name": ("B",), "trained": (0, 5, 10)}
    assert results.runs[1][1] == tuned_run(folder, "B", 5, 1).path


def test_every_setting_once(folder: StudyFolder) -> None:
    heads = first_repetitions(frozen_heads(), 2)
    everything = all_settings(by_network_and_output(heads), tuned_results(folder, heads, ["B"], [5, 10]))
    assert [setting.label for setting in everything.settings][3:] == [
        *("B, two softmax units", "B, last 5 layers trained", "B, last 10 layers trained")
    ]
    assert everything.accuracy.shape == (6, 2)
    assert everything.settings[5].values == {"backbone.name": "B", "trained": 10, "head.activation": "sigmoid"}
    assert len(everything.runs) == len(everything.chosen) == len(everything.diverged) == 6
    alone = all_settings(by_network_and_output(heads), None)
    assert alone.accuracy.tolist() == heads.accuracy.tolist()


def test_a_head_that_diverged_stays_so(folder: StudyFolder) -> None:
    lost = made_results([[np.nan, np.nan], *(row[:2] for row in FROZEN[1:])], axes=AXES)
    record(folder, "A", 5, 0, 0.5)
    record(folder, "A", 5, 1, 0.5)
    results = tuned_results(folder, lost, ["A"], [5])
    assert results.diverged.tolist() == [[True, True], [False, False]]


def test_the_folder_of_a_network_has_a_plain_name(folder: StudyFolder) -> None:
    run = tuned_run(folder, "/home/me/my model.keras", 5, 3)
    assert run.path.parent.parent == folder.path / "runs" / "tuned"
    assert "/" not in run.path.parent.name
    frozen, scratch = scratch_runs(folder, "MobileNetV2@96")
    assert (frozen.path.parent.name, frozen.path.name, scratch.path.name) == ("MobileNetV2@96", "frozen", "scratch")
