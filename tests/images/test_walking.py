from __future__ import annotations

import os
from pathlib import Path

import pytest

from regraft.images.walking import IMAGE_EXTENSIONS, identity, no_candidate, usable_entries


def test_the_name_decides_whether_a_file_may_be_an_image() -> None:
    assert all(no_candidate(f"a{extension}") is None for extension in IMAGE_EXTENSIONS)
    assert no_candidate("A.JPG") is None
    assert no_candidate("notes.txt") == "not an image, by its extension ('.txt')"
    assert no_candidate("README") == "not an image: no extension"


def test_what_is_of_no_use_is_told_with_the_reason(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.txt", ".hidden.jpg", "Thumbs.db"):
        (tmp_path / name).touch()
    for name in ("deeper", ".git", "run"):
        (tmp_path / name).mkdir()
    for name in ("environment.json", "config.toml"):
        (tmp_path / "run" / name).touch()
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    told: dict[str, str] = {}
    entries = usable_entries(str(tmp_path), told.__setitem__)
    assert entries == [
        ("a.txt", str(tmp_path / "a.txt"), False),
        ("b.jpg", str(tmp_path / "b.jpg"), False),
        ("deeper", str(tmp_path / "deeper"), True),
    ]
    assert {Path(path).name: reason for path, reason in told.items()} == {
        ".git": "a hidden folder",
        ".hidden.jpg": "a hidden file",
        "Thumbs.db": "left by the operating system",
        "broken": "a link to nothing",
        "pipe": "not a regular file",
        "run": "the folder of a run",
    }


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    assert usable_entries(str(tmp_path / "nowhere"), lambda *given: told.append(given)) is None
    assert told == [(str(tmp_path / "nowhere"), "cannot be read: No such file or directory")]


def test_a_link_is_the_folder_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert identity(str(tmp_path / "one")) == identity(str(tmp_path / "two")) != identity(str(tmp_path))
    with pytest.raises(OSError, match="No such file"):
        identity(str(tmp_path / "nowhere"))
