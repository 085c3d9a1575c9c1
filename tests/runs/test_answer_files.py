from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.images.labelled import SkippedFile
from regraft.runs.answer_files import ANSWER_FILES, AnswerWriter, answer_file, as_cell, check_answer_file, path_as_cell

CLASSES = ["daisy", '=1+1, "x"\n', "-1"]
NAMES = ["a.jpg", "-b, c.jpg", "\\udcff é\n.jpg"]
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [1e-9, 0.0, 1.0]], np.float32)
SKIPPED = [SkippedFile("bad.jpg", "empty file")]


def written(path: Path, rows: Iterable[int] = (0, 1, 2)) -> Path:
    with answer_file(path, CLASSES, "r", SKIPPED) as writer:
        for row in rows:
            writer.write(NAMES[row : row + 1], PROBABILITIES[row : row + 1])
        writer.write([], np.empty((0, 3), np.float32))
    return path


def interrupted(path: Path, rows: int, error: type[BaseException]) -> AnswerWriter:
    """The writer of a file after an error that came when so many rows were written."""

    def write() -> None:
        with answer_file(path, CLASSES, "r", SKIPPED) as writer:
            writers.append(writer)
            writer.write(NAMES[:rows], PROBABILITIES[:rows])
            raise error

    writers: list[AnswerWriter] = []
    with pytest.raises(error):
        write()
    return writers[0]


def columns(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv(tmp_path: Path) -> None:
    rows = columns(written(tmp_path / "answers.csv"))
    assert list(rows[0]) == ["image", "label", "probability", *(f"p({name})" for name in CLASSES)]
    assert [row["image"] for row in rows] == ["a.jpg", "./-b, c.jpg", NAMES[2]]
    assert [row["label"] for row in rows] == ["daisy", f"'{CLASSES[1]}", "-1"]
    numbers = [[float(row[f"p({name})"]) for name in CLASSES] for row in rows]
    np.testing.assert_allclose(numbers, PROBABILITIES, rtol=1e-6)
    assert [float(row["probability"]) for row in rows] == pytest.approx([0.7, 0.5, 1.0])


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft.runs.answer_files._PARQUET_ROWS", 2)
    path = written(tmp_path / "answers.parquet")
    table = pq.read_table(path)
    assert table.column_names == ["image", "label", "probability", *(f"p({name})" for name in CLASSES)]
    assert table["image"].to_pylist() == NAMES
    assert table["label"].to_pylist() == CLASSES
    np.testing.assert_array_equal(np.stack([table[f"p({name})"] for name in CLASSES], axis=1), PROBABILITIES)
    np.testing.assert_array_equal(table["probability"], PROBABILITIES.max(axis=1))
    assert pq.ParquetFile(path).num_row_groups == 2


def test_json_and_json_lines_say_the_same(tmp_path: Path) -> None:
    whole = json.loads(written(tmp_path / "answers.json").read_text())
    assert set(whole) == {"run", "predictions", "skipped"}
    assert whole["skipped"] == [{"image": "bad.jpg", "reason": "empty file"}]
    lines = written(tmp_path / "answers.JSONL").read_text().splitlines()
    assert [json.loads(line) for line in lines] == whole["predictions"]
    first, _, last = whole["predictions"]
    assert (first["image"], first["label"], first["probability"]) == ("a.jpg", "daisy", pytest.approx(0.7))
    assert list(last["probabilities"]) == ["-1", "daisy", CLASSES[1]]


@pytest.mark.parametrize("suffix", ANSWER_FILES)
def test_no_answers_make_a_file_that_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"answers{suffix}", rows=())
    content = {
        ".csv": lambda: columns(path),
        ".parquet": lambda: pq.read_table(path).to_pylist(),
        ".json": lambda: json.loads(path.read_text())["predictions"],
        ".jsonl": lambda: path.read_text().splitlines(),
    }[suffix]()
    assert content == []


@pytest.mark.parametrize("suffix", ANSWER_FILES)
def test_ctrl_c_leaves_what_was_answered_under_another_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"answers{suffix}"
    path.write_text("of before")
    writer = interrupted(path, 2, KeyboardInterrupt)
    assert path.read_text() == "of before"
    assert writer.kept is not None
    assert writer.kept.name == f"answers.partial{suffix}"
    assert sorted(tmp_path.iterdir()) == sorted([path, writer.kept])
    whole = written(tmp_path / f"whole{suffix}", rows=(0, 1))
    if suffix == ".json":
        assert json.loads(writer.kept.read_text())["predictions"] == json.loads(whole.read_text())["predictions"]
    elif suffix == ".parquet":
        assert pq.read_table(writer.kept).equals(pq.read_table(whole))
    else:
        assert writer.kept.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("suffix", ANSWER_FILES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_where_nothing_is_known_or_anything_failed(
    tmp_path: Path, suffix: str, error: type[BaseException]
) -> None:
    writer = interrupted(tmp_path / f"answers{suffix}", 0 if error is KeyboardInterrupt else 2, error)
    assert writer.kept is None
    assert not list(tmp_path.iterdir())


@given(st.text(max_size=8))
def test_no_cell_is_a_formula(text: str) -> None:
    cell, path = as_cell(text), path_as_cell(text)
    dangerous = ("=", "+", "-", "@", "\t", "\r")
    assert not path.startswith(dangerous)
    assert path.removeprefix("./") == text.removeprefix("./")
    if cell.startswith(dangerous):
        float(cell)  # a number, and nothing else
    assert cell in (text, f"'{text}")


@pytest.mark.parametrize("name", ["answers", "answers.xlsx", "photo.jpg", "folder.csv"])
def test_what_holds_no_answers_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        check_answer_file(tmp_path / name)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made there"):
        written(tmp_path / "file" / "answers.csv")
