import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones.base import Base
from regraft.backbones.networks import base_model
from regraft.errors import InputError
from regraft.features import _filling, extraction, space, view
from regraft.features.extraction import Extracted, extract, open_store
from regraft.features.store import FeatureStore
from regraft.features.view import PLAIN, View
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage, sha256_of_pixels
from regraft.images.reading import read_image

SIZE = (32, 40)

pytestmark = pytest.mark.usefixtures("empty_features")


def rows_in(store: FeatureStore) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(shard).num_rows for shard in store.shards())


def slow_and_obvious(base: Base, images: list[LabelledImage] | tuple[LabelledImage, ...]) -> np.ndarray:
    return np.asarray(base_model(base)(np.stack([read_image(image.source, SIZE) for image in images])))


@pytest.mark.parametrize("engine", ["openvino", "keras"])
def test_equals_the_slow_and_obvious_way(
    engine: str, base: Base, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_filling, "SHARD", 32)  # 75 images: two whole shards and a part of one
    done = extract(images, base, engine=engine, precision="f32")
    assert (done.computed, done.skipped, done.precision) == (75, (), "f32")
    assert done.images == tuple(images)
    assert sorted(path.name.count(".parquet") for path in done.store.folder.iterdir()) == [0, 1, 1, 1]
    assert done.features().dtype == np.float32
    np.testing.assert_allclose(done.features(), slow_and_obvious(base, images), atol=1e-5)


def test_the_order_of_the_images_is_kept(base: Base, images: list[LabelledImage]) -> None:
    forwards = extract(images, base, precision="f32")
    backwards = extract(images[::-1], base, precision="f32")
    assert backwards.computed == 0
    np.testing.assert_array_equal(backwards.features(), forwards.features()[::-1])


def test_images_that_are_pixels(base: Base) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    images = [LabelledImage(f"digits/{i}", "x", sha256_of_pixels(one), one) for i, one in enumerate(pixels)]
    np.testing.assert_allclose(
        extract(images, base, precision="f32").features(), slow_and_obvious(base, images), atol=1e-5
    )


def test_what_is_there_is_not_computed_again(
    base: Base, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = extract(images[:65], base, precision="f32")
    assert first.computed == 65
    added = extract(images, base, precision="f32")
    assert added.computed == 10
    assert rows_in(added.store) == 75
    np.testing.assert_array_equal(added.features()[:65], first.features())
    monkeypatch.setattr(extraction, "open_engine", None)  # calling it would fail
    assert extract(images, base, precision="f32").computed == 0


def test_labels_and_names_play_no_part(base: Base, images: list[LabelledImage]) -> None:
    extract(images, base, precision="f32")
    renamed = [replace(image, name=f"other/{i}", label="other") for i, image in enumerate(images)]
    done = extract(renamed, base, precision="f32")
    assert done.computed == 0
    assert done.images == tuple(renamed)


def test_one_store_for_each_way_to_compute(base: Base) -> None:
    flipped = Augmentation(horizontal_flip=True)
    stores = {
        open_store(one, engine, precision, seen, dtype).folder
        for one in (base, replace(base, cut="elsewhere"))
        for engine in ("openvino", "keras")
        for precision in ("f32", "bf16")
        for seen in (PLAIN, View(flipped, 1), View(flipped, 2), View(replace(flipped, seed=1), 1))
        for dtype in ("float32", "float16")
    }
    assert len(stores) == 64
    assert open_store(replace(base, spelling="moved.keras"), "openvino", "f32").folder in stores
    assert open_store(base, "openvino", "f32", View(flipped, 0)) == open_store(base, "openvino", "f32")


def test_features_of_earlier_versions_are_found(base: Base, empty_features: Path) -> None:
    """Plain float32 vectors have the key they had before there were views and dtypes."""
    about = {**base.description(), "engine": "openvino", "precision": "f32", "view": "plain"}
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    assert open_store(base, "openvino", "f32").folder == empty_features / key


def test_half_precision(base: Base, images: list[LabelledImage]) -> None:
    done = extract(images[:9], base, precision="f32", dtype="float16")
    assert done.features().dtype == np.float16
    exact = extract(images[:9], base, precision="f32").features()
    np.testing.assert_array_equal(done.features(), exact.astype(np.float16))


def test_an_augmented_view(base: Base, images: list[LabelledImage]) -> None:
    seen = View(Augmentation(vertical_flip=True, crop=(0.3, 0.5)), 5)
    done = extract(images[:9], base, precision="f32", view=seen)
    pixels = np.stack([seen.read(image.source, SIZE, image.sha256) for image in images[:9]])
    np.testing.assert_allclose(done.features(), np.asarray(base_model(base)(pixels)), atol=1e-5)
    about = json.loads((done.store.folder / "store.json").read_text())
    assert about["augmentation"] == "vertical flip, crop 30–50 % of the area"
    assert (about["dtype"], about["shape"]) == ("float32", [16])


def test_a_disk_without_room(base: Base, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "free_bytes", lambda folder: 1000)
    with pytest.raises(InputError, match=r"9\.6 kB"):  # 75 × (16 × 4 + 64) bytes
        extract(images, base, precision="f32")
    assert not open_store(base, "openvino", "f32").shards()


@pytest.fixture
def broken(tmp_path: Path, images: list[LabelledImage]) -> list[LabelledImage]:
    """Ten good images among six that cannot be read, two of them with the same content."""
    assert isinstance(images[0].source, Path)
    good = images[0].source.read_bytes()
    bad: list[LabelledImage] = []
    for name, content in (
        ("empty.jpg", b""),
        ("text.jpg", b"no picture"),
        ("copy of text.jpg", b"no picture"),
        ("truncated.jpg", good[: len(good) // 2]),
        ("gone.jpg", b"gone before it was read"),
        ("changed.jpg", b"what it was when it was found"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        bad.append(LabelledImage(name, "bad", hashlib.sha256(content).hexdigest(), path))
    (tmp_path / "gone.jpg").unlink()
    (tmp_path / "changed.jpg").write_bytes(good)
    return [*bad[:3], *images[:10], *bad[3:]]


@pytest.mark.parametrize("shard", [1, 4, 256])
def test_unreadable_images_are_named_and_the_others_go_on(
    shard: int, base: Base, broken: list[LabelledImage], images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_filling, "SHARD", shard)
    for computed in (10, 0):  # the second time only the unreadable ones are tried again
        done = extract(broken, base, precision="f32")
        assert {file.name: file.reason.partition(":")[0] for file in done.skipped} == {
            "empty.jpg": "empty file",
            "text.jpg": "not an image (text?)",
            "copy of text.jpg": "not an image (text?)",
            "truncated.jpg": "truncated",
            "gone.jpg": "no such file",
            "changed.jpg": "its content changed after it was found",
        }
        assert done.images == tuple(images[:10])
        assert done.computed == computed
        assert rows_in(done.store) == 10
        np.testing.assert_allclose(done.features(), slow_and_obvious(base, done.images), atol=1e-5)


def test_duplicates_are_computed_once(base: Base, images: list[LabelledImage]) -> None:
    twice = [images[0], images[1], replace(images[0], name="copy"), images[0]]
    done = extract(twice, base, precision="f32")
    assert done.computed == rows_in(done.store) == 2
    features = done.features()
    assert features.shape == (4, 16)
    np.testing.assert_array_equal(features[0], features[2])
    np.testing.assert_array_equal(features[0], features[3])


def test_no_images(base: Base) -> None:
    assert extract([], base, precision="f32").computed == 0


def test_features_that_vanish_meanwhile(base: Base, images: list[LabelledImage]) -> None:
    done = extract(images, base, precision="f32")
    done.store.shards()[0].write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"75 of 75 images[\s\S]*run the same command again"):
        done.features()
    assert extract(images, base, precision="f32").features().shape == (75, 16)


@pytest.mark.parametrize(("engine", "precision"), [("tpu", "f32"), ("openvino", "f16"), ("keras", "bf16")])
def test_wrong_settings_are_refused_before_anything_is_written(
    engine: str, precision: str, base: Base, images: list[LabelledImage], empty_features: Path
) -> None:
    with pytest.raises(InputError):
        extract(images, base, engine=engine, precision=precision)
    with pytest.raises(InputError, match="float32 or float16"):
        extract(images, base, precision="f32", dtype="float64")
    assert not empty_features.exists()


# Extracts shards of 8 images, says so after each, and after the third does what argv[3] names.
INTERRUPTED = """
import resource, signal, sys, time
from pathlib import Path
import regraft.features.extraction as extraction
from regraft.features import _filling
from regraft.backbones.base import open_base
from regraft.errors import InputError
from regraft.features.store import FeatureStore
from regraft.images.opening import open_images

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in a shell's background
_filling.SHARD = 8
write, finished = FeatureStore.write, 0

def counted(self, hashes, features):
    global finished
    write(self, hashes, features)
    finished += 1
    if finished == 3 and sys.argv[3] == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    print("shard", flush=True)
    if finished == 3 and sys.argv[3] == "wait":
        time.sleep(60)

FeatureStore.write = counted
try:
    print(extraction.extract(open_images(Path(sys.argv[2])).images, open_base(sys.argv[1]), precision="f32").computed)
except InputError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def interrupted(base: Base, photos: Path, then: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", INTERRUPTED, base.spelling, str(photos), then]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_resumes(base: Base, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch) -> Extracted:
    """24 of the 75 are there: only the other 51 are read and computed."""
    read: list[Any] = []
    monkeypatch.setattr(view, "read_image", lambda *arguments: read.append(1) or read_image(*arguments))
    assert rows_in(open_store(base, "openvino", "f32")) == 24
    done = extract(images, base, precision="f32")
    assert done.computed == len(read) == 51
    assert rows_in(done.store) == 75
    np.testing.assert_allclose(done.features(), slow_and_obvious(base, images), atol=1e-5)
    return done


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_finished_shards_survive(
    number: signal.Signals, base: Base, photos: Path, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupted(base, photos, "wait") as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == ["shard\n"] * 3
        process.send_signal(number)
        start = time.monotonic()
        _, errors = process.communicate(timeout=120)
        assert time.monotonic() - start < 10
    assert process.returncode == -number
    if number == signal.SIGINT:
        assert errors.strip().endswith("KeyboardInterrupt")
    check_resumes(base, images, monkeypatch)


def test_a_full_disk(base: Base, photos: Path, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch) -> None:
    with interrupted(base, photos, "full disk") as process:
        output, errors = process.communicate(timeout=300)
    assert process.returncode == 2, errors
    assert output.startswith("shard\n" * 3 + "The disk is full: ")
    assert "REGRAFT_CACHE" in output
    assert "finished work is kept" in output
    done = check_resumes(base, images, monkeypatch)
    assert not [path for path in done.store.folder.iterdir() if path.name.startswith(".")]


def test_two_processes_at_once(base: Base, photos: Path, images: list[LabelledImage]) -> None:
    processes = [interrupted(base, photos, "go on") for _ in range(2)]
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert 0 <= int(output.split()[-1]) <= 75
    done = extract(images, base, precision="f32")
    assert done.computed == 0
    np.testing.assert_allclose(done.features(), slow_and_obvious(base, images), atol=1e-5)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written(base: Base, images: list[LabelledImage], empty_features: Path) -> None:
    empty_features.mkdir()
    empty_features.chmod(0o500)
    try:
        with pytest.raises(InputError, match="No permission to write"):
            extract(images, base, precision="f32")
    finally:
        empty_features.chmod(0o700)
