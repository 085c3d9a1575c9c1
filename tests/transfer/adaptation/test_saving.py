"""What is written is looked at in test_job.py, where there is an adaptation to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from regraft.errors import InputError
from regraft.transfer.adaptation.saving import check_folder


def test_a_new_or_empty_folder_can_be_written(tmp_path: Path) -> None:
    check_folder(tmp_path)
    check_folder(tmp_path / "new")


def test_a_file_or_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, received in ((tmp_path, "a folder with files in it"), (tmp_path / "file", "a file")):
        with pytest.raises(InputError, match=received):
            check_folder(place)
