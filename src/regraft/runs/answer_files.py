"""Answers for any number of images on their way into a file: CSV, Parquet, JSON, JSON lines."""

from __future__ import annotations

import csv
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft._files import atomic_path
from regraft.errors import InputError
from regraft.images.labelled import SkippedFile
from regraft.runs.prediction import answer

Probabilities = npt.NDArray[np.float32]

_PARQUET_ROWS = 4096  # a row group: what is held in memory
_DIGITS = ".7g"  # of a probability in text
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for one, at the start of a cell
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE | re.ASCII)


class AnswerWriter(ABC):
    """Writes answers as they come.

    Attributes:
        rows: how many are written.
        kept: where the rows went that a Ctrl-C left; None unless there was one.

    Args:
        path: of the file.
        classes: in the order of the probabilities' columns.
        run: the name of the run, for a JSON object.
    """

    def __init__(self, path: Path, classes: Sequence[str], run: str) -> None:
        self.path = path
        self.classes = list(classes)
        self.run = run
        self.rows = 0
        self.kept: Path | None = None

    def write(self, images: Sequence[str], probabilities: Probabilities) -> None:
        """Adds the answers for images of those names, (images, classes)."""
        self._write(images, probabilities)
        self.rows += len(images)

    @abstractmethod
    def _write(self, images: Sequence[str], probabilities: Probabilities) -> None: ...

    @abstractmethod
    def finish(self, skipped: Sequence[SkippedFile]) -> None:
        """Ends the file, so that it can be read."""

    @abstractmethod
    def abandon(self) -> None:
        """Lets go of the file, whatever state it is in."""


class _TextWriter(AnswerWriter):
    def __init__(self, path: Path, classes: Sequence[str], run: str) -> None:
        super().__init__(path, classes, run)
        self.file = path.open("w", encoding="utf-8", errors="backslashreplace", newline="")

    def finish(self, skipped: Sequence[SkippedFile]) -> None:
        self.file.close()

    def abandon(self) -> None:
        self.file.close()


class CSVWriter(_TextWriter):
    """A line an image: `image,label,probability` and `p(NAME)` for each class; the header says which.

    No cell is a formula to a spreadsheet. A name that looks like one becomes the same path from `./` on, a label gets
    an apostrophe in front. Parquet and JSON hold both as they are.
    """

    def __init__(self, path: Path, classes: Sequence[str], run: str) -> None:
        super().__init__(path, classes, run)
        self._lines = csv.writer(self.file, lineterminator="\n")
        self._lines.writerow(["image", "label", "probability", *(f"p({name})" for name in classes)])
        self._labels = [as_cell(name) for name in classes]

    def _write(self, images: Sequence[str], probabilities: Probabilities) -> None:
        best = probabilities.argmax(axis=1)
        for image, chosen, row in zip(images, best, probabilities.tolist(), strict=True):
            numbers = [format(value, _DIGITS) for value in row]
            self._lines.writerow([path_as_cell(image), self._labels[chosen], numbers[chosen], *numbers])


class JSONLinesWriter(_TextWriter):
    """An object a line: `image`, `label`, `probability` and `probabilities`, likeliest first."""

    def _write(self, images: Sequence[str], probabilities: Probabilities) -> None:
        for image, row in zip(images, probabilities, strict=True):
            self.file.write(json_answer(image, self.classes, row) + "\n")


class JSONWriter(_TextWriter):
    """One object, as `regraft predict --json` prints it: `run`, `predictions`, `skipped`."""

    def _write(self, images: Sequence[str], probabilities: Probabilities) -> None:
        for number, (image, row) in enumerate(zip(images, probabilities, strict=True), self.rows):
            before = ",\n" if number else json_start(self.run) + "\n"
            self.file.write(before + json_answer(image, self.classes, row))

    def finish(self, skipped: Sequence[SkippedFile]) -> None:
        self.file.write(("\n" if self.rows else json_start(self.run)) + json_end(skipped) + "\n")
        super().finish(skipped)


class ParquetWriter(AnswerWriter):
    """The columns of the CSV: text, text, and float32 for all probabilities."""

    def __init__(self, path: Path, classes: Sequence[str], run: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        super().__init__(path, classes, run)
        numbers = ["probability", *(f"p({name})" for name in classes)]
        self._schema = pa.schema(
            [("image", pa.string()), ("label", pa.string()), *((name, pa.float32()) for name in numbers)]
        )
        self._table = pq.ParquetWriter(path, self._schema)
        self._images: list[str] = []
        self._waiting: list[Probabilities] = []

    def _write(self, images: Sequence[str], probabilities: Probabilities) -> None:
        self._images += images
        self._waiting.append(probabilities)
        if len(self._images) >= _PARQUET_ROWS:
            self._write_group()

    def _write_group(self) -> None:
        import pyarrow as pa

        if not self._images:
            return
        probabilities = np.concatenate(self._waiting)
        labels = [self.classes[number] for number in probabilities.argmax(axis=1)]
        columns = [pa.array(self._images), pa.array(labels), pa.array(probabilities.max(axis=1))]
        columns += [pa.array(np.ascontiguousarray(column)) for column in probabilities.T]
        self._table.write_table(pa.table(columns, schema=self._schema))
        self._images, self._waiting = [], []

    def finish(self, skipped: Sequence[SkippedFile]) -> None:
        self._write_group()
        self._table.close()

    def abandon(self) -> None:
        self._table.close()


ANSWER_FILES: dict[str, Callable[[Path, Sequence[str], str], AnswerWriter]] = {
    ".csv": CSVWriter,
    ".parquet": ParquetWriter,
    ".json": JSONWriter,
    ".jsonl": JSONLinesWriter,
}


def check_answer_file(path: Path) -> None:
    """Makes sure that a file of that name can hold answers.

    Raises:
        InputError: its suffix says nothing, or it is a folder.
    """
    if path.suffix.lower() not in ANSWER_FILES or path.is_dir():
        raise InputError(
            f"Answers cannot be written to {path}.",
            expected="a file that ends in " + ", ".join(ANSWER_FILES),
            received="a folder" if path.is_dir() else path.suffix or "no suffix",
        )


@contextmanager
def answer_file(path: Path, classes: Sequence[str], run: str, skipped: Sequence[SkippedFile]) -> Iterator[AnswerWriter]:
    """Gives the writer of a file, which gets its name once it is whole.

    After Ctrl-C, what was answered until then is kept as a whole file of another name, `NAME.partial.csv`, which is
    the writer's `kept`.

    Args:
        path: its suffix says in which form.
        classes: in the order of the probabilities' columns.
        run: the name of the run, for a JSON object.
        skipped: what could not be answered; looked at in the end.

    Raises:
        InputError: the suffix says nothing, the disk is full, or the place cannot be written.
    """
    check_answer_file(path)
    with atomic_path(path) as temporary:
        writer = ANSWER_FILES[path.suffix.lower()](temporary, classes, run)
        try:
            yield writer
            writer.finish(skipped)
        except KeyboardInterrupt:
            if writer.rows:
                writer.finish(skipped)
                partial = path.with_name(f"{path.stem}.partial{path.suffix}")
                temporary.replace(partial)
                writer.kept = partial
            raise
        finally:
            writer.abandon()


def json_start(run: str) -> str:
    """The beginning of the one object that holds all answers, up to the first of them."""
    return f'{{"run": {json.dumps(run)}, "predictions": ['


def json_answer(image: str, classes: Sequence[str], probabilities: Probabilities) -> str:
    """One answer as an object in a line, its classes likeliest first."""
    return json.dumps(vars(answer(image, classes, probabilities)), allow_nan=False)


def json_end(skipped: Sequence[SkippedFile]) -> str:
    """What follows the last answer."""
    return '], "skipped": ' + json.dumps([{"image": file.name, "reason": file.reason} for file in skipped]) + "}"


def as_cell(text: str) -> str:
    """A text for a CSV file that no spreadsheet takes for a formula; a plain number stays as it is.

    An apostrophe in front is what spreadsheets themselves use for that (OWASP, "CSV Injection").
    """
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def path_as_cell(path: str) -> str:
    """A path for a CSV file that no spreadsheet takes for a formula: the same path, from `./` on."""
    return f"./{path}" if path.startswith(_FORMULA) else path
