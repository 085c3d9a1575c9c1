from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_studies import leave_out_the_model

from regraft.api import evaluate, predict, train
from regraft.errors import InputError, UnreadableImageError
from regraft.images.augmentation import Augmentation
from regraft.images.opening import open_images
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor


def test_predictions_are_those_of_the_run(photos_run: RunFolder, photos: Path) -> None:
    rows = [row for row in photos_run.table("predictions").to_pylist() if row["split"] == "test"]
    answers = predict(photos_run.path, [photos / row["image"] for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert answer["label"] == row["predicted"]
        assert answer["probability"] == pytest.approx(row["probability"], abs=5e-3)
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
        assert list(answer["probabilities"].values()) == sorted(answer["probabilities"].values(), reverse=True)


def test_unreadable_images_are_named_and_the_others_answered(
    photos_run: RunFolder, photos: Path, tmp_path: Path
) -> None:
    good = next((photos / "red").iterdir())
    (tmp_path / "text.jpg").write_text("no picture")
    answers, skipped = Predictor(photos_run).predict([tmp_path / "text.jpg", good, tmp_path / "nowhere.jpg"])
    assert [answer.image for answer in answers] == [str(good)]
    assert [Path(file.name).name for file in skipped] == ["text.jpg", "nowhere.jpg"]
    with pytest.raises(InputError, match="None of the 1 images"):
        predict(photos_run.path, [tmp_path / "text.jpg"])


def test_prediction_needs_no_cache_and_no_weights(
    photos_run: RunFolder, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run folder that was carried to another machine answers from its own model."""
    image = next((photos / "green").iterdir())
    expected = predict(photos_run.path, [image])[0]
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("regraft.runs.prediction.open_base", only_models)
    answer = predict(photos_run.path, [image])[0]
    assert answer["label"] == expected["label"]
    assert answer["probability"] == pytest.approx(expected["probability"], abs=0.02)


def only_models(spelling: str, **options: object) -> object:
    from regraft.backbones.base import open_base

    if not spelling.endswith(".keras"):
        raise InputError("no weights on this machine")
    return open_base(spelling)


def test_evaluate_leaves_out_what_the_run_has_seen(photos_run: RunFolder, photos: Path) -> None:
    numbers = evaluate(photos_run.path, photos)
    counts = photos_run.metrics()["images"]
    assert numbers["images"] == counts["test"]
    assert numbers["left_out"] == counts["train"] + counts["validation"]
    assert numbers["accuracy"] == photos_run.metrics()["test"]["accuracy"]
    assert numbers["confusion_matrix"] == photos_run.metrics()["test"]["confusion_matrix"]


def test_evaluate_on_a_part_of_the_classes(photos_run: RunFolder, photos: Path) -> None:
    numbers = Predictor(photos_run).evaluate(open_images(photos, classes=["red"], minimum_classes=1))
    assert np.array(numbers["confusion_matrix"]).sum() == numbers["images"]


def test_evaluate_refuses_other_labels_and_old_images(photos_run: RunFolder, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos / "red", tmp_path / "other" / "crimson")
    shutil.copytree(photos / "blue", tmp_path / "other" / "blue")
    with pytest.raises(InputError, match="crimson"):
        evaluate(photos_run.path, tmp_path / "other")
    splits = photos_run.table("splits").to_pylist()
    for row in splits:
        if row["split"] == "train":
            target = tmp_path / "seen" / row["image"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(photos / row["image"], target)
    with pytest.raises(InputError, match="was not trained on"):
        evaluate(photos_run.path, tmp_path / "seen")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run"):
        Predictor(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        Predictor(tmp_path / "nowhere")


def test_evaluate_leaves_out_the_groups_of_training(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other photos of a person the run was trained on say nothing about people it has never seen."""
    leave_out_the_model(monkeypatch)
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
def test_a_damaged_run_is_explained(photos_run: RunFolder, photos: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(photos_run.path, tmp_path / "run")
    (tmp_path / "run" / name).write_text("junk")
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        evaluate(tmp_path / "run", photos)


def test_answers_are_averaged_over_what_is_seen(photos_run: RunFolder, photos: Path) -> None:
    predictor = Predictor(photos_run, throughput=True)
    one, two, three = (predictor.seen(path)[0] for path in sorted((photos / "red").iterdir())[:3])
    each = predictor.plain_probabilities([one, two, three])
    averaged = predictor.probabilities([[one, two], [three]])
    np.testing.assert_allclose(averaged, [each[:2].mean(axis=0), each[2]], atol=1e-6)
    assert averaged.dtype == np.float32
    assert predictor.probabilities([]).shape == (0, 3)
    latency = Predictor(photos_run).plain_probabilities([one, two, three])
    np.testing.assert_allclose(each, latency, atol=5e-3)


def test_a_file_its_bytes_and_its_pixels_are_the_same_image(
    photos_run: RunFolder, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "grey.png"
    pixels = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    predictor = Predictor(photos_run)
    (seen,) = predictor.seen(path)
    assert seen.shape == (*predictor.head.size, 3)
    for source in (path.read_bytes(), pixels):
        np.testing.assert_array_equal(predictor.seen(source)[0], seen)
    monkeypatch.setitem(vars(predictor), "_views", (Augmentation(rotation=30), 2))
    views = predictor.seen(path)
    assert len(views) == predictor.views + 1 == 3
    np.testing.assert_array_equal(views, predictor.seen(path.read_bytes()))
    assert not np.array_equal(views[1], views[2])
    assert len(predictor.seen(pixels)) == 3
    for missing in (tmp_path / "nowhere.jpg", b"junk"):
        with pytest.raises(UnreadableImageError):
            predictor.seen(missing)
