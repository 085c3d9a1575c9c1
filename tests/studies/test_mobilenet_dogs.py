from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from small_mobilenet import dogs_of

from regraft.errors import InputError
from regraft.images.folders import scan_folder
from regraft.studies.mobilenet_dogs import check_flowers, dogs_and_flowers, find_dogs


def test_dogs_are_found_in_a_class_folder_in_splits_or_alone(photos: Path, tmp_path: Path) -> None:
    pets = dogs_of(photos, tmp_path)
    whole, alone = find_dogs(pets), find_dogs(pets / "dogs")
    (tmp_path / "sets" / "train").mkdir(parents=True)
    pets.rename(tmp_path / "sets" / "train" / "x")
    for folder in (tmp_path / "sets" / "train" / "x").iterdir():
        folder.rename(tmp_path / "sets" / "train" / folder.name)
    (tmp_path / "sets" / "train" / "x").rmdir()
    split = find_dogs(tmp_path / "sets")
    for found in (whole, alone, split):
        assert not isinstance(found, str)
        assert len(found.images) == 25
        assert {(image.label, image.split) for image in found.images} == {("dogs", None)}


def test_only_flowers_stand_for_flowers(tmp_path: Path) -> None:
    assert check_flowers(["Daisy", "roses"], None) is None
    why = check_flowers(["daisy", "cats"], None)
    assert why is not None
    assert "not known to be flowers" in why
    assert check_flowers(["lily", "rose"], tmp_path) is None  # who gives dogs says so
    with pytest.raises(InputError, match="needs images without dogs"):
        check_flowers(["cats", "Dogs"], tmp_path)


def test_what_has_no_dogs_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There are no dogs in"):
        find_dogs(photos)
    with pytest.raises(InputError, match="There is no folder"):
        find_dogs(tmp_path / "nothing")


def test_without_a_folder_the_named_set_is_taken_where_it_is_and_never_downloaded(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    monkeypatch.setattr("regraft.images.download.download", lambda *_, **__: pytest.fail("downloaded"))
    why = find_dogs(None)
    assert isinstance(why, str)
    assert "cats-and-dogs is not on this machine" in why
    place = tmp_path / "datasets" / "cats-and-dogs"
    place.mkdir(parents=True)
    dogs_of(photos, tmp_path).rename(place / "cats_and_dogs_filtered")
    found = find_dogs(None)
    assert not isinstance(found, str)
    assert len(found.images) == 25


def test_as_many_dogs_as_flowers_and_no_image_twice(photos: Path, tmp_path: Path) -> None:
    dogs = find_dogs(dogs_of(photos, tmp_path))
    assert not isinstance(dogs, str)
    flowers = scan_folder(photos)
    both = dogs_and_flowers(dogs, flowers, 12, 0)
    labels = [image.label for image in both.images]
    assert (labels.count("dogs"), labels.count("flowers")) == (12, 12)
    assert len({image.name for image in both.images}) == 24
    assert {i.name for i in dogs_and_flowers(dogs, flowers, 12, 1).images} != {i.name for i in both.images}
    # A photograph that is in both is a dog.
    file = tmp_path / "more" / "roses" / "one.png"
    file.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(file)
    (tmp_path / "more" / "dogs").mkdir()
    (tmp_path / "more" / "dogs" / "one.png").write_bytes(file.read_bytes())
    only = find_dogs(tmp_path / "more" / "dogs")
    assert not isinstance(only, str)
    (tmp_path / "more" / "roses" / "two.png").write_bytes(file.read_bytes() + b"x")
    one_each = dogs_and_flowers(only, scan_folder(tmp_path / "more", ["roses"]), 12, 0)
    assert [image.name for image in one_each.images] == ["dogs/dogs/one.png", "flowers/roses/two.png"]
