from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from regraft.training._progress_file import Progress, read_progress, write_progress

HISTORY: list[dict[str, Any]] = [{"epoch": 0, "val_loss": 0.1}, {"epoch": 1, "loss": None, "val_loss": 1 / 3}]


def progress() -> Progress:
    state = [np.float32([[1, 2], [3, 4]]).T, np.array(7), np.uint32([5, 6]), np.zeros((0, 3), np.float16)]
    best = [np.float32([np.nan, -0.0]), *(np.float32(number) for number in range(11))]
    return Progress("a purpose", HISTORY, 1, state, best)


def test_everything_comes_back_in_its_order_shape_and_type(tmp_path: Path) -> None:
    kept, path = progress(), tmp_path / "folder" / "kept.safetensors"
    write_progress(path, kept)
    found = read_progress(path, "a purpose")
    assert found is not None
    assert (found.purpose, found.history, found.best) == (kept.purpose, kept.history, kept.best)
    for name in ("state", "best_weights"):
        for one, other in zip(getattr(found, name), getattr(kept, name), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other, strict=True)  # a number in no list stays one
    assert {field.name for field in fields(Progress)} == {"purpose", "history", "best", "state", "best_weights"}


def test_what_is_not_there_or_of_another_purpose_is_not_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    assert read_progress(path, "a purpose") is None
    assert read_progress(tmp_path, "a purpose") is None  # a folder
    write_progress(path, progress())
    assert read_progress(path, "another purpose") is None


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"nonsense",
        b"\xff" * 400,
        "cut",
        save({"state00000": np.zeros(2)}),
        save({"state00000": np.zeros(2)}, {"regraft": "{"}),
        save({"state00000": np.zeros(2)}, {"regraft": "[1]"}),
        save({"state00000": np.zeros(2)}, {"regraft": json.dumps({"purpose": "a purpose"})}),
    ],
)
def test_a_damaged_file_is_as_none(tmp_path: Path, damaged: bytes | str) -> None:
    path = tmp_path / "kept"
    write_progress(path, progress())
    path.write_bytes(path.read_bytes()[:-5] if isinstance(damaged, str) else damaged)
    assert read_progress(path, "a purpose") is None
