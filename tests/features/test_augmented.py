from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.base import Base
from regraft.backbones.networks import base_model
from regraft.errors import InputError
from regraft.features import extraction, space
from regraft.features.augmented import extract_views
from regraft.features.extraction import extract
from regraft.features.pruning import cache_entries
from regraft.images.augmentation import Augmentation, read_view
from regraft.images.labelled import LabelledImage

POLICY = Augmentation(horizontal_flip=True, rotation=20, crop=(0.3, 0.6), brightness=0.3)

pytestmark = pytest.mark.usefixtures("empty_features")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_equals_the_slow_and_obvious_way(dtype: str, base: Base, images: list[LabelledImage]) -> None:
    images = images[::4]
    done = extract_views(images, base, POLICY, 3, precision="f32", dtype=dtype)
    assert (done.images, done.skipped, done.computed, done.precision) == (tuple(images), (), 4 * len(images), "f32")
    features = done.features()
    assert features.dtype == dtype
    model = base_model(base)
    for number, rows in enumerate(features):
        pixels = [read_view(image.source, (32, 40), POLICY, image.sha256, number) for image in images]
        np.testing.assert_allclose(rows, np.asarray(model(np.stack(pixels))), atol=1e-5 if dtype == "float32" else 1e-2)
        np.testing.assert_array_equal(done.view(number), rows)


def test_more_views_are_added_to_those_that_are_there(
    base: Base, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = extract(images[:5], base, precision="f32")
    one = extract_views(images[:5], base, POLICY, 1, precision="f32")
    assert one.computed == 5  # the plain ones are there
    assert one.stores[0] == plain.store
    three = extract_views(images[:6], base, POLICY, 3, precision="f32")
    assert three.computed == 4 * 6 - 2 * 5
    np.testing.assert_array_equal(three.features()[:2, :5], one.features())
    monkeypatch.setattr(extraction, "open_engine", None)  # calling it would fail
    assert extract_views(images[5::-1], base, POLICY, 2, precision="f32").computed == 0
    backwards = extract_views(images[5::-1], base, POLICY, 2, precision="f32").features()
    np.testing.assert_array_equal(backwards, three.features()[:3, ::-1])


def test_no_views_are_the_plain_images(base: Base, images: list[LabelledImage]) -> None:
    done = extract_views(images[:5], base, Augmentation(), 0, precision="f32")
    np.testing.assert_array_equal(done.features(), extract(images[:5], base, precision="f32").features()[None])


def test_skipped_images_are_skipped_in_every_view(tmp_path: Path, base: Base, images: list[LabelledImage]) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    bad = LabelledImage("broken.jpg", "red", hashlib.sha256(b"no image").hexdigest(), broken)
    gone = replace(images[2], source=tmp_path / "gone.jpg", name="gone.jpg")
    extract([images[2]], base, precision="f32")  # its plain features are there, its views cannot be had any more
    done = extract_views([images[0], bad, gone, images[1]], base, POLICY, 2, precision="f32")
    assert done.images == (images[0], images[1])
    assert [(file.name, file.reason) for file in done.skipped] == [
        ("broken.jpg", "not an image (text?)"),
        ("gone.jpg", "no such file"),
    ]
    assert done.computed == 6
    assert done.features().shape == (3, 2, 16)


def test_views_that_vanish_meanwhile(base: Base, images: list[LabelledImage]) -> None:
    done = extract_views(images[:5], base, POLICY, 2, precision="f32")
    done.stores[2].shards()[0].unlink()
    with pytest.raises(InputError, match=r"5 of 5 images[\s\S]*run the same command again"):
        done.features()
    assert extract_views(images[:5], base, POLICY, 2, precision="f32").computed == 5


def test_all_missing_rows_must_fit_on_the_disk(
    base: Base, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(images[:5], base, precision="f32")
    monkeypatch.setattr(space, "free_bytes", lambda folder: 1000)
    with pytest.raises(InputError, match=r"they take 1\.9 kB"):  # 5 images × 3 views × 128 bytes; the plain are there
        extract_views(images[:5], base, POLICY, 3, precision="f32")
    assert extract_views(images[:5], base, POLICY, 0, precision="f32").computed == 0  # nothing is to be written


@pytest.mark.parametrize(("policy", "views"), [(POLICY, -1), (Augmentation(), 1), (Augmentation(seed=5), 8)])
def test_views_that_cannot_be(policy: Augmentation, views: int, base: Base, images: list[LabelledImage]) -> None:
    with pytest.raises(InputError, match="Such views cannot be made"):
        extract_views(images, base, policy, views, precision="f32")


def test_the_cache_tells_views_apart(base: Base, images: list[LabelledImage]) -> None:
    extract_views(images[:5], base, POLICY, 1, precision="f32")
    told = {entry.what.removeprefix(base.spelling): entry.images for entry in cache_entries() if entry.images}
    assert told == {", f32": 5, f", f32, view {POLICY.identity}-1": 5}
