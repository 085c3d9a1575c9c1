from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from regraft.errors import InputError
from regraft.studies._runs_file import read_lines, write_lines


@dataclass(frozen=True)
class Made:
    name: str
    accuracy: float


def test_what_is_written_is_read_in_its_order(tmp_path: Path) -> None:
    assert read_lines(tmp_path, lambda row: Made(**row)) == []
    runs = [Made("ü", 0.1 + 0.2), Made("a\nb", 1.0)]
    write_lines(tmp_path, runs)
    assert read_lines(tmp_path, lambda row: Made(**row)) == runs


@pytest.mark.parametrize("text", ["{", "3\n", '{"name": "x"}\n'])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.jsonl").write_text(text)
    with pytest.raises(InputError, match="damaged"):
        read_lines(tmp_path, lambda row: Made(**row))
