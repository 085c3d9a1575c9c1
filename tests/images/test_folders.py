import os
import shutil
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import features

from regraft._files import sha256_of_file
from regraft.errors import InputError
from regraft.images.folders import scan_folder
from regraft.images.reading import read_image


def reasons(collection):
    return {file.name: file.reason for file in collection.skipped}


def names(collection):
    return [image.name for image in collection.images]


def test_flat_classes(tmp_path, make_image):
    for name in ("roses/2.jpg", "daisy/1.png", "daisy/deep/er/3.JPEG"):
        make_image(tmp_path / "photos" / name)
    collection = scan_folder(tmp_path / "photos")
    assert collection.name == "photos"
    assert names(collection) == ["daisy/1.png", "daisy/deep/er/3.JPEG", "roses/2.jpg"]
    assert [image.label for image in collection.images] == ["daisy", "daisy", "roses"]
    assert collection.classes == ("daisy", "roses")
    assert collection.skipped == ()
    assert {image.split for image in collection.images} == {None}
    assert all(read_image(image.source).shape == (6, 8, 3) for image in collection.images)


@pytest.mark.parametrize("validation", ["val", "Valid", "VALIDATION"])
def test_given_splits(tmp_path, make_image, validation):
    for split in ("Train", validation, "test"):
        for label in ("a", "b"):
            make_image(tmp_path / split / label / "1.png")
    collection = scan_folder(tmp_path)
    assert collection.classes == ("a", "b")
    assert {image.name.split("/")[0]: image.split for image in collection.images} == {
        "Train": "train",
        validation: "validation",
        "test": "test",
    }


def test_train_and_test_alone_are_splits_and_so_is_train_beside_hidden_folders(tmp_path, make_image):
    make_image(tmp_path / "train" / "a" / "1.png")
    make_image(tmp_path / "test" / "a" / "2.png")
    make_image(tmp_path / ".cache" / "a" / "3.png")
    assert [image.split for image in scan_folder(tmp_path).images] == ["test", "train"]
    shutil.rmtree(tmp_path / "test")
    assert [image.split for image in scan_folder(tmp_path).images] == ["train"]


def test_a_class_called_train_is_a_class(tmp_path, make_image):
    for label in ("train", "plane"):
        make_image(tmp_path / label / "1.png")
    collection = scan_folder(tmp_path)
    assert collection.classes == ("plane", "train")
    assert {image.split for image in collection.images} == {None}


def test_without_train_the_words_are_classes(tmp_path, make_image):
    for label in ("val", "test"):
        make_image(tmp_path / label / "1.png")
    assert scan_folder(tmp_path).classes == ("test", "val")


def test_splits_among_other_folders_are_no_guess(tmp_path, make_image):
    for folder in ("train/a", "test/a", "extra/a"):
        make_image(tmp_path / folder / "1.png")
    with pytest.raises(InputError, match=r"move extra/ elsewhere"):
        scan_folder(tmp_path)


def test_nothing_is_left_out_in_silence(tmp_path, make_image):
    make_image(tmp_path / "a" / "1.png")
    make_image(tmp_path / "a" / ".hidden.png")
    make_image(tmp_path / "a" / ".ipynb_checkpoints" / "1-checkpoint.png")
    make_image(tmp_path / "__MACOSX" / "a" / "1.png")
    make_image(tmp_path / "loose.png")
    for stray in (".DS_Store", "LICENSE.txt", "a/Thumbs.db", "a/notes.txt", "a/README", "a/x.svg"):
        (tmp_path / stray).write_text("stray")
    (tmp_path / "a" / "empty.jpg").touch()
    collection = scan_folder(tmp_path)
    assert names(collection) == ["a/1.png"]
    assert reasons(collection) == {
        ".DS_Store": "a hidden file",
        "LICENSE.txt": "not in the folder of a class",
        "__MACOSX": "left by the operating system",
        "a/.hidden.png": "a hidden file",
        "a/.ipynb_checkpoints": "a hidden folder",
        "a/README": "not an image: no extension",
        "a/Thumbs.db": "left by the operating system",
        "a/empty.jpg": "empty file",
        "a/notes.txt": "not an image, by its extension ('.txt')",
        "a/x.svg": "not an image, by its extension ('.svg')",
        "loose.png": "not in the folder of a class",
    }


def test_strays_between_split_and_class_are_reported(tmp_path, make_image):
    make_image(tmp_path / "train" / "a" / "1.png")
    make_image(tmp_path / "train" / "loose.png")
    assert reasons(scan_folder(tmp_path)) == {"train/loose.png": "not in the folder of a class"}


def test_formats_pillow_may_lack(tmp_path, make_image):
    make_image(tmp_path / "a" / "1.avif")
    make_image(tmp_path / "a" / "2.heic")
    collection = scan_folder(tmp_path)
    assert reasons(collection)["a/2.heic"] == ".heic is not supported here: convert it to JPEG or PNG"
    assert ("a/1.avif" in names(collection)) == features.check("avif")


AWKWARD = ["with space.png", "quo'te\".png", "🌹.png", "new\nline.png", "comma, semi;.png", "percent%20.png"]


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such names")
def test_awkward_names_survive(tmp_path, make_image):
    for name in AWKWARD:
        make_image(tmp_path / "cl ass\n'🌹'" / name)
    collection = scan_folder(tmp_path)
    assert collection.classes == ("cl ass\n'🌹'",)
    assert sorted(image.name.split("/")[1] for image in collection.images) == sorted(AWKWARD)
    assert all(read_image(image.source).shape == (6, 8, 3) for image in collection.images)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's file systems take any bytes")
def test_bytes_that_are_no_text(tmp_path, make_image):
    folder = os.fsdecode(b"caf\xe9")
    make_image(tmp_path / folder / os.fsdecode(b"\xff.png"))
    (tmp_path / folder / os.fsdecode(b"\xfe.txt")).write_text("stray")
    collection = scan_folder(tmp_path)
    (image,) = collection.images
    assert (image.name, image.label) == (r"caf\udce9/\udcff.png", r"caf\udce9")
    assert read_image(image.source).shape == (6, 8, 3)
    assert list(reasons(collection)) == [r"caf\udce9/\udcfe.txt"]
    repr(collection).encode()


def test_links_are_followed_and_loops_are_not(tmp_path, make_image):
    make_image(tmp_path / "photos" / "a" / "1.png")
    make_image(tmp_path / "elsewhere" / "b" / "2.png")
    (tmp_path / "photos" / "b").symlink_to(tmp_path / "elsewhere" / "b", target_is_directory=True)
    (tmp_path / "photos" / "a" / "0up").symlink_to(tmp_path / "photos", target_is_directory=True)
    (tmp_path / "photos" / "a" / "self").symlink_to(tmp_path / "photos" / "a", target_is_directory=True)
    (tmp_path / "photos" / "c").symlink_to(tmp_path / "photos", target_is_directory=True)
    (tmp_path / "photos" / "a" / "3.png").symlink_to(tmp_path / "elsewhere" / "b" / "gone.png")
    (tmp_path / "photos" / "a" / "round.png").symlink_to(tmp_path / "photos" / "a" / "round.png")
    collection = scan_folder(tmp_path / "photos")
    assert names(collection) == ["a/1.png", "b/2.png"]
    found = reasons(collection)
    for loop in ("a/0up", "a/self", "c"):
        assert "loop" in found[loop]
    assert found["a/3.png"] == "a link to nothing"
    assert "symbolic links" in found["a/round.png"]


def test_folders_linked_to_each_other_end_and_the_real_names_stay(tmp_path, make_image):
    for name in ("x", "y", "z"):
        make_image(tmp_path / "a" / name / "1.png")
        for other in ("x", "y", "z"):
            (tmp_path / "a" / name / f"0{other}").symlink_to(tmp_path / "a" / other, target_is_directory=True)
    collection = scan_folder(tmp_path)
    assert names(collection) == ["a/x/1.png", "a/y/1.png", "a/z/1.png"]
    assert len(collection.skipped) == 9


def test_a_class_linked_under_another_name_is_a_conflict_of_labels(tmp_path, make_image):
    make_image(tmp_path / "a" / "1.png")
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    collection = scan_folder(tmp_path)
    assert collection.images == ()
    assert reasons(collection)["b/1.png"] == "same image under the labels 'a' and 'b'"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_hold_it_up(tmp_path, make_image):
    make_image(tmp_path / "a" / "1.png")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    assert reasons(scan_folder(tmp_path)) == {"a/pipe.png": "not a regular file"}


def test_duplicates_and_leaks(tmp_path, make_image):
    make_image(tmp_path / "test" / "a" / "1.png")
    (tmp_path / "train" / "a").mkdir(parents=True)
    shutil.copy(tmp_path / "test" / "a" / "1.png", tmp_path / "train" / "a" / "0.png")
    make_image(tmp_path / "train" / "a" / "2.png")
    shutil.copy(tmp_path / "train" / "a" / "2.png", tmp_path / "train" / "a" / "3.png")
    collection = scan_folder(tmp_path)
    assert names(collection) == ["test/a/1.png", "train/a/2.png"]
    assert reasons(collection) == {
        "train/a/0.png": "duplicate of test/a/1.png (kept out of training)",
        "train/a/3.png": "duplicate of train/a/2.png",
    }


def test_classes_without_a_usable_image_are_named(tmp_path, make_image):
    one = make_image(tmp_path / "a" / "1.png")
    make_image(tmp_path / "a" / "2.png")
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "x.txt").write_text("x")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.jpg").touch()
    (tmp_path / "twin").mkdir()
    shutil.copy(one, tmp_path / "twin" / "1.png")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    collection = scan_folder(tmp_path)
    assert collection.classes == ("a",)
    assert collection.lost_classes == ("broken", "empty", "texts", "twin")
    conflict = "same image under the labels 'a' and 'twin'"
    assert reasons(collection) == {
        "a/1.png": conflict,
        "broken/0.jpg": "empty file",
        "empty": "class folder without images",
        "loop": "a link to a folder that is read already (a loop)",
        "texts": "class folder without images",
        "texts/x.txt": "not an image, by its extension ('.txt')",
        "twin/1.png": conflict,
    }


def test_a_class_empty_in_one_split_is_reported_and_not_lost(tmp_path, make_image):
    make_image(tmp_path / "train" / "a" / "1.png")
    (tmp_path / "test" / "a").mkdir(parents=True)
    (tmp_path / "test" / "b").mkdir()
    collection = scan_folder(tmp_path)
    assert collection.lost_classes == ("b",)
    assert reasons(collection) == {
        "test/a": "class folder without images",
        "test/b": "class folder without images",
    }


def test_asked_classes_alone_are_read(tmp_path, make_image):
    one = make_image(tmp_path / "a" / "1.png")
    for label in ("b", "empty", "unasked"):
        (tmp_path / label).mkdir()
    shutil.copy(one, tmp_path / "b" / "1.png")
    (tmp_path / "b" / "x.txt").write_text("x")
    (tmp_path / "a" / "x.txt").write_text("x")
    (tmp_path / "LICENSE").write_text("terms")
    collection = scan_folder(tmp_path, ["a", "empty"])
    assert (names(collection), collection.classes, collection.lost_classes) == (["a/1.png"], ("a",), ("empty",))
    assert list(reasons(collection)) == ["LICENSE", "a/x.txt", "empty"]
    with pytest.raises(InputError, match=r"no class 'c'[\s\S]*a, b, empty, unasked[\s\S]*Received: a, c"):
        scan_folder(tmp_path, ["a", "c"])


def make_run(path, make_image):
    make_image(path / "figures" / "mistakes.png")
    for name in ("config.toml", "environment.json"):
        (path / name).touch()


def test_what_regraft_wrote_is_no_class(tmp_path, make_image):
    for label in ("a", "b"):
        make_image(tmp_path / label / "1.png")
    make_run(tmp_path / "runs" / "1", make_image)
    make_run(tmp_path / "runs" / "2", make_image)
    (tmp_path / "runs" / ".DS_Store").touch()
    make_run(tmp_path / "my-run", make_image)
    make_run(tmp_path / "a" / "run-by-mistake", make_image)
    collection = scan_folder(tmp_path)
    assert names(collection) == ["a/1.png", "b/1.png"]
    assert collection.lost_classes == ()
    assert reasons(collection) == {
        "a/run-by-mistake": "the folder of a run",
        "my-run": "the folder of a run",
        "runs": "a folder of runs",
    }


def test_a_class_called_runs_is_a_class(tmp_path, make_image):
    make_image(tmp_path / "runs" / "1.png")
    make_run(tmp_path / "runs" / "2", make_image)
    assert names(scan_folder(tmp_path)) == ["runs/1.png"]


def test_splits_beside_runs_are_splits(tmp_path, make_image):
    make_image(tmp_path / "train" / "a" / "1.png")
    make_image(tmp_path / "test" / "a" / "2.png")
    make_run(tmp_path / "runs" / "1", make_image)
    assert [image.split for image in scan_folder(tmp_path).images] == ["test", "train"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder")
def test_what_may_not_be_read(tmp_path, make_image):
    make_image(tmp_path / "a" / "1.png")
    make_image(tmp_path / "a" / "2.png").chmod(0)
    make_image(tmp_path / "b" / "3.png")
    (tmp_path / "b").chmod(0)
    try:
        collection = scan_folder(tmp_path)
    finally:
        (tmp_path / "b").chmod(0o700)
    assert names(collection) == ["a/1.png"]
    assert set(reasons(collection)) == {"a/2.png", "b"}


def test_what_may_not_be_read_simulated(tmp_path, make_image, monkeypatch):
    make_image(tmp_path / "a" / "1.png")
    make_image(tmp_path / "a" / "2.png")
    make_image(tmp_path / "b" / "3.png")
    scandir, sha256 = os.scandir, sha256_of_file

    def refusing_scandir(path):
        if os.fspath(path).endswith("b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    def refusing_sha256(path):
        if path.name == "2.png":
            raise PermissionError(13, "Permission denied", str(path))
        return sha256(path)

    monkeypatch.setattr(os, "scandir", refusing_scandir)
    monkeypatch.setattr("regraft.images._hashing.sha256_of_file", refusing_sha256)
    collection = scan_folder(tmp_path)
    assert names(collection) == ["a/1.png"]
    denied = "cannot be read: Permission denied"
    assert reasons(collection) == {"a/2.png": denied, "b": denied}
    assert collection.lost_classes == ("b",)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read: No such file"):
        scan_folder(tmp_path / "photos")


def test_an_empty_folder_is_an_empty_collection(tmp_path):
    collection = scan_folder(tmp_path)
    assert (collection.images, collection.skipped, collection.classes) == ((), (), ())


def test_memory_is_that_of_the_names(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for index in range(150):
            content = np.full(1 << 16, index % 256, np.uint8).tobytes() + f"{label}{index}".encode()
            (tmp_path / label / f"{index}.jpg").write_bytes(content)
    tracemalloc.start()
    try:
        assert len(scan_folder(tmp_path).images) == 300
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000  # of 20 MB; each hashing thread has a buffer of 256 kB
