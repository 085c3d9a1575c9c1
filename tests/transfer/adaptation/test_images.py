from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.errors import InputError
from regraft.images.domains import write_versions
from regraft.images.labelled import SkippedFile
from regraft.images.opening import open_images
from regraft.images.unlabelled import NO_LABEL
from regraft.transfer.adaptation.images import find_parts


@pytest.fixture(scope="module")
def target(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("target") / "sketched"
    write_versions(open_images(photos).images, "sketch", folder, size=16)
    return folder


def test_no_image_plays_two_parts(photos: Path, target: Path) -> None:
    parts = find_parts(photos, target, labels=3, seed=1)
    source, adapted, measured = (
        {image.sha256 for image in images} for images in (parts.source, parts.adapted, parts.measured)
    )
    assert len(source | adapted | measured) == len(source) + len(adapted) + len(measured) == 150
    assert len(measured) == 39  # half of 25, rounded up, of each class
    assert parts.labelled <= adapted
    labels = [image.label for image in parts.adapted if image.sha256 in parts.labelled]
    assert sorted(labels) == ["blue"] * 3 + ["green"] * 3 + ["red"] * 3
    assert parts.classes == ("blue", "green", "red")
    assert parts.names == ("photos", "sketched")


def test_another_seed_draws_others_and_fewer_labels_are_some_of_the_same(photos: Path, target: Path) -> None:
    few, more = (find_parts(photos, target, labels=labels, seed=1) for labels in (2, 5))
    assert few.labelled < more.labelled
    measured = [image.sha256 for image in few.measured]
    assert [image.sha256 for image in more.measured] == measured
    assert [image.sha256 for image in find_parts(photos, target, seed=2).measured] != measured


def test_a_test_split_of_the_targets_own_is_what_is_measured(photos: Path, tmp_path: Path) -> None:
    lines = ["file_name,label,split"]
    for number, image in enumerate(open_images(photos).images):
        lines.append(f"{image.source},{image.label},{'test' if number % 5 == 0 else 'train'}")
    (tmp_path / "all.csv").write_text("\n".join(lines))
    write_versions(open_images(photos).images, "night", tmp_path / "night", size=8)
    parts = find_parts(tmp_path / "night", tmp_path / "all.csv")
    assert len(parts.measured) == 15


def test_the_source_loses_what_the_target_has_too(photos: Path, target: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(target, mixed)
    for path in sorted((photos / "red").iterdir())[:4]:
        shutil.copy(path, mixed / "red")
    parts = find_parts(photos, mixed)
    assert parts.copies == 4
    assert len(parts.source) == 71
    assert [file.reason for file in parts.skipped] == ["also a target image"] * 4
    assert parts.skipped[0].name == "source: red/00.jpg"
    with pytest.raises(InputError, match="in the target too"):
        find_parts(photos, photos)


def test_a_plain_folder_has_no_labels_and_nothing_is_measured(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_versions(open_images(photos).images, "sketch", tmp_path / "new", size=16, labelled=False)
    parts = find_parts(photos, tmp_path / "new")
    assert (len(parts.adapted), len(parts.measured), parts.labelled) == (75, 0, frozenset())
    assert {image.label for image in parts.adapted} == {NO_LABEL}
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(find_parts(photos, "~/new", per_class=4).adapted) == 12  # 4 for each of the three classes
    with pytest.raises(InputError, match="have no labels"):
        find_parts(photos, tmp_path / "new", labels=2)


def test_what_cannot_be_read_is_replaced_among_the_labelled_and_named_with_its_domain(
    photos: Path, target: Path
) -> None:
    parts = find_parts(photos, target, labels=3, seed=1)
    gone = [parts.source[0], next(image for image in parts.adapted if image.sha256 in parts.labelled)]
    readable = {image.sha256 for image in parts.images} - {image.sha256 for image in gone}
    left = parts.without([SkippedFile(image.name, "no photo") for image in gone], readable, 3, 1)
    assert (len(left.source), len(left.adapted), len(left.measured)) == (74, 35, 39)
    assert len(left.labelled - parts.labelled) == 1
    assert left.skipped == (
        SkippedFile(f"source: {gone[0].name}", "no photo"),
        SkippedFile(f"target: {gone[1].name}", "no photo"),
    )


@pytest.mark.parametrize(
    ("part", "kept", "message"),
    [
        ("source", 51, "too few source images"),
        ("adapted", 9, "too few target images"),
        ("adapted", 14, "not 3 target images"),
        ("measured", 0, "None of the target images that are to be measured"),
    ],
)
def test_too_few_that_can_be_read_are_refused(photos: Path, target: Path, part: str, kept: int, message: str) -> None:
    parts = find_parts(photos, target, labels=3)
    gone = {image.sha256: image for image in getattr(parts, part)[kept:]}
    readable = {image.sha256 for image in parts.images} - set(gone)
    with pytest.raises(InputError, match=message) as caught:
        parts.without([SkippedFile(image.name, "no photo") for image in gone.values()], readable, 3, 0)
    assert ("no photo" in str(caught.value)) == (message != "not 3 target images")


def test_at_most_so_many_of_each_class(photos: Path, target: Path) -> None:
    parts = find_parts(photos, target, per_class=4)
    assert (len(parts.source), len(parts.adapted), len(parts.measured)) == (12, 12, 12)


def test_different_classes_are_named_and_common_ones_can_be_kept(photos: Path, target: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(target, other)
    (other / "red").rename(other / "purple")
    with pytest.raises(InputError) as caught:
        find_parts(photos, other)
    assert "only in the source: red; only in the target: purple" in str(caught.value)
    assert "--classes blue,green" in str(caught.value)
    parts = find_parts(photos, other, classes=["blue", "green"])
    assert {image.label for image in (*parts.source, *parts.adapted, *parts.measured)} == {"blue", "green"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": 20}, "not 20 target images"),
        ({"labels": -1}, "at least 0"),
        ({"per_class": 0}, "at least 1"),
        ({"per_class": 1}, "too few source images"),
        ({"per_class": 3}, "too few target images"),
        ({"path": Path("copy")}, "neither source nor target"),
        ({"source": "digits", "path": Path("copy")}, "files of its own"),
    ],
)
def test_what_cannot_be_done_is_said(photos: Path, target: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_parts(**{"source": photos, "target": target, **options})  # type: ignore[arg-type]


def test_too_few_loose_images_are_refused(photos: Path, tmp_path: Path) -> None:
    for number in range(9):
        Image.fromarray(np.full((4, 4, 3), 20 * number, np.uint8)).save(tmp_path / f"{number}.png")
    with pytest.raises(InputError, match="too few target images"):
        find_parts(photos, tmp_path)
