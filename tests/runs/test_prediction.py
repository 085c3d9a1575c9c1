from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from regraft.api import evaluate, predict, train
from regraft.errors import InputError
from regraft.images.opening import open_images
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(photos, output=tmp_path_factory.mktemp("runs") / "run", settings={"head": {"epochs": 20}})


def test_predictions_are_those_of_the_run(run: RunFolder, photos: Path) -> None:
    rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"]
    answers = predict(run.path, [photos / row["image"] for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert answer["label"] == row["predicted"]
        assert answer["probability"] == pytest.approx(row["probability"], abs=5e-3)
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
        assert list(answer["probabilities"].values()) == sorted(answer["probabilities"].values(), reverse=True)


def test_unreadable_images_are_named_and_the_others_answered(run: RunFolder, photos: Path, tmp_path: Path) -> None:
    good = next((photos / "red").iterdir())
    (tmp_path / "text.jpg").write_text("no picture")
    answers, skipped = Predictor(run).predict([tmp_path / "text.jpg", good, tmp_path / "nowhere.jpg"])
    assert [answer.image for answer in answers] == [str(good)]
    assert [Path(file.name).name for file in skipped] == ["text.jpg", "nowhere.jpg"]
    with pytest.raises(InputError, match="None of the 1 images"):
        predict(run.path, [tmp_path / "text.jpg"])


def test_prediction_needs_no_cache_and_no_weights(
    run: RunFolder, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run folder that was carried to another machine answers from its own model."""
    image = next((photos / "green").iterdir())
    expected = predict(run.path, [image])[0]
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("regraft.runs.prediction.open_base", only_models)
    answer = predict(run.path, [image])[0]
    assert answer["label"] == expected["label"]
    assert answer["probability"] == pytest.approx(expected["probability"], abs=0.02)


def only_models(spelling: str, **options: object) -> object:
    from regraft.backbones.base import open_base

    if not spelling.endswith(".keras"):
        raise InputError("no weights on this machine")
    return open_base(spelling)


def test_evaluate_leaves_out_what_the_run_has_seen(run: RunFolder, photos: Path) -> None:
    numbers = evaluate(run.path, photos)
    counts = run.metrics()["images"]
    assert numbers["images"] == counts["test"]
    assert numbers["left_out"] == counts["train"] + counts["validation"]
    assert numbers["accuracy"] == run.metrics()["test"]["accuracy"]
    assert numbers["confusion_matrix"] == run.metrics()["test"]["confusion_matrix"]


def test_evaluate_on_a_part_of_the_classes(run: RunFolder, photos: Path) -> None:
    numbers = Predictor(run).evaluate(open_images(photos, classes=["red"], minimum_classes=1))
    assert np.array(numbers["confusion_matrix"]).sum() == numbers["images"]


def test_evaluate_refuses_other_labels_and_old_images(run: RunFolder, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "red", tmp_path / "other" / "crimson")
    shutil.copytree(photos / "blue", tmp_path / "other" / "blue")
    with pytest.raises(InputError, match="crimson"):
        evaluate(run.path, tmp_path / "other")
    splits = run.table("splits").to_pylist()
    for row in splits:
        if row["split"] == "train":
            target = tmp_path / "seen" / row["image"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(photos / row["image"], target)
    with pytest.raises(InputError, match="was not trained on"):
        evaluate(run.path, tmp_path / "seen")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run"):
        Predictor(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        Predictor(tmp_path / "nowhere")


def test_evaluate_leaves_out_the_groups_of_training(photos: Path, tmp_path: Path) -> None:
    """Other photos of a person the run was trained on say nothing about people it has never seen."""
    files = sorted(photos.rglob("*.jpg"))
    rows = [(path, path.parent.name, f"group{number % 15}") for number, path in enumerate(files)]

    def manifest(name: str, wanted: slice) -> Path:
        lines = [f"{path},{label},{group}" for path, label, group in rows[wanted]]
        (tmp_path / name).write_text("\n".join(["file_name,label,group", *lines]) + "\n")
        return tmp_path / name

    run = train(
        manifest("first.csv", slice(0, None, 2)),
        output=tmp_path / "run",
        settings={"images": {"exact": True}, "head": {"epochs": 5}},
    )
    tested = {row["group"] for row in run.table("splits").to_pylist() if row["split"] == "test"}
    fresh = [row for row in rows[1::2] if row[2] in tested]
    numbers = evaluate(run.path, manifest("second.csv", slice(1, None, 2)))
    assert numbers["images"] == len(fresh)
    assert numbers["left_out"] == len(rows[1::2]) - len(fresh)


@pytest.mark.parametrize("name", ["metrics.json", "splits.parquet", "labels.txt"])
def test_a_damaged_run_is_explained(run: RunFolder, photos: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / name).write_text("junk")
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        evaluate(tmp_path / "run", photos)
