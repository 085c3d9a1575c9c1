from __future__ import annotations

import csv
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from regraft._files import sha256_of_file
from regraft.api import predict
from regraft.errors import InputError, UnreadableImageError
from regraft.images.augmentation import Augmentation, read_view
from regraft.images.listing import ListedImages, list_images
from regraft.images.reading import read_image
from regraft.runs import bulk
from regraft.runs.bulk import Answered, Stopped, open_predictor, predict_files, write_answers
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch, quickly: None) -> None:
    monkeypatch.setattr(bulk, "_AT_ONCE", 8)


def together(answers: Iterable[Answered]) -> tuple[list[str], np.ndarray, list[str]]:
    parts = list(answers)
    skipped = [file.name for part in parts for file in part.skipped]
    return [name for part in parts for name in part.images], np.concatenate([part[1] for part in parts]), skipped


def test_the_answers_are_those_for_a_few(frozen: RunFolder, photos: Path, tmp_path: Path) -> None:
    files = [str(path) for path in sorted(photos.rglob("*.jpg"))[::2]]
    (tmp_path / "bad.jpg").write_text("no picture")
    mixed = [*files[:9], str(tmp_path / "bad.jpg"), *files[9:], str(tmp_path / "nowhere.jpg")]
    names, probabilities, skipped = together(predict_files(open_predictor(frozen, len(mixed)), mixed))
    assert names == files
    assert skipped == [str(tmp_path / "bad.jpg"), str(tmp_path / "nowhere.jpg")]
    expected, _ = Predictor(frozen).predict(files)
    for row, one in zip(probabilities, expected, strict=True):
        assert dict(zip(frozen.classes(), row.tolist(), strict=True)) == pytest.approx(one.probabilities, abs=1e-5)


@pytest.mark.parametrize(("images", "throughput"), [(1, False), (31, False), (32, True), (5000, True)])
def test_many_images_ask_for_throughput(frozen: RunFolder, images: int, throughput: bool) -> None:
    assert open_predictor(frozen, images).throughput is throughput


def test_test_views_are_averaged_over(frozen: RunFolder, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(frozen.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    policy = Augmentation(horizontal_flip=True, rotation=20, seed=1)
    config = run.config()
    run.write_config(
        config.model_copy(update={"augmentation": config.augmentation.model_copy(update={"test_views": 2})})
    )
    run.write_json("metrics", {**run.metrics(), "augmentation": {"policy": policy.as_dict()}})
    files = [str(path) for path in sorted((photos / "red").iterdir())[:9]]
    predictor = Predictor(run)
    _, probabilities, _ = together(predict_files(predictor, files))
    for file, row in zip(files, probabilities, strict=True):
        sha256 = sha256_of_file(Path(file))
        views = [read_view(Path(file), 8, policy, sha256, number) for number in (1, 2)]
        each = predictor.plain_probabilities([read_image(file, 8), *views])
        assert np.ptp(each, axis=0).max() > 1e-4
        np.testing.assert_allclose(row, each.mean(axis=0), atol=1e-6)
    expected, _ = predictor.predict(files)
    assert [one.probability for one in expected] == pytest.approx(probabilities.max(axis=1).tolist(), abs=1e-6)


class Slow:
    """A predictor that only counts."""

    views = 0
    decoded = 0

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def seen(self, path: Path) -> list[Any]:
        with self._lock:
            self.decoded += 1
        if path.name == "bad":
            raise UnreadableImageError("bad")
        return [path]

    def probabilities(self, images: Iterable[list[Any]]) -> np.ndarray:
        return np.ones((len(list(images)), 1), np.float32)


def test_no_more_is_decoded_than_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor: Any = Slow()
    answers = predict_files(predictor, [f"{number}" for number in range(1000)])
    for shard in range(1, 4):
        assert len(next(answers).images) == 8
        assert predictor.decoded <= 8 * shard + bulk._AHEAD
    answers.close()
    assert predictor.decoded <= 24 + bulk._AHEAD


def test_a_shard_without_a_readable_image_is_no_end() -> None:
    predictor: Any = Slow()
    names, _, skipped = together(predict_files(predictor, ["bad"] * 20 + ["good"]))
    assert (names, len(skipped)) == (["good"], 20)


def test_answers_go_to_a_file(frozen: RunFolder, photos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos / "red", folder / "red")
    (folder / "bad.jpg").write_text("no picture")
    (folder / "=notes.txt").touch()
    Path(folder, os.fsdecode(b"\xff.jpg")).write_bytes(next((photos / "blue").iterdir()).read_bytes())
    output = tmp_path / "answers.csv"
    done = write_answers(frozen, list_images([folder]), output)
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == done.images == 26 == sum(done.labels.values())
    assert rows[0]["image"] == f"{folder}/\\udcff.jpg" or rows[-1]["image"] == f"{folder}/\\udcff.jpg"
    expected = {one["image"]: one["label"] for one in predict(frozen.path, folder / "red")}
    assert {row["image"]: row["label"] for row in rows if "/red/" in row["image"]} == expected
    assert [Path(file.name).name for file in done.skipped] == ["bad.jpg", "=notes.txt"]
    assert done.skipped_file == tmp_path / "answers.skipped.csv"
    with done.skipped_file.open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == [file.name for file in done.skipped]
    again = write_answers(frozen, list_images([folder / "red"]), output)
    assert (again.images, again.skipped_file) == (25, None)
    assert sorted(tmp_path.iterdir()) == [output, folder]  # the list of before is gone


def test_without_a_readable_image_there_is_no_file(frozen: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    with pytest.raises(InputError, match="None of the 1 images can be read"):
        write_answers(frozen, list_images([tmp_path / "bad.jpg"]), tmp_path / "answers.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="There is no image"):
        write_answers(frozen, list_images([tmp_path / "empty"]), tmp_path / "answers.csv")
    assert not list(tmp_path.glob("answers*"))


@pytest.mark.parametrize("answered", [0, 3])
def test_ctrl_c_says_what_is_kept(
    frozen: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answered: int
) -> None:
    def stopped(*given: object) -> Iterator[Answered]:
        yield Answered(["x"] * answered, np.full((answered, 3), 1 / 3, np.float32), [])
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk, "open_predictor", lambda *given: SimpleNamespace(run=frozen, classes=frozen.classes()))
    monkeypatch.setattr(bulk, "predict_files", stopped)
    with pytest.raises(Stopped) as caught:
        write_answers(frozen, ListedImages(["a", "b", "c", "d"]), tmp_path / "answers.jsonl")
    kept = tmp_path / "answers.partial.jsonl"
    assert (caught.value.images, caught.value.total) == (answered, 4)
    assert caught.value.kept == (kept if answered else None)
    assert list(tmp_path.iterdir()) == ([kept] if answered else [])
