from __future__ import annotations

import os
from pathlib import Path

import pytest

from regraft.images.listing import list_images


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`photos/{a.jpg,b.PNG,notes.txt,.hidden.jpg}`, `photos/deep/{c.jpg,d.jpg}`, and `[1].jpg` beside it."""
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("a.jpg", "b.PNG", "notes.txt", ".hidden.jpg", "deep/c.jpg", "deep/d.jpg"):
        (tmp_path / "photos" / name).write_bytes(b"whatever")
    (tmp_path / "[1].jpg").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


ALL = ["photos/a.jpg", "photos/b.PNG", "photos/deep/c.jpg", "photos/deep/d.jpg"]
LEFT_OUT = {"photos/.hidden.jpg": "a hidden file", "photos/notes.txt": "not an image, by its extension ('.txt')"}


@pytest.mark.parametrize(
    ("wanted", "files", "left_out"),
    [
        (["photos"], ALL, LEFT_OUT),
        ([Path("photos/deep"), "photos/a.jpg"], ["photos/deep/c.jpg", "photos/deep/d.jpg", "photos/a.jpg"], {}),
        (["photos/*.jpg"], ["photos/a.jpg"], {}),
        (["photos/[ab].???"], ["photos/a.jpg", "photos/b.PNG"], {}),
        (["photos/**/*.jpg"], ["photos/a.jpg", "photos/deep/c.jpg", "photos/deep/d.jpg"], {}),
        (["photos/**/deep"], ["photos/deep/c.jpg", "photos/deep/d.jpg"], {}),
        (["photos/**"], ALL, LEFT_OUT),  # what is hidden is left out of a folder that matches
        (["photos/deep/*", "nothing*"], ["photos/deep/c.jpg", "photos/deep/d.jpg"], {"nothing*": "nothing matches"}),
        (["[1].jpg"], ["[1].jpg"], {}),  # a file of that name is no pattern
        (["nowhere.jpg", "photos/notes.txt"], ["nowhere.jpg", "photos/notes.txt"], {}),  # asked for by name
        ([], [], {}),
    ],
)
def test_files_folders_and_patterns(
    folder: Path, wanted: list[str | Path], files: list[str], left_out: dict[str, str]
) -> None:
    listed = list_images(wanted)
    assert sorted(listed.files) == sorted(files)
    assert listed.files == files or "**" in str(wanted[0])
    assert [file.name for file in listed.skipped] == list(left_out)
    assert all(file.reason.startswith(left_out[file.name]) for file in listed.skipped)
    assert listed.repeated == 0  # that a pattern matches a file twice is no one's wish


def test_each_file_is_listed_once(folder: Path) -> None:
    wanted = ["photos/a.jpg", "./photos/a.jpg", str(folder / "photos" / "a.jpg"), "photos", "photos/*.jpg"]
    listed = list_images(wanted)
    assert listed.files == ALL
    assert listed.repeated == 4


def test_links_are_followed_and_loops_are_not(folder: Path) -> None:
    (folder / "photos" / "again").symlink_to(folder / "photos")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "e.jpg").touch()
    (folder / "photos" / "linked").symlink_to(folder / "elsewhere")
    listed = list_images(["photos"])
    assert listed.files == [*ALL, "photos/linked/e.jpg"]
    assert [file.name for file in listed.skipped if "a loop" in file.reason] == ["photos/again"]


def test_names_that_are_no_text(folder: Path) -> None:
    name = os.fsdecode(b"photos/deep/\xff.jpg")
    Path(name).touch()
    Path(os.fsdecode(b"photos/deep/\xff.txt")).touch()
    listed = list_images(["photos/deep"])
    assert name in listed.files
    assert [file.name for file in listed.skipped] == ["photos/deep/\\udcff.txt"]
