from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regraft.errors import InputError
from regraft.images.labelled import SkippedFile
from regraft.runs.config import TrainConfig, make_config
from regraft.runs.data import draw_splits, find_images, open_collection
from regraft.runs.folder import RunFolder
from regraft.runs.same_images import same_images


@pytest.fixture
def source(photos: Path, tmp_path: Path) -> Path:
    shutil.copytree(photos, tmp_path / "photos")
    return tmp_path / "photos"


def config_for(source: Path, **images: Any) -> TrainConfig:
    return make_config({"images": {"source": str(source), **images}})


def recorded(config: TrainConfig, folder: Path, unreadable: tuple[SkippedFile, ...] = ()) -> RunFolder:
    """What a run writes down of its images."""
    bad = {file.name for file in unreadable}
    found = find_images(config)
    images = [image for image in found.images if image.name not in bad]
    run = RunFolder(folder / "run")
    run.write_splits(images, draw_splits(images, config))
    run.write_skipped([*found.skipped, *unreadable])
    return run


def splits_of(config: TrainConfig, images: Any) -> dict[str, str]:
    return {image.sha256: split for image, split in zip(images, draw_splits(images, config), strict=True)}


def add(source: Path, name: str) -> None:
    """An image that is like another, but for its content hash."""
    (source / name).write_bytes((source / "red" / "00.jpg").read_bytes() + name.encode())


@pytest.mark.parametrize("wanted", [{}, {"exact": True}, {"per_class": 9, "exact": True}])
def test_images_that_came_later_change_nothing(source: Path, tmp_path: Path, wanted: dict[str, Any]) -> None:
    config = config_for(source, **wanted)
    run = recorded(config, tmp_path)
    before = splits_of(config, find_images(config).images)
    for number in range(12):
        add(source, f"blue/new{number}.jpg")
    assert splits_of(config, find_images(config).images) != before  # what it would be otherwise
    found = same_images(config, run)
    assert splits_of(config, found.images) == before
    new = [file.name for file in found.skipped]
    # Of a subset it cannot be told what was not there and what was not chosen.
    assert new == ([] if "per_class" in wanted else sorted(f"blue/new{number}.jpg" for number in range(12)))
    assert all(str(run.path) in file.reason for file in found.skipped)


def test_what_could_not_be_read_keeps_its_reason(source: Path, tmp_path: Path) -> None:
    (source / "red" / "bad.jpg").write_text("no picture")
    (source / "red" / "notes.txt").write_text("remember the milk")
    config = config_for(source)
    run = recorded(config, tmp_path, (SkippedFile("red/bad.jpg", "it is a poem"),))
    found = same_images(config, run)
    assert {file.name: file.reason for file in found.skipped} == {file.name: file.reason for file in run.skipped()}
    assert len(found.images) == 75


def gone(source: Path) -> None:
    (source / "red" / "03.jpg").unlink()


def changed(source: Path) -> None:
    (source / "red" / "03.jpg").write_bytes((source / "red" / "03.jpg").read_bytes() + b"x")


def relabelled(source: Path) -> None:
    shutil.move(source / "red" / "03.jpg", source / "blue" / "moved.jpg")


@pytest.mark.parametrize("change", [gone, changed, relabelled])
def test_what_is_gone_or_different_is_refused(source: Path, tmp_path: Path, change: Callable[[Path], None]) -> None:
    config = config_for(source)
    run = recorded(config, tmp_path)
    change(source)
    with pytest.raises(InputError, match=r"1 of the 75 images[\s\S]*red/03\.jpg"):
        same_images(config, run)


def test_images_that_only_have_another_name_are_the_same(source: Path, tmp_path: Path) -> None:
    config = config_for(source)
    run = recorded(config, tmp_path)
    before = splits_of(config, find_images(config).images)
    shutil.move(source / "red" / "03.jpg", source / "red" / "renamed.jpg")
    assert splits_of(config, same_images(config, run).images) == before


def test_a_manifest_that_gives_other_groups_or_splits_is_refused(photos: Path, tmp_path: Path) -> None:
    files = sorted(photos.rglob("*.jpg"))

    def manifest(group: str, split: int) -> TrainConfig:
        splits = ("train", "validation", "test", "train", "")
        lines = [
            f"{path},{path.parent.name},{splits[(number + split) % 5]},{group}{number}"
            for number, path in enumerate(files)
        ]
        (tmp_path / "list.csv").write_text("\n".join(["file_name,label,split,group", *lines]) + "\n")
        return config_for(tmp_path / "list.csv", exact=True)

    run = recorded(manifest("a", 0), tmp_path)
    assert len(same_images(manifest("a", 0), run).images) == 75
    with pytest.raises(InputError, match="75 of the 75 images"):
        same_images(manifest("b", 0), run)
    with pytest.raises(InputError, match="45 of the 75 images"):  # three of five have another split
        same_images(manifest("a", 1), run)


def test_many_are_named_by_the_first_of_them(source: Path, tmp_path: Path) -> None:
    config = config_for(source)
    run = recorded(config, tmp_path)
    for number in range(7):
        (source / "red" / f"0{number}.jpg").unlink()
    with pytest.raises(InputError, match=r"7 of the 75[\s\S]*red/00.jpg, .*red/04.jpg …"):
        same_images(config, run)


def test_without_a_record_there_is_nothing_to_find_again(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run"):
        same_images(config_for(source), RunFolder(tmp_path))


def test_the_whole_collection_is_that_without_a_subset(source: Path) -> None:
    config = config_for(source, per_class=4, classes=["red", "blue"])
    assert len(find_images(config).images) == 8
    assert len(open_collection(config).images) == 50
