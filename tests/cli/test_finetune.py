from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly, graphs_here, small_network

from regraft._files import sha256_of_file
from regraft.api import train
from regraft.features import space
from regraft.runs.folder import RunFolder


def hashes(folder: Path) -> dict[Path, str]:
    return {path: sha256_of_file(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def without_graphs() -> Iterator[None]:
    with eagerly(), graphs_here():
        yield


def frozen(photos: Path, folder: Path, backbone: str, engine: str) -> RunFolder:
    settings = {"head": {"epochs": 10}, "backbone": {"engine": engine, "precision": "f32"}}
    with eagerly():
        return train(photos, output=folder / "run", backbone=backbone, settings=settings)


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A frozen run of a small network."""
    folder = tmp_path_factory.mktemp("runs")
    small_network().save(folder / "small.keras")
    return frozen(photos, folder, str(folder / "small.keras"), "keras")


def test_a_run_is_fine_tuned_predicts_and_is_compared(regraft: Callable, photos: Path, tmp_path: Path) -> None:
    """All of it as a user does it, on the network in the box."""
    run = frozen(photos, tmp_path, "EfficientNetLite0@64", "openvino")
    before = hashes(run.path)
    done = regraft("finetune", run.path, "--blocks", 1, "--epochs", 2, "--views", 1)
    assert done.code == 0, done.err
    assert done.out.lstrip().startswith("Test accuracy ")
    assert "Fine-tuned 1 block after " in done.out
    assert "Activations at " in done.err
    tuned = RunFolder(run.path.with_name("run-finetuned"))
    assert str(tuned.report) in done.out
    assert tuned.complete
    assert hashes(run.path) == before
    facts = tuned.metrics()["finetune"]
    assert (len(facts["blocks"]), facts["epochs"], facts["views"]) == (1, 2, 1)

    rows = [row for row in tuned.table("predictions").to_pylist() if row["split"] == "test"]
    files = [photos / row["image"] for row in rows]
    answers = json.loads(regraft("predict", tuned.path, *files, "--json").out)["predictions"]
    for row, answer in zip(rows, answers, strict=True):
        assert answer["probability"] == pytest.approx(row["probability"], abs=5e-3)
    measured = json.loads(regraft("evaluate", tuned.path, photos, "--json").out)
    assert measured["confusion_matrix"] == tuned.metrics()["test"]["confusion_matrix"]
    (pair,) = json.loads(regraft("compare", run.path, tuned.path, "--json").out)["pairs"]
    assert (pair["paired"], pair["overlap"]) == (True, "same")


def test_a_rate_is_found_and_the_run_stays_as_it_was(
    regraft: Callable, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = hashes(run.path)
    options = ("--blocks", 1, "--lowest", "1e-5", "--highest", 10, "--steps", 12)
    done = regraft("lr-find", run.path, *options)
    assert done.code == 0, done.err
    assert "Figure        lr-find.svg" in done.out
    assert Path("lr-find.svg").read_text().startswith("<?xml")
    found = json.loads(regraft("lr-find", run.path, *options, "--output", "lr.png", "--json").out)
    np.testing.assert_allclose(found["rates"], np.geomspace(1e-5, 10, 12)[: len(found["rates"])])
    assert len(found["smoothed"]) == len(found["rates"])
    assert found["figure"] == "lr.png"
    assert Path("lr.png").stat().st_size > 1000
    assert hashes(run.path) == before


def test_what_is_said_of_a_rate(regraft: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    from regraft.training.rate_range import RateRange

    for suggested, said in ((2.5e-4, "Learning rate 2.5e-04"), (None, "No rate lowered the loss.")):
        found = RateRange(np.array([1e-3]), np.array([np.nan]), np.array([np.nan]), suggested)
        monkeypatch.setattr("regraft.api.find_learning_rate", lambda *_, found=found, **__: found)
        assert said in regraft("lr-find", "run").out
        assert json.loads(regraft("lr-find", "run", "--json").out) == {
            "suggested": suggested,
            "figure": "lr-find.svg",
            "rates": [1e-3],
            "smoothed": [None],
        }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, dict[str, Any]]]:
    """The settings that runs were to be fine-tuned with."""
    found: list[dict[str, dict[str, Any]]] = []

    def note(run: Path, output: Path | None, settings: dict[str, dict[str, Any]], **_: object) -> None:
        found.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("regraft.api.finetune_run", note)
    return found


def test_every_option_is_handed_on(regraft: Callable, asked: list[dict[str, dict[str, Any]]]) -> None:
    from regraft.runs.finetune_config import AugmentationConfig, FinetuneConfig

    numbers = {
        "--blocks": 1, "--last": 2, "--epochs": 3, "--learning-rate": 0.5, "--warmup": 0.25, "--layer-decay": 3.5,
        "--weight-decay": 0.75, "--l2-sp": 0.125, "--patience": 4, "--batch-size": 5, "--label-smoothing": 0.375,
    }  # fmt: skip
    words = {
        "--from": "a", "--at": "b", "--optimizer": "sgd", "--schedule": "constant", "--batchnorm": "train",
        "--cache": "f32",
    }  # fmt: skip
    flat = [part for option in {**numbers, **words}.items() for part in option]
    regraft("finetune", "run", *flat, "--staged", "--no-refit", "--views", 2, "--no-horizontal-flip", "--crop", "0.5,1")
    (settings,) = asked
    given = {name.strip("-").replace("-", "_"): value for name, value in {**numbers, **words}.items()}
    given["from_layer"] = given.pop("from")
    assert settings["finetune"] == {**given, "staged": True, "refit": False}
    assert set(settings["finetune"]) == set(FinetuneConfig.model_fields)
    assert settings["augmentation"] == {"views": 2, "horizontal_flip": False, "crop": [0.5, 1.0]}
    assert set(settings["augmentation"]) <= set(AugmentationConfig.model_fields)
    regraft("finetune", "run")
    assert asked[1] == {"finetune": {}, "augmentation": {}}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "b_deptwise"), "no layer of that name"),
        (("--learning-rate", "0"), "learning rate"),
        (("--learning-rate", "-0.1"), "learning rate"),
        (("--learning-rate", "nan"), "learning rate"),
        (("--blocks", "1", "--last", "3"), "more than one way"),
        (("--blocks", "99"), "number of blocks"),
        (("--last", "0"), "number of layers"),
        (("--at", "head_conv"), "Nothing of the backbone would be trained"),
        (("--at", "b_depthwise_relu"), "a_add or b_add, the nearest"),
        (("--layer-decay", "0.5"), "layer decay"),
        (("--batchnorm", "frozen"), "batchnorm"),
        (("--crop", "0.5"), "--crop cannot be read"),
        (
            ("--views", "2", "--no-horizontal-flip", "--rotation", "0", "--crop", "1,1", "--brightness", "0",
             "--contrast", "0", "--colour", "0"),
            "changes nothing",
        ),
    ],
)  # fmt: skip
def test_bad_settings_are_explained_and_leave_nothing_behind(
    regraft: Callable, run: RunFolder, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = regraft("finetune", run.path, "--output", tmp_path / "new", *arguments)
    assert done.code == 2, done
    assert says in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("what", ["disk", "memory"])
def test_no_room_is_said_before_anything_is_written(
    regraft: Callable, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "disk":
        monkeypatch.setattr(space, "free_bytes", lambda folder: 10_000)
    else:
        monkeypatch.setattr(space, "_available", lambda: 10_000)
        monkeypatch.setattr(space.os, "sysconf", lambda name: 1)
    # Views that no other test has left in the cache; the heads see the plain images.
    done = regraft("finetune", run.path, "--output", tmp_path / "new", "--blocks", 1, "--rotation", 33)
    assert done.code == 2, done
    assert f"The {what} has no room" in done.err
    assert not (tmp_path / "new").exists()


def test_what_is_no_run_and_what_is_in_the_way_are_refused(regraft: Callable, run: RunFolder, tmp_path: Path) -> None:
    assert "no finished run" in regraft("finetune", tmp_path / "nowhere").err
    (tmp_path / "mine.txt").write_text("precious")
    done = regraft("finetune", run.path, "--output", tmp_path)
    assert (done.code, [path.name for path in tmp_path.iterdir()]) == (2, ["mine.txt"])
    assert regraft("lr-find", tmp_path / "nowhere").code == 2
    assert regraft("finetune").code == 2


def test_images_that_are_gone_are_said(regraft: Callable, run: RunFolder, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    shutil.copytree(run.path, tmp_path / "run")
    config = (run.path / "config.toml").read_text()
    (tmp_path / "run" / "config.toml").write_text(config.replace(str(photos), str(tmp_path / "photos")))
    (tmp_path / "photos" / "red" / "04.jpg").unlink()
    for command in ("finetune", "lr-find"):
        done = regraft(command, tmp_path / "run", "--output", tmp_path / "new.svg")
        assert done.code == 2
        assert "1 of the 75 images" in done.err
        assert "red/04.jpg" in done.err
    assert not (tmp_path / "new.svg").exists()
