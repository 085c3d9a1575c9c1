from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_studies import leave_out_the_model, photo_study, train_on_features, train_study, without_seconds

from regraft.errors import InputError
from regraft.runs.data import load_data
from regraft.runs.folder import RunFolder
from regraft.runs.pipeline import train
from regraft.studies import cells as cells_module
from regraft.studies.cells import Cell, cells_of, feature_groups, load_cell_data, rounds_of, train_cells
from regraft.studies.declaration import Study, make_study
from regraft.studies.reading import read_results
from regraft.studies.results import Results

Trained = tuple[Study, list[Cell], Results]


def both(photos: Path) -> Study:
    """Settings that share their batches, others that do not, and a grid of heads in each."""
    vary = {"images": {"validation": [0.2, 0.4]}, "head": {"momentum": [0.0, 0.9]}}
    return photo_study(photos, vary, head={"epochs": 4, "learning_rate": [0.1, 1.0, 5.0]})


def sigmoid(photos: Path) -> Study:
    vary = {"head": {"learning_rate": [0.1, 2.0], "batch_size": [8, 16]}}
    head = {"activation": "sigmoid", "momentum": [0.9], "nesterov": [True]}
    return photo_study(photos, vary, seeds=1, folds=2, images={"classes": ["red", "blue"]}, head=head)


def scaled(photos: Path) -> Study:
    vary = {"backbone": {"scaling": ["own", "0 to 1"]}, "head": {"scale_features": [True, False]}}
    return photo_study(photos, vary, seeds=1, head={"learning_rate": [0.05]}, images={"per_class": 20})


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    study = both(photos)
    return study, *train_study(study, tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="module", params=["both", "sigmoid", "scaled"])
def any_trained(
    request: pytest.FixtureRequest, trained: Trained, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    if request.param == "both":
        return trained
    study = sigmoid(photos) if request.param == "sigmoid" else scaled(photos)
    return study, *train_study(study, tmp_path_factory.mktemp("cells"))


@pytest.fixture
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_the_model(monkeypatch)


def probabilities(run: RunFolder, split: str = "validation") -> tuple[list[str], list[str], Any]:
    rows = [row for row in run.table("predictions").to_pylist() if row["split"] == split]
    columns = [name for name in rows[0] if name.startswith("p(")]
    values = np.array([[row[name] for name in columns] for row in rows])
    return [row["image"] for row in rows], [row["predicted"] for row in rows], values


def test_a_cell_of_a_stack_is_the_run_of_its_config(any_trained: Trained, tmp_path: Path, quick_runs: None) -> None:
    """Trained with others at once or alone by `regraft train`: the same images, the same curves, the same answers."""
    _, cells, _ = any_trained
    for number, cell in enumerate(cells):
        alone = train(cell.config, tmp_path / str(number))
        assert alone.config() == cell.run.config()
        assert cell.run.table("splits").equals(alone.table("splits"))
        ours, theirs = cell.run.metrics(), alone.metrics()
        assert ours["chosen"] == theirs["chosen"]
        assert ours["images"] == theirs["images"]
        assert ours["warnings"] == theirs["warnings"]
        for name in ("accuracy", "confusion_matrix", "baseline"):
            assert ours["validation"][name] == theirs["validation"][name], name
        assert ours["validation"]["log_loss"] == pytest.approx(theirs["validation"]["log_loss"], abs=1e-5)
        assert {**ours["backbone"], "computed": 0} == {**theirs["backbone"], "computed": 0}
        first, second = probabilities(cell.run), probabilities(alone)
        assert first[:2] == second[:2]
        np.testing.assert_allclose(first[2], second[2], atol=1e-5)
        history = [row for row in without_seconds(alone) if row["phase"] == "grid"]
        for row, expected in zip(without_seconds(cell.run), history, strict=True):
            assert row == pytest.approx(expected, abs=1e-4)


def test_the_saved_head_gives_the_predictions(any_trained: Trained) -> None:
    _, cells, _ = any_trained
    for cell in cells:
        data = load_cell_data(cell.config)
        head = cell.run.head()
        rows = data.rows("validation")
        logits = data.features[rows] @ head.kernel + head.bias
        answers = logits[:, 0] > 0 if head.activation == "sigmoid" else logits.argmax(axis=1)
        names = [image.name for image in data.chosen(rows)]
        assert dict(zip(names, [data.classes[int(a)] for a in answers], strict=True)) == dict(
            zip(*probabilities(cell.run)[:2], strict=True)
        )


def test_the_results_are_those_of_the_predictions(any_trained: Trained) -> None:
    study, cells, results = any_trained
    flat = iter(cells)
    for setting in range(len(study.settings)):
        for repetition in range(len(study.repetitions)):
            rows = next(flat).run.table("predictions").to_pylist()
            right = [row["predicted"] == row["label"] for row in rows]
            assert results.accuracy[setting, repetition] == np.mean(right)
            at_label = [row[f"p({row['label']})"] for row in rows]
            assert results.loss[setting, repetition] == pytest.approx(-np.log(at_label).mean(), rel=1e-4)


def test_the_test_images_are_neither_measured_nor_told(any_trained: Trained) -> None:
    _, cells, _ = any_trained
    for cell in cells:
        assert "test" not in cell.run.metrics()
        assert set(cell.run.table("predictions")["split"].to_pylist()) == {"validation"}
        assert not cell.run.model.exists()


def test_the_settings_of_a_repetition_share_their_images_and_all_of_them_the_test_images(trained: Trained) -> None:
    _, cells, _ = trained
    tested = set()
    for cell in cells:
        splits = cell.run.table("splits").to_pydict()
        tested.add(frozenset(s for s, split in zip(splits["sha256"], splits["split"], strict=True) if split == "test"))
    assert len(tested) == 1
    # The two momenta with one share of validation images, in one repetition.
    pairs = [(cells[row], cells[row + 2]) for row in (0, 1, 4, 5)]
    for first, second in pairs:
        assert first.repetition == second.repetition
        assert first.run.table("splits").equals(second.run.table("splits"))
    assert not cells[0].run.table("splits").equals(cells[1].run.table("splits"))
    assert [cell.run.metrics()["images"]["validation"] for cell in cells] == [15] * 4 + [30] * 4


def test_where_the_runs_lie(trained: Trained, sigmoid_cells: list[Cell]) -> None:
    _, cells, _ = trained
    assert [Path(*cell.run.path.parts[-2:]).as_posix() for cell in cells[:3]] == [
        "000-validation-share-0.2-momentum-0/seed-0",
        "000-validation-share-0.2-momentum-0/seed-1",
        "001-validation-share-0.2-momentum-0.9/seed-0",
    ]
    assert sigmoid_cells[1].run.path.name == "seed-0-fold-1"
    named = make_study({"images": {"source": "x"}, "vary": {"backbone": {"name": ["../../a b/" + "c" * 300, "…"]}}})
    folders = [cell.run.path.parent.name for cell in cells_of(named, Path("runs"))[::3]]
    assert folders == ["000-a-b-" + "c" * 76, "001-setting"]


@pytest.fixture
def sigmoid_cells(photos: Path) -> list[Cell]:
    return cells_of(sigmoid(photos), Path("runs"))


def test_how_much_is_trained_at_once(
    photos: Path, tmp_path: Path, sigmoid_cells: list[Cell], trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [cell.run.metrics()["seconds"]["heads_at_once"] for cell in trained[1]] == [6] * 8
    calls: list[tuple[int, int]] = []
    original = cells_module.fit_heads

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append((options["epochs"], len(options["settings"])))
        return original(*arguments, **options)

    monkeypatch.setattr(cells_module, "fit_heads", counted)
    vary = {"head": {"epochs": [2, 3], "learning_rate": [0.1, 0.2, 0.3]}}
    train_study(photo_study(photos, vary, seeds=1, folds=2), tmp_path)
    assert sorted(calls) == [(2, 3), (2, 3), (3, 3), (3, 3)]
    assert len(feature_groups(sigmoid_cells)) == 1
    assert len(feature_groups(cells_of(scaled(photos), tmp_path))) == 2


def test_subsets_of_several_sizes(photos: Path, tmp_path: Path) -> None:
    study = photo_study(photos, {"images": {"per_class": [20, 25]}}, seeds=1, images={"exact": False})
    cells, results = train_study(study, tmp_path)
    assert [cell.run.table("splits").num_rows for cell in cells] == [60, 75]
    assert not results.diverged.any()
    small, large = (cell.run.table("splits").to_pylist() for cell in cells)
    # What is tested in one is trained on in none.
    place = {row["sha256"]: row["split"] for row in large}
    assert all(place[row["sha256"]] == row["split"] for row in small)


@pytest.mark.parametrize("standard", [False, True])
def test_the_bar_comes_to_its_end(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standard: bool
) -> None:
    monkeypatch.setattr("regraft.training.standard.train_heads_standard", train_on_features)
    vary = {"head": {"learning_rate": [[0.1, 0.2], [0.3]]}, "images": {"validation": [0.2, 0.3]}}
    study = photo_study(photos, vary, seeds=1, head={"standard": standard})
    cells = cells_of(study, tmp_path)
    steps: list[float] = []
    train_cells(cells, steps.append)
    assert rounds_of(cells) == 4 * 3
    assert sum(steps) == pytest.approx(rounds_of(cells))
    assert len(steps) > 4
    again: list[float] = []
    train_cells(cells, again.append)
    assert again == [rounds_of(cells)]


def stopped_after(rounds: int) -> Any:
    done = 0.0

    def advance(epochs: float) -> None:
        nonlocal done
        done += epochs
        if done > rounds:
            raise KeyboardInterrupt

    return advance


@pytest.fixture
def half_done(trained: Trained, tmp_path: Path) -> list[Cell]:
    """Cells of a study that was killed: four are measured, one of them lost its last file, one was being written."""
    cells = cells_of(trained[0], tmp_path / "cells")
    with pytest.raises(KeyboardInterrupt):
        train_cells(cells, stopped_after(20))
    assert [cell.done for cell in cells].count(True) == 4
    measured = [cell for cell in cells if cell.done]
    (measured[0].run.path / "metrics.json").unlink()
    (measured[0].run.path / "predictions.parquet").write_bytes(b"half")
    fresh = next(cell for cell in cells if not cell.run.path.exists())
    fresh.run.path.mkdir(parents=True)
    (fresh.run.path / "config.toml").write_text("= half")
    return cells


def test_a_killed_study_goes_on_and_gives_the_same(half_done: list[Cell], trained: Trained) -> None:
    study, _, expected = trained
    before = {cell.run.path: (cell.run.path / "metrics.json").stat() for cell in half_done if cell.done}
    steps: list[float] = []
    train_cells(half_done, steps.append)
    assert sum(steps) == rounds_of(half_done)
    for path, stat in before.items():
        assert (path / "metrics.json").stat().st_mtime_ns == stat.st_mtime_ns
    results = read_results(study, half_done)
    for name in ("accuracy", "best_epoch", "diverged", "images", "train_images", "baseline"):
        np.testing.assert_array_equal(getattr(results, name), getattr(expected, name), name)
    assert results.chosen == expected.chosen
    np.testing.assert_allclose(results.loss, expected.loss, atol=1e-5)
    for name, values in expected.curves.items():
        if name != "seconds":
            np.testing.assert_allclose(results.curves[name], values, atol=1e-5)


def test_a_study_does_not_go_on_with_other_settings(half_done: list[Cell]) -> None:
    heads = half_done[0].config.head.model_copy(update={"epochs": 9})
    others = [replace(cell, config=cell.config.model_copy(update={"head": heads})) for cell in half_done]
    with pytest.raises(InputError, match="made with other settings"):
        train_cells(others, lambda epochs: None)


@pytest.mark.parametrize("change", ["gone", "new", "relabelled"])
def test_a_study_does_not_go_on_with_other_images(photos: Path, tmp_path: Path, change: str) -> None:
    source = tmp_path / "photos"
    shutil.copytree(photos, source)
    study = photo_study(source, {"head": {"learning_rate": [0.1, 0.2]}})
    cells = cells_of(study, tmp_path / "cells")
    train_cells(cells[:2], lambda epochs: None)
    if change == "gone":
        (source / "red" / "03.jpg").unlink()
    elif change == "new":
        content = (source / "red" / "03.jpg").read_bytes()
        (source / "red" / "new.jpg").write_bytes(content + b"\0")
    else:
        (source / "red" / "03.jpg").rename(source / "blue" / "moved.jpg")
    with pytest.raises(InputError, match=r"images have changed[\s\S]*75 images[\s\S]*new study"):
        train_cells(cells, lambda epochs: None)


def test_a_setting_that_diverges_is_recorded_and_breaks_nothing(photos: Path, tmp_path: Path) -> None:
    study = photo_study(photos, {"head": {"learning_rate": [0.1, 1e39, [0.1, 1e39]]}})
    cells, results = train_study(study, tmp_path)
    assert results.diverged.tolist() == [[False] * 2, [True] * 2, [False] * 2]
    assert np.isnan(results.accuracy).tolist() == results.diverged.tolist()
    wild = cells[2].run
    metrics = wild.metrics()
    assert metrics["diverged"] is True
    assert not {"validation", "chosen"} & set(metrics)
    assert {path.name for path in wild.path.iterdir()} == {
        "config.toml", "environment.json", "history.jsonl", "labels.txt", "metrics.json", "skipped.csv",
        "splits.parquet",
    }  # fmt: skip
    # One of two heads diverged: the other one is the cell's.
    mixed = cells[4].run.metrics()
    assert mixed["chosen"]["diverged"] == 1
    assert "lr 1e+39" in " ".join(mixed["warnings"])
    assert mixed["validation"] == cells[0].run.metrics()["validation"]


def test_what_cannot_be_trained_is_refused_before_anything_is(photos: Path, tmp_path: Path) -> None:
    three_classes = photo_study(photos, {"head": {"activation": ["softmax", "sigmoid"]}})
    with pytest.raises(InputError, match="two classes apart"):
        train_cells(cells_of(three_classes, tmp_path / "a"), lambda epochs: None)
    too_many = photo_study(photos, {}, seeds=1, folds=21)  # for 20 images a class; only the last one is empty
    with pytest.raises(InputError, match="fewer folds"):
        train_cells(cells_of(too_many, tmp_path / "b"), lambda epochs: None)
    assert not any(tmp_path.rglob("metrics.json"))


def test_the_data_of_a_cell_is_that_of_a_run(photos: Path, tmp_path: Path) -> None:
    config = cells_of(scaled(photos), tmp_path)[2].config
    data = load_cell_data(config)
    assert len(data.images) == 60
    assert data.base.preprocessing.name == "0 to 1"
    np.testing.assert_array_equal(data.features, load_data(data.collection, data.base, config).features)


def test_heads_of_all_kinds_are_trained_at_once_and_what_they_share_apart(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vary = {"head": {"hidden": [[], [4], [4, 3]], "optimizer": ["sgd", "adam"], "class_weight": ["none", "balanced"]}}
    study = photo_study(photos, vary, seeds=1, head={"learning_rate": [0.01], "dropout": [0.1], "momentum": None})
    together: list[list[Any]] = []
    original = cells_module.fit_heads

    def watched(*arguments: Any, settings: Any, **options: Any) -> Any:
        together.append([(s.hidden, s.optimizer, s.dropout) for s in settings])
        return original(*arguments, settings=settings, **options)

    monkeypatch.setattr(cells_module, "fit_heads", watched)
    cells, results = train_study(study, tmp_path)
    kinds = [(shape, name, 0.1) for shape in ((), (4,), (4, 3)) for name in ("sgd", "adam")]
    assert together == [kinds, kinds]
    assert np.isfinite(results.accuracy).all()
    for cell in cells:
        assert cell.run.head().weights.hidden == tuple(cell.setting.values["head.hidden"])
        rows = cell.run.history()
        assert {tuple(row.get("hidden", ())) for row in rows} == {tuple(cell.setting.values["head.hidden"])}
