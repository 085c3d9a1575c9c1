import gzip
import hashlib
import shutil
import struct
import tarfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.images import named
from regraft.images.labelled import sha256_of_pixels
from regraft.images.named import NAMED_SETS, is_mnist_folder, open_named
from regraft.images.reading import read_image


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and no network: any download fails at once."""
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))

    def refuse(*args, **kwargs):
        raise ConnectionRefusedError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return tmp_path / "cache" / "datasets"


def test_digits():
    collection = open_named("digits")
    assert (collection.name, len(collection.images)) == ("digits", 1797)
    assert collection.classes == tuple("0123456789")
    first = collection.images[0]
    assert (first.name, first.label, first.split) == ("digits/0000", "0", None)
    assert first.source.dtype == np.uint8
    assert first.source.shape == (8, 8)
    assert first.source[0, 2] == 80  # 5 of 16
    assert max(image.source.max() for image in collection.images) == 255
    assert first.sha256 == sha256_of_pixels(first.source)
    assert read_image(first.source, 32).shape == (32, 32, 3)


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(folder, pack=gzip.compress, suffix=".gz", train=30, test=20):
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for prefix, count in (("train", train), ("t10k", test)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(images)))
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(labels)))
    return folder


@pytest.mark.parametrize(("pack", "suffix"), [(gzip.compress, ".gz"), (bytes, "")])
@pytest.mark.parametrize("copied", ["by path", "into the cache"])
def test_mnist(cache, tmp_path, pack, suffix, copied):
    folder = write_mnist(tmp_path / "copy" if copied == "by path" else cache / "mnist", pack, suffix)
    collection = open_named("mnist", folder if copied == "by path" else None)
    assert collection.name == "mnist"
    assert collection.classes == tuple("0123456789")
    assert [image.split for image in collection.images] == ["test"] * 20 + ["train"] * 30
    image = collection.images[21]
    assert (image.name, image.label, image.source.shape) == ("mnist/train/00001", "1", (28, 28))
    assert is_mnist_folder(folder)


def test_mnist_that_is_not_mnist(cache, tmp_path):
    folder = write_mnist(tmp_path / "copy")
    shutil.copy(folder / "t10k-labels-idx1-ubyte.gz", folder / "train-labels-idx1-ubyte.gz")
    with pytest.raises(InputError, match="not MNIST's"):
        open_named("mnist", folder)
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    assert not is_mnist_folder(folder)
    with pytest.raises(InputError, match=r"lacks a file[\s\S]*copy it to .*train-labels-idx1-ubyte.gz"):
        open_named("mnist", folder)


@pytest.mark.parametrize("inside", ["", "flower_photos"])
def test_flowers_by_path(cache, tmp_path, make_image, inside):
    for label in ("daisy", "roses"):
        make_image(tmp_path / "copy" / inside / label / "1.jpg")
    (tmp_path / "copy" / inside / "LICENSE.txt").write_text("terms")
    collection = open_named("flowers", tmp_path / "copy")
    assert (collection.name, collection.classes) == ("flowers", ("daisy", "roses"))
    assert [file.name for file in collection.skipped] == ["LICENSE.txt"]


def test_a_copy_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no local copy of flowers"):
        open_named("flowers", tmp_path / "none")


def test_digits_have_no_copy(tmp_path):
    with pytest.raises(InputError, match=r"digits is embedded[\s\S]*leave the path out"):
        open_named("digits", tmp_path)


def test_classes(cache, tmp_path, make_image):
    digits = open_named("digits", classes=["3", "8"])
    assert digits.classes == ("3", "8")
    assert {image.label for image in digits.images} == {"3", "8"}
    assert open_named("mnist", write_mnist(tmp_path / "mnist"), ["7"]).classes == ("7",)
    for label in ("daisy", "roses"):
        make_image(tmp_path / "copy" / label / "1.jpg")
    assert open_named("flowers", tmp_path / "copy", ["roses"]).classes == ("roses",)
    with pytest.raises(InputError, match="digits has no class 'ten'"):
        open_named("digits", classes=["ten"])


def test_unknown_names():
    with pytest.raises(InputError, match=r"'flour'[\s\S]*digits, mnist, flowers, cats-and-dogs"):
        open_named("flour")


@pytest.mark.parametrize("name", ["mnist", "flowers", "cats-and-dogs"])
def test_without_a_network_the_message_says_where_to_copy_what(cache, name):
    with pytest.raises(InputError) as caught:
        open_named(name)
    file = NAMED_SETS[name].files[0]
    assert f"fetch {file.url} on a machine that can and copy it to {cache / name / file.name}" in str(caught.value)


@pytest.fixture
def small_flowers(cache, tmp_path, make_image, monkeypatch):
    """The archive of a small `flowers`, which the registry now expects."""
    for label in ("daisy", "roses"):
        make_image(tmp_path / "made" / "flower_photos" / label / "1.jpg")
    archive = tmp_path / "flower_photos.tgz"
    with tarfile.open(archive, "w:gz") as bundle:
        bundle.add(tmp_path / "made" / "flower_photos", "flower_photos")
    content = archive.read_bytes()
    (file,) = NAMED_SETS["flowers"].files
    known = replace(file, size=len(content), sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(NAMED_SETS, "flowers", replace(NAMED_SETS["flowers"], files=(known,)))
    return archive


def test_an_archive_is_downloaded_unpacked_once_and_deleted(cache, small_flowers, monkeypatch):
    calls = []

    def fake_download(url, path, **known):
        calls.append(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        return shutil.copy(small_flowers, path)

    monkeypatch.setattr("regraft.images.download.download", fake_download)
    for _ in range(2):
        assert open_named("flowers").classes == ("daisy", "roses")
    assert calls == [NAMED_SETS["flowers"].files[0].url]
    assert [path.name for path in (cache / "flowers").iterdir()] == ["flower_photos"]


def test_an_archive_copied_by_hand_is_checked_and_kept(cache, small_flowers):
    (cache / "flowers").mkdir(parents=True)
    copy = cache / "flowers" / "flower_photos.tgz"
    copy.write_bytes(small_flowers.read_bytes()[:-1])
    with pytest.raises(InputError, match="not the file it should be"):
        open_named("flowers")
    shutil.copy(small_flowers, copy)
    assert len(open_named("flowers").images) == 2
    assert copy.exists()


def test_cats_and_dogs_are_counted(cache, tmp_path, monkeypatch):
    archive = cache / "cats-and-dogs" / "cats_and_dogs_filtered.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("cats_and_dogs_filtered/vectorize.py", b"")
        bundle.writestr("cats_and_dogs_filtered/train/cats/1.jpg", b"one")
    (file,) = NAMED_SETS["cats-and-dogs"].files
    known = replace(file, size=archive.stat().st_size)
    monkeypatch.setitem(NAMED_SETS, "cats-and-dogs", replace(NAMED_SETS["cats-and-dogs"], files=(known,)))
    with pytest.raises(InputError, match=r"2000 JPEG files to train and 1000[\s\S]*1 and 0"):
        open_named("cats-and-dogs")
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_the_registry_is_well_formed():
    for name, known in NAMED_SETS.items():
        assert known.name == name
        assert known.description
        for file in known.files:
            assert file.url.startswith("https://")
            assert file.sha256 is None or (len(file.sha256) == 64 and int(file.sha256, 16))
    assert named.NAMED_SETS["flowers"].files[0].name == "flower_photos.tgz"


def test_real_mnist(real_data):
    collection = open_named("mnist", real_data / "mnist")
    train = [image.label for image in collection.images if image.split == "train"]
    assert (len(train), len(collection.images), len(collection.skipped)) == (60000, 70000, 0)
    assert sum(label in "012345" for label in train) == 36017


def test_real_cats_and_dogs(real_data):
    collection = open_named("cats-and-dogs", real_data / "cats_and_dogs")
    assert collection.classes == ("cats", "dogs")
    assert {image.split for image in collection.images} == {"train", "validation"}
    assert len(collection.images) + len(collection.skipped) == 1000
