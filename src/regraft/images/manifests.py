"""A table that lists images and their labels (CSV or JSON Lines), as a collection."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from regraft.errors import InputError
from regraft.images._assembly import assemble, check_asked
from regraft.images._hashing import Candidate, hash_images
from regraft.images._printable import printable
from regraft.images.folders import SPLIT_WORDS
from regraft.images.labelled import ImageCollection, SkippedFile, Split

MANIFEST_SUFFIXES = (".csv", ".jsonl")
_COLUMNS = "file_name,label[,split][,group]"


def read_manifest(path: Path, classes: Collection[str] | None = None) -> ImageCollection:
    """The images a manifest lists.

    A CSV file with a header line, or one JSON object per line (`.jsonl`), in UTF-8. Columns: `file_name`, relative to
    the manifest's folder or absolute; `label`; if wanted `split` (`train`, `val`, `valid`, `validation`, `test`, or
    empty) and `group`; others are ignored. Numbers in JSON are taken as their text.

    Rows without a file name or a label, missing, empty and unreadable files and duplicates are in `skipped`, with the
    reason.

    Args:
        path: the manifest.
        classes: keep only these labels, and of `skipped` what has one of them or none; None for all.

    Raises:
        InputError: one of `classes` is no label there; the manifest cannot be read, lacks a column or has no rows, a
            split is none of the words above, or not one of its files is there.
    """
    path = Path(path)
    candidates: list[Candidate] = []
    skipped: list[SkippedFile] = []
    labels: set[str] = set()
    lines = 0
    for line, row in _rows(path):
        lines += 1
        name, label, group, word = (_text(row, key, path, line) for key in ("file_name", "label", "group", "split"))
        label, group, split = printable(label.strip()), group.strip(), _split(word, path, line)
        if label:
            labels.add(label)
        if label and classes is not None and label not in classes:
            continue
        if not name.strip():
            skipped.append(SkippedFile(f"line {line}", "no file_name"))
        elif not label:
            skipped.append(SkippedFile(printable(name), f"no label (line {line})"))
        else:
            place = path.parent / name
            candidates.append(Candidate(printable(name), label, place, split, printable(group) or None))
    if not lines:
        raise InputError(f"The manifest {path} has no rows.", expected=f"a row for each image: {_COLUMNS}")
    check_asked(printable(path.stem), classes, labels)  # before the long work
    found, unread = hash_images(sorted(candidates, key=lambda candidate: candidate.name))
    if candidates and not found and all(file.reason == "no such file" for file in unread):
        raise InputError(
            f"None of the {len(candidates)} files that {path} lists is there.",
            expected=f"names relative to its folder, {path.parent.resolve()}",
            received=", ".join(repr(file.name) for file in unread[:3]) + (", …" if len(unread) > 3 else ""),
            hint="move the manifest to the folder its names start from, or correct the names",
        )
    return assemble(printable(path.stem), found, (*skipped, *unread), labels, classes)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number (of the last line of the row) and row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _json_rows(file, path) if path.suffix.lower() == ".jsonl" else _csv_rows(file, path)
    except UnicodeDecodeError as error:
        raise InputError(
            f"The manifest {path} is not in UTF-8.", received=str(error), hint="save it as UTF-8"
        ) from error
    except OSError as error:
        raise InputError(f"The manifest {path} cannot be read.", received=error.strerror or str(error)) from error


def _csv_rows(file: Any, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file, strict=True)
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        _check_columns(set(reader.fieldnames), path, ", ".join(reader.fieldnames) or "an empty file")
        for row in reader:
            if None in row:
                raise InputError(
                    f"Line {reader.line_num} of {path} has more fields than its header.",
                    expected=f"{len(reader.fieldnames)}: {', '.join(reader.fieldnames)}",
                    received=f"{len(row) - 1 + len(row[None])}",
                    hint='put names that contain a comma in quotes: "a, b.jpg"',
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"Line {reader.line_num} of {path} is not CSV.", received=str(error)) from error


def _json_rows(file: Any, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    columns: set[str] = set()
    rows = []
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"Line {line} of {path} is not JSON.", received=str(error)) from error
        if not isinstance(row, dict):
            raise InputError(
                f"Line {line} of {path} is not a JSON object.",
                expected='{"file_name": "a.jpg", "label": "daisy"}',
                received=text.strip()[:80],
            )
        columns.update(row)
        rows.append((line, row))
    if rows:  # an object may lack a key; what no object has is a missing column
        _check_columns(columns, path, ", ".join(sorted(columns)) or "no keys")
    yield from rows


def _check_columns(columns: set[str], path: Path, received: str) -> None:
    missing = [name for name in ("file_name", "label") if name not in columns]
    if missing:
        raise InputError(
            f"The manifest {path} lacks the column{'s' if len(missing) > 1 else ''} {' and '.join(missing)}.",
            expected=_COLUMNS,
            received=received,
            hint="name the columns in the first line, separated by commas"
            if path.suffix.lower() != ".jsonl"
            else "give every object these keys",
        )


def _text(row: dict[str, Any], key: str, path: Path, line: int) -> str:
    value = row.get(key)
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise InputError(f"Line {line} of {path} has no text as its {key}.", expected="text", received=repr(value)[:80])
    return value if isinstance(value, str) else json.dumps(value)


def _split(word: str, path: Path, line: int) -> Split | None:
    word = word.strip().lower()
    if not word:
        return None
    if word not in SPLIT_WORDS:
        raise InputError(
            f"Line {line} of {path} has an unknown split.",
            expected=f"{', '.join(SPLIT_WORDS)}, or nothing",
            received=repr(word),
        )
    return SPLIT_WORDS[word]
