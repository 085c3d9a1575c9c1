from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.features import _filling, view
from regraft.features._filling import Target, fill
from regraft.features.store import FeatureStore
from regraft.features.view import PLAIN, View
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage
from regraft.images.reading import read_image

SIZE = (32, 40)
POLICY = Augmentation(horizontal_flip=True, crop=(0.3, 0.6), brightness=0.3)


class Pooling:
    """An engine: the means over cells of 8 × 8 pixels, a map of 4 × 5 × 3."""

    name, precision = "openvino", "f32"
    shape: tuple[int, ...] = (4, 5, 3)
    runs = 0

    def run(self, images: Iterable[Any]) -> np.ndarray:
        self.runs += 1
        done = [pixels.reshape(4, 8, 5, 8, 3).mean(axis=(1, 3), dtype=np.float32) for pixels in images]
        return np.stack(done) if done else np.empty((0, *self.shape), np.float32)


def targets(folder: Path, images: list[LabelledImage], views: int) -> list[Target]:
    found = []
    for number in range(views + 1):
        store = FeatureStore(folder / str(number), "float16")
        found.append(Target(View(POLICY, number), store, store.missing(image.sha256 for image in images)))
    return found


@pytest.mark.parametrize("shard", [4, 256])
def test_each_view_lies_in_its_store(
    shard: int, tmp_path: Path, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_filling, "SHARD", shard)
    engine = Pooling()
    images = images[:10]
    assert fill(targets(tmp_path, images, 2), images, SIZE, engine) == {}
    assert engine.runs == (3 if shard == 4 else 1)
    for target in targets(tmp_path, images, 2):
        assert target.missing == set()
        assert len(target.store.shards()) == engine.runs
        pixels = [target.view.read(image.source, SIZE, image.sha256) for image in images[::-1]]
        expected = Pooling().run(pixels).astype(np.float16)
        np.testing.assert_array_equal(target.store.read([image.sha256 for image in images[::-1]]), expected)


def test_only_what_is_missing_is_computed_and_every_file_is_read_once(
    tmp_path: Path, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = images[:6]
    fill(targets(tmp_path, images[:2], 1), images[:2], SIZE, Pooling())
    wanted = targets(tmp_path, images, 3)
    assert [len(target.missing) for target in wanted] == [4, 4, 6, 6]
    read, content = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or content(path))
    computed = []

    class Counting(Pooling):
        def run(self, pixels: Iterable[Any]) -> np.ndarray:
            features = super().run(pixels)
            computed.append(len(features))
            return features

    fill(wanted, [*images, replace(images[0], name="copy")], SIZE, Counting())
    assert computed == [20]
    assert [path for path in read if path.suffix == ".jpg"] == [image.source for image in images]


def test_large_maps_make_small_shards(
    tmp_path: Path, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_filling, "_MEMORY", 3 * 2 * 4 * 60)  # bytes: three images of two views of 60 numbers
    engine = Pooling()
    fill(targets(tmp_path, images[:10], 1), images[:10], SIZE, engine)
    assert engine.runs == 4


def test_an_image_that_cannot_be_read_is_in_no_store(tmp_path: Path, images: list[LabelledImage]) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    bad = LabelledImage("broken.jpg", "red", hashlib.sha256(b"no image").hexdigest(), broken)
    both = [images[0], bad, images[1]]
    assert fill(targets(tmp_path, both, 2), both, SIZE, Pooling()) == {bad.sha256: "not an image (text?)"}
    assert [target.missing for target in targets(tmp_path, both, 2)] == [{bad.sha256}] * 3


def test_few_images_wait_decoded(tmp_path: Path, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, most, lock = 0, 0, threading.Lock()

    def counted(*arguments: Any) -> Any:
        nonlocal waiting, most
        with lock:
            waiting += 1
            most = max(most, waiting)
        return read_image(*arguments)

    class Slow(Pooling):
        def run(self, pixels: Any) -> np.ndarray:
            nonlocal waiting
            count = 0
            for _ in pixels:
                time.sleep(0.002)
                count += 1
                with lock:
                    waiting -= 1
            return np.zeros((count, *self.shape))

    monkeypatch.setattr(view, "read_image", counted)
    monkeypatch.setattr(_filling, "_AHEAD", 5)
    store = FeatureStore(tmp_path)
    fill([Target(PLAIN, store, {image.sha256 for image in images})], images, SIZE, Slow())
    assert store.missing(image.sha256 for image in images) == set()
    assert 1 < most <= 6
