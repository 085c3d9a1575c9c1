from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regraft.features.extraction import open_store
from regraft.runs import neighbours
from regraft.runs.folder import RunFolder
from regraft.runs.neighbours import Neighbours
from regraft.runs.prediction import Predictor


@pytest.fixture
def predictor(frozen: RunFolder) -> Predictor:
    return Predictor(frozen)


def taught_rows(run: RunFolder) -> list[dict[str, Any]]:
    return [row for row in run.table("splits").to_pylist() if row["split"] != "test"]


def features_of(predictor: Predictor, sha256: str) -> Callable[[Any], Any]:
    """The features the run has of one of its images, in place of those of the pixels that are given."""
    store = open_store(predictor.base, "keras", "f32")
    return lambda pixels: store.read([sha256])[0]


PIXELS = np.zeros((8, 8, 3), np.uint8)


def test_the_most_similar_are_those_with_the_largest_cosine(predictor: Predictor) -> None:
    rows = taught_rows(predictor.run)
    asked = rows[7]
    searched = Neighbours(predictor, features_of(predictor, asked["sha256"]))
    assert searched.nearest(PIXELS).state == "preparing"
    searched.prepare(wait=True)
    nearest = searched.nearest(PIXELS, 4)
    assert (nearest.state, nearest.reason) == ("ready", "")
    assert nearest.among == nearest.of == len(rows)
    store = open_store(predictor.base, "keras", "f32")
    known = store.read([row["sha256"] for row in rows]).astype(np.float64)
    own = known[7]
    cosine = known @ own / np.linalg.norm(known, axis=1) / np.linalg.norm(own)
    order = np.argsort(-cosine)[:4]
    assert [found.sha256 for found in nearest.neighbours] == [rows[row]["sha256"] for row in order]
    assert [found.label for found in nearest.neighbours] == [rows[row]["label"] for row in order]
    assert [found.name for found in nearest.neighbours] == [rows[row]["image"] for row in order]
    assert [found.similarity for found in nearest.neighbours] == pytest.approx(cosine[order], abs=1e-5)
    assert nearest.neighbours[0].sha256 == asked["sha256"]
    assert nearest.neighbours[0].similarity == pytest.approx(1)


def test_pictures_are_made_of_the_files_of_the_run(predictor: Predictor, photos: Path) -> None:
    row = taught_rows(predictor.run)[0]
    searched = Neighbours(predictor, features_of(predictor, row["sha256"]))
    assert searched.thumbnail(row["sha256"]) is None  # not prepared yet
    searched.prepare(wait=True)
    content = searched.thumbnail(row["sha256"])
    assert content is not None
    with Image.open(io.BytesIO(content)) as picture, Image.open(photos / row["image"]) as photo:
        assert (picture.format, picture.size) == ("JPEG", photo.size)
    assert searched.thumbnail("../../secret") is None
    tested = next(row for row in predictor.run.table("splits").to_pylist() if row["split"] == "test")
    assert searched.thumbnail(tested["sha256"]) is None


def moved(frozen: RunFolder, folder: Path, source: Path) -> RunFolder:
    """The run with another place of its images."""
    shutil.copytree(frozen.path, folder)
    run = RunFolder(folder)
    config = run.config()
    run.write_config(config.model_copy(update={"images": config.images.model_copy(update={"source": str(source)})}))
    return run


def test_without_the_images_there_are_names_and_a_reason(frozen: RunFolder, tmp_path: Path) -> None:
    predictor = Predictor(moved(frozen, tmp_path / "run", tmp_path / "gone"))
    row = taught_rows(frozen)[0]
    searched = Neighbours(predictor, features_of(predictor, row["sha256"]))
    searched.prepare(wait=True)
    nearest = searched.nearest(PIXELS)
    assert nearest.state == "ready"
    assert "gone" in nearest.reason
    assert nearest.neighbours[0].sha256 == row["sha256"]
    assert searched.thumbnail(row["sha256"]) is None


def test_without_images_and_features_it_says_why(
    frozen: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(moved(frozen, tmp_path / "run", tmp_path / "gone"))
    _ = predictor.base
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    searched = Neighbours(predictor, lambda pixels: pytest.fail("nothing to compare with"))
    searched.prepare(wait=True)
    nearest = searched.nearest(PIXELS)
    assert nearest.state == "unavailable"
    assert "no longer in the cache" in nearest.reason
    assert nearest.neighbours == ()


def test_missing_features_are_computed_from_the_images(
    frozen: RunFolder, predictor: Predictor, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an engine that stands for OpenVINO: the mean colour of a picture and its negative."""

    class Engine:
        name, precision, shape = "openvino", "f32", (6,)

        def run(self, images: Any) -> Any:
            means = np.array([image.mean(axis=(0, 1)) for image in images], np.float32).reshape(-1, 3)
            return np.concatenate([means, 255 - means], axis=1)

    shutil.copytree(photos, tmp_path / "photos")
    rows = taught_rows(frozen)
    lost, changed = (tmp_path / "photos" / row["image"] for row in sorted(rows, key=lambda row: row["sha256"])[:2])
    lost.unlink()
    changed.write_bytes(b"another content")
    predictor = Predictor(moved(frozen, tmp_path / "run", tmp_path / "photos"))
    _ = predictor.base
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(neighbours, "open_engine", lambda name, base, precision: Engine())
    searched = Neighbours(predictor, lambda pixels: Engine().run([pixels])[0])
    searched.prepare(wait=True)
    red = np.zeros((8, 8, 3), np.uint8) + np.array([200, 60, 60], np.uint8)
    nearest = searched.nearest(red)
    assert (nearest.state, nearest.among, nearest.of) == ("ready", len(rows) - 2, len(rows))
    assert {found.label for found in nearest.neighbours} == {"red"}


def test_what_does_not_fit_is_a_sample(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = taught_rows(predictor.run)
    monkeypatch.setattr(neighbours, "_MEMORY", 10 * 6 * 4)
    searched = Neighbours(predictor, features_of(predictor, rows[0]["sha256"]))
    searched.prepare(wait=True)
    nearest = searched.nearest(PIXELS, 100)
    assert (nearest.among, nearest.of, len(nearest.neighbours)) == (10, len(rows), 10)
    first = sorted(row["sha256"] for row in rows)[:10]
    assert {found.sha256 for found in nearest.neighbours} == set(first)


def test_a_fault_is_told_and_breaks_nothing(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(neighbours, "_found", broken)
    searched = Neighbours(predictor, lambda pixels: pixels)
    searched.prepare(wait=True)
    nearest = searched.nearest(PIXELS)
    assert (nearest.state, nearest.neighbours) == ("unavailable", ())
    assert "ZeroDivisionError" in nearest.reason


def test_images_that_are_no_files_are_held_while_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    from regraft.images.opening import open_images

    images = open_images("digits").images[:5]
    held = neighbours._held(images)
    assert set(held) == {image.sha256 for image in images}
    for image in images:
        copy = held[image.sha256].source
        assert isinstance(copy, np.ndarray)
        assert copy.base is None
        assert (copy == image.source).all()
    monkeypatch.setattr(neighbours, "_PIXELS", 3 * 64)
    assert len(neighbours._held(images)) == 3
