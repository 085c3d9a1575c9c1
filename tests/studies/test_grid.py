from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_studies import leave_out_the_model, photo_study, write_page

from regraft.errors import InputError
from regraft.runs.folder import RunFolder
from regraft.studies import cells as cells_module
from regraft.studies.conclusions import conclude
from regraft.studies.declaration import Study, read_study
from regraft.studies.folder import StudyFolder
from regraft.studies.grid import carry_out, prepare_keras, recommend, run_grid

THREE_AXES = """
name = "Three axes"
seed = 4
seeds = 2
folds = 2

[vary.head]
learning_rate = [0.001, 0.1]
momentum = [0.0, 0.9]
epochs = [2, 5]

[images]
source = {source}
exact = true

[backbone]
precision = "f32"

[head]
nesterov = [false]
"""


def small(photos: Path, **parts: Any) -> Study:
    return photo_study(photos, {"head": {"learning_rate": [0.01, 0.5]}}, **parts)


@pytest.fixture(autouse=True)
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_the_model(monkeypatch)


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A user's grid over three axes, from its file to its recommendation."""
    folder = tmp_path_factory.mktemp("grid")
    (folder / "my.toml").write_text(THREE_AXES.format(source=json.dumps(str(photos))))
    with pytest.MonkeyPatch.context() as patch:
        leave_out_the_model(patch)
        return run_grid(read_study(folder / "my.toml"), folder / "study", report_run=write_page)


def splits_of(run: RunFolder) -> dict[str, set[str]]:
    table = run.table("splits").to_pydict()
    found: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for sha256, split in zip(table["sha256"], table["split"], strict=True):
        found[split].add(sha256)
    return found


def test_the_study_folder_is_complete(done: StudyFolder, photos: Path) -> None:
    assert {path.name for path in done.path.iterdir()} == {
        "grid.study.toml", "recommended", "runs", "study.json", "study.toml",
    }  # fmt: skip
    facts = done.facts()
    assert done.complete
    assert (facts["kind"], done.settings()) == ("grid", {"kind": "grid"})
    assert set(facts["seconds"]) == {"features", "training", "recommended", "total"}
    assert facts["environment"]["python"]
    results = done.results("grid")
    assert results.accuracy.shape == (8, 4)
    assert results.curves["loss"].shape == (8, 4, 5)
    assert not results.diverged.any()


def test_the_recommended_run_is_that_of_the_best_setting(done: StudyFolder) -> None:
    study, _ = done.grid("grid")
    results = done.results("grid")
    conclusion = conclude(results, seed=4)
    assert conclusion.best is not None
    assert results.accuracy[conclusion.best].mean() == results.accuracy.mean(axis=1).max()
    config = done.recommended.config()
    assert config == study.config(study.settings[conclusion.best].values).with_absolute_paths()
    assert (config.seed, config.images.test_seed, config.images.folds) == (4, 4, None)


def test_only_the_recommended_run_is_measured_on_the_test_images(done: StudyFolder) -> None:
    """And no cell has trained on them, or been chosen by them."""
    tested = splits_of(done.recommended)["test"]
    assert len(tested) == 15
    assert done.recommended.metrics()["test"]["images"] == 15
    _, cells = done.grid("grid")
    for cell in cells:
        assert splits_of(cell.run)["test"] == tested
        assert "test" not in cell.run.metrics()
        assert set(cell.run.table("predictions")["split"].to_pylist()) == {"validation"}


def test_every_image_validates_once_in_the_folds_of_a_seed(done: StudyFolder) -> None:
    _, cells = done.grid("grid")
    for seed in (4, 5):
        parts = [splits_of(cell.run)["validation"] for cell in cells[:4] if cell.repetition.seed == seed]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 60


def count_fits(patch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    original = cells_module.fit_heads

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(len(options["settings"]))
        return original(*arguments, **options)

    patch.setattr(cells_module, "fit_heads", counted)
    return calls


def test_a_finished_study_is_not_trained_again(done: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_fits(monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in done.path.rglob("*") if path.parent != done.path}
    study, _ = done.grid("grid")
    again = run_grid(study, resume=done, report_run=write_page)
    assert again.complete
    assert again.facts()["resumed"]
    assert calls == []
    files = {path: path.stat().st_mtime_ns for path in done.path.rglob("*") if path.parent != done.path}
    assert files == before


def test_a_study_that_was_killed_goes_on(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small(photos)
    whole = run_grid(study, tmp_path / "whole", report_run=write_page)
    with monkeypatch.context() as patch:

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("regraft.runs.pipeline.save_joined", stop)
        with pytest.raises(KeyboardInterrupt):
            run_grid(study, tmp_path / "killed", report_run=write_page)
    killed = StudyFolder(tmp_path / "killed")
    assert not killed.complete
    assert not killed.recommended.complete
    with pytest.raises(InputError, match="--resume"):
        run_grid(study, killed.path)
    calls = count_fits(monkeypatch)
    declared, _ = killed.grid("grid")
    run_grid(declared, resume=killed, report_run=write_page)
    assert calls == []
    assert killed.complete
    np.testing.assert_array_equal(killed.results("grid").accuracy, whole.results("grid").accuracy)
    assert killed.recommended.metrics()["test"] == whole.recommended.metrics()["test"]


def test_where_every_setting_diverges_there_is_nothing_to_recommend(photos: Path, tmp_path: Path) -> None:
    study = photo_study(photos, {"head": {"learning_rate": [1e39, 1e40]}}, seeds=1)
    folder = run_grid(study, tmp_path / "study", report_run=write_page)
    assert folder.complete
    assert not folder.recommended.path.exists()
    conclusion = conclude(folder.results("grid"))
    assert (conclusion.best, conclusion.diverged) == (None, (0, 1))
    assert recommend(folder, study, conclusion, write_page) is None


def test_without_a_folder_the_next_free_name_is_taken(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_grid(small(photos, seeds=1)).path == Path("studies/study")


def test_several_grids_are_carried_out_together(photos: Path, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    grids = {
        "a": folder.declare("a", small(photos, seeds=1)),
        "b": folder.declare("b", small(photos, seeds=1, head={"epochs": 2})),
    }
    seconds = carry_out(grids)
    assert set(seconds) == {"features", "training"}
    assert all(value >= 0 for value in seconds.values())
    assert [folder.results(name).curves["loss"].shape[-1] for name in "ab"] == [3, 2]


def test_images_that_are_not_there_are_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        run_grid(small(tmp_path / "nowhere"), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_what_cannot_be_trained_here_is_refused_before_there_is_a_folder(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def check(*, training: bool) -> None:
        asked.append(training)
        if training:
            raise InputError("Keras cannot train here.")

    monkeypatch.setattr("regraft.studies.grid.check_keras_backend", check)
    prepare_keras(small(photos))
    both = photo_study(photos, {"head": {"standard": [False, True]}})
    with pytest.raises(InputError, match="cannot train here"):
        run_grid(both, tmp_path / "study")
    assert asked == [False, True]
    assert not (tmp_path / "study").exists()
