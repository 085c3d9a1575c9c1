from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.api import run_config, train
from regraft.backbones.base import open_base
from regraft.errors import InputError, RegraftError
from regraft.features.precision import chosen_precision
from regraft.runs import pipeline
from regraft.runs.config import make_config
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor
from regraft.training.heads import HeadWeights

FEW_EPOCHS = {"head": {"epochs": 20}}

# One process for all that is asked: most of the time goes into starting it.
PREDICT_WITH_PLAIN_KERAS = """
import json, sys
import keras, numpy as np
from regraft import read_image
assert "regraft.training.joining" not in sys.modules
answers, models = [], {}
for path, files, how in json.loads(sys.argv[1]):
    model = models[path] = models.get(path) or keras.saving.load_model(path, safe_mode=True)
    size = model.input_shape[1:3]
    if how == "load_img":
        pixels = [keras.utils.img_to_array(keras.utils.load_img(f, target_size=size)).astype("uint8") for f in files]
    else:
        pixels = [read_image(f, size) for f in files]
    answers.append(np.asarray(model.predict(np.stack(pixels), verbose=0)).tolist())
print(json.dumps(answers))
"""


def config_for(photos: Path, **sections: Any) -> Any:
    return make_config({"images": {"source": str(photos)}, "head": {"epochs": 20}, **sections})


def comparable(run: RunFolder) -> dict[str, Any]:
    return {key: value for key, value in run.metrics().items() if key != "seconds"}


def without_seconds(run: RunFolder) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.history()]


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run_config(config_for(photos, backbone={"precision": "f32"}), tmp_path_factory.mktemp("runs") / "run")


def test_the_run_folder_is_complete(run: RunFolder) -> None:
    expected = {
        "README.md",
        "config.toml",
        "environment.json",
        "figures",
        "head.safetensors",
        "history.jsonl",
        "labels.txt",
        "metrics.json",
        "model.keras",
        "predictions.parquet",
        "report.html",
        "skipped.csv",
        "splits.parquet",
    }
    assert {path.name for path in run.path.iterdir()} == expected
    assert run.complete
    metrics = run.metrics()
    low, high = metrics["test"]["accuracy_interval"]
    assert low <= metrics["test"]["accuracy"] <= high
    splits = run.table("splits").to_pydict()
    counts = {name: splits["split"].count(name) for name in ("train", "validation", "test")}
    assert metrics["images"] == {**counts, "skipped": 0}
    assert set(metrics["seconds"]) == {"find", "features", "heads", "measure", "model", "report", "total"}
    assert run.classes() == ["blue", "green", "red"]


def test_every_image_is_predicted_once_and_only_where_it_was_not_trained_on(run: RunFolder) -> None:
    splits = run.table("splits").to_pydict()
    predictions = run.table("predictions").to_pydict()
    held_out = sorted(s for s, split in zip(splits["sha256"], splits["split"], strict=True) if split != "train")
    assert sorted(predictions["sha256"]) == held_out
    test = [i for i, split in enumerate(predictions["split"]) if split == "test"]
    right = sum(predictions["label"][i] == predictions["predicted"][i] for i in test)
    assert run.metrics()["test"]["accuracy"] == pytest.approx(right / len(test))


def test_the_same_config_gives_the_same_numbers(run: RunFolder, tmp_path: Path) -> None:
    again = run_config(run.config(), tmp_path / "again")
    first, second = comparable(run), comparable(again)
    first["backbone"].pop("computed"), second["backbone"].pop("computed")
    assert first == second
    assert again.table("predictions").equals(run.table("predictions"))
    assert without_seconds(again) == without_seconds(run)


def test_another_seed_gives_another_split(run: RunFolder, photos: Path, tmp_path: Path) -> None:
    other = run_config(config_for(photos, seed=5), tmp_path / "other")
    assert other.table("splits")["split"] != run.table("splits")["split"]


def test_test_labels_take_no_part_in_training(run: RunFolder, photos: Path, tmp_path: Path) -> None:
    """The split hangs on the content alone, so a test image moved to another class stays a test image."""
    splits = run.table("splits").to_pylist()
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    test_images = [row for row in splits if row["split"] == "test"]
    moved = [row for row in test_images if row["label"] == "red"][1:]
    assert moved
    for row in moved:
        shutil.move(copy / row["image"], copy / "blue" / f"moved-{Path(row['image']).name}")
    other = run_config(config_for(copy, backbone={"precision": "f32"}), tmp_path / "run")
    assert np.array_equal(other.head().kernel, run.head().kernel)
    assert other.metrics()["validation"] == run.metrics()["validation"]
    assert other.metrics()["test"]["accuracy"] < run.metrics()["test"]["accuracy"]


def predict_elsewhere(*asked: tuple[RunFolder, list[Path], str]) -> list[np.ndarray]:
    """What the saved models give for image files that are read by `read_image` or by Keras' `load_img`."""
    request = json.dumps([(str(run.model), [str(file) for file in files], how) for run, files, how in asked])
    command = [sys.executable, "-c", PREDICT_WITH_PLAIN_KERAS, request]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [np.array(answers) for answers in json.loads(done.stdout.splitlines()[-1])]


def test_the_saved_model_agrees_with_the_run_in_plain_keras(run: RunFolder, photos: Path) -> None:
    rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"]
    (answers,) = predict_elsewhere((run, [photos / row["image"] for row in rows], "read_image"))
    classes = run.classes()
    assert [classes[i] for i in answers.argmax(axis=1)] == [row["predicted"] for row in rows]
    expected = np.array([[row[f"p({name})"] for name in classes] for row in rows])
    assert np.abs(answers - expected).max() < 2e-3


def test_the_saved_model_agrees_on_real_flowers(real_data: Path, tmp_path: Path) -> None:
    """A part of the flowers: in f32 and in what the processor computes in, and read as Keras reads images."""
    flowers = real_data / "small_flower_dataset"
    images = {"per_class": 60, "exact": True}
    # One run only where the processor computes in nothing less than f32.
    runs = [
        train(flowers, output=tmp_path / precision, settings={"images": images, "backbone": {"precision": precision}})
        for precision in dict.fromkeys(("f32", chosen_precision("openvino", "auto", open_base("EfficientNetLite0"))))
    ]
    run = runs[-1]
    rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"]
    files = [flowers / row["image"] for row in rows]
    # Of training as well: more images make one that differs less a matter of luck.
    seen = [flowers / row["image"] for row in run.table("splits").to_pylist() if row["split"] == "train"][::6]
    assert (len(files), len(seen)) == (60, 30)
    *answers, by_keras = predict_elsewhere(
        *((one, files[::2] + seen, "read_image") for one in runs), (run, files, "load_img")
    )
    for one, found in zip(runs, answers, strict=True):
        expected = [answer.label for answer in Predictor(one).predict(files[::2] + seen)[0]]
        labels = [one.classes()[i] for i in found.argmax(axis=1)]
        differ = sum(a != b for a, b in zip(labels, expected, strict=True))
        # The model computes in f32: of sixty images one may turn over where the features are of less.
        assert differ <= (0 if one.head().precision == "f32" else 1)

    right = sum(run.classes()[i] == row["label"] for i, row in zip(by_keras.argmax(axis=1), rows, strict=True))
    # Keras reads by nearest neighbour; a difference of one or two images is no matter.
    assert abs(right / len(rows) - run.metrics()["test"]["accuracy"]) <= 2.5 / len(rows)


def test_standard_training_through_keras_agrees(small_config: Callable[..., Any], tmp_path: Path) -> None:
    accelerated, standard = (
        run_config(small_config(head={"epochs": 3, "standard": standard}), tmp_path / f"standard-{standard}")
        for standard in (False, True)
    )
    for ours, theirs in zip(accelerated.history(), standard.history(), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=2e-3)
        assert ours["epoch"] == theirs["epoch"]
    assert np.abs(accelerated.head().kernel - standard.head().kernel).max() < 2e-3
    for split in ("validation", "test"):
        assert accelerated.metrics()[split]["accuracy"] == standard.metrics()[split]["accuracy"]


def test_a_head_with_hidden_layers_is_saved_joined_and_predicts(photos: Path, tmp_path: Path) -> None:
    head = {
        "epochs": 8,
        "hidden": [[], [8, 6]],
        "dropout": [0.2],
        "optimizer": ["adam"],
        "learning_rate": [0.01],
        "label_smoothing": [0.1],
        "class_weight": "balanced",
        "sampling": "balanced",
    }
    run = run_config(config_for(photos, head=head), tmp_path / "run")
    chosen, saved = run.metrics()["chosen"], run.head()
    assert chosen["heads"] == 2
    assert list(saved.weights.hidden) == chosen.get("hidden", [])
    assert saved.dropout == chosen["dropout"] == 0.2
    assert run.metrics()["model"]["images_compared"] > 0
    assert {tuple(row.get("hidden", ())) for row in run.history()} == {(), (8, 6)}
    rows = [row for row in run.table("predictions").to_pylist() if row["split"] == "test"]
    answers, _ = Predictor(run).predict([photos / row["image"] for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert answer.probability == pytest.approx(row["probability"], abs=0.02)
    assert "Adam" in run.report.read_text()


def test_two_classes_with_one_sigmoid_unit(photos: Path, tmp_path: Path) -> None:
    config = make_config(
        {
            "images": {"source": str(photos), "classes": ["red", "blue"]},
            "head": {"epochs": 20, "activation": "sigmoid"},
        }
    )
    run = run_config(config, tmp_path / "run")
    assert run.head().kernel.shape[1] == 1
    assert run.metrics()["test"]["accuracy"] > 0.9
    rows = run.table("predictions").to_pylist()
    assert all(row["p(blue)"] + row["p(red)"] == pytest.approx(1) for row in rows)


def test_unreadable_images_are_left_out_and_named(photos: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    whole = next((copy / "red").iterdir()).read_bytes()
    (copy / "red" / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (copy / "red" / "empty.jpg").touch()
    (copy / "blue" / "text.jpg").write_text("no picture at all")
    (copy / "blue" / "notes.txt").write_text("remember the milk")
    run = run_config(config_for(copy), tmp_path / "run")
    assert {file.name for file in run.skipped()} >= {
        "red/broken.jpg",
        "red/empty.jpg",
        "blue/text.jpg",
        "blue/notes.txt",
    }
    assert all(file.reason for file in run.skipped())
    assert run.metrics()["images"]["skipped"] == len(run.skipped())
    assert not {"red/broken.jpg", "red/empty.jpg"} & set(run.table("splits")["image"].to_pylist())


def test_a_stopped_run_is_resumed_and_gives_the_same(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "save_joined", stop)
        with pytest.raises(KeyboardInterrupt):
            run_config(run.config(), tmp_path / "stopped")
    stopped = RunFolder(tmp_path / "stopped")
    assert not stopped.complete
    with pytest.raises(InputError, match="--resume"):
        run_config(run.config(), stopped.path)
    resumed = run_config(stopped.config(), resume=stopped.path)
    assert resumed.complete
    assert resumed.table("predictions").equals(run.table("predictions"))


def test_a_model_that_disagrees_is_never_saved(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import regraft.runs.saving as saving

    original = saving.join

    def turned_round(base: Any, weights: HeadWeights, activation: str, **options: Any) -> Any:
        turned = HeadWeights.linear(weights.kernel[:, ::-1].copy(), weights.bias)
        return original(base, turned, activation, **options)

    monkeypatch.setattr(saving, "join", turned_round)
    with pytest.raises(RegraftError, match="does not agree"):
        run_config(run.config(), tmp_path / "wrong")
    assert not (tmp_path / "wrong" / "model.keras").exists()


def test_a_run_without_output_takes_the_next_free_name(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [train(photos, settings=FEW_EPOCHS).path for _ in range(2)]
    assert names == [Path("runs/photos-EfficientNetLite0"), Path("runs/photos-EfficientNetLite0-2")]


@pytest.mark.usefixtures("quickly")
def test_a_run_is_a_backbone_for_another(frozen: RunFolder, photos: Path, tmp_path: Path) -> None:
    other = train(photos, output=tmp_path / "run", backbone=str(frozen.path), settings=FEW_EPOCHS)
    assert other.metrics()["backbone"]["features"] == frozen.metrics()["backbone"]["features"]
    assert other.metrics()["test"]["accuracy"] > 0.9
