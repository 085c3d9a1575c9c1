from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.errors import InputError
from regraft.images.unlabelled import NO_LABEL, is_plain_folder, read_plain_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        Image.fromarray(np.full((4, 4, 3), 80 * number, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "copy.PNG").write_bytes((tmp_path / "0.png").read_bytes())
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").write_text("of the day")
    (tmp_path / ".hidden.png").touch()
    return tmp_path


def test_the_images_of_a_plain_folder_have_no_labels(folder: Path) -> None:
    found = read_plain_folder(folder)
    assert [(image.name, image.label) for image in found.images] == [(f"{number}.png", NO_LABEL) for number in range(3)]
    assert found.classes == ()
    assert [(file.name, file.reason) for file in found.skipped] == [
        (".hidden.png", "a hidden file"),
        ("copy.PNG", "duplicate of 0.png"),
        ("empty.jpg", "empty file"),
        ("notes.txt", "not an image, by its extension"),
    ]


def test_a_folder_with_class_folders_is_not_plain(folder: Path) -> None:
    assert is_plain_folder(folder)
    (folder / "daisy").mkdir()
    assert not is_plain_folder(folder)


def test_neither_is_a_file_nor_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert not is_plain_folder(tmp_path)
    assert not is_plain_folder(tmp_path / "notes.txt")
    assert not is_plain_folder(tmp_path / "digits")


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone"):
        read_plain_folder(tmp_path / "gone")
