"""Answers for any number of image files: decoded ahead in threads while the network computes, memory constant."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from regraft._files import write_text
from regraft._progress import progress
from regraft.errors import InputError, UnreadableImageError
from regraft.features._filling import decoding_threads, in_order
from regraft.images._printable import printable
from regraft.images.labelled import SkippedFile
from regraft.images.listing import ListedImages
from regraft.runs.answer_files import AnswerWriter, answer_file, as_cell, check_answer_file, path_as_cell
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Pixels, Predictor

MANY = 32
"""From so many images on, many a second count for more than each as soon as can be."""

_AT_ONCE = 128  # images whose answers are given together
_AHEAD = 32  # decoded pictures waiting for the network, at most


class Answered(NamedTuple):
    """The answers for some images, and those among them that cannot be read.

    Attributes:
        images: their names, printable.
        probabilities: (images, classes) float32.
        skipped: the others, with the reason.
    """

    images: list[str]
    probabilities: npt.NDArray[np.float32]
    skipped: list[SkippedFile]


@dataclass(frozen=True)
class AnswersWritten:
    """What came of writing answers to a file.

    Attributes:
        path: the file.
        images: how many were answered.
        labels: how many got each label, the most frequent first.
        skipped: what was not answered, those that could not be read first.
        skipped_file: where they are listed; None if there are none.
        seconds: of decoding, computing and writing.
    """

    path: Path
    images: int
    labels: dict[str, int]
    skipped: list[SkippedFile]
    skipped_file: Path | None
    seconds: float


class Stopped(KeyboardInterrupt):
    """Ctrl-C while answers were written to a file.

    Attributes:
        images: how many of `total` were answered.
        kept: the file that has them; None if there are none.
    """

    def __init__(self, images: int, total: int, kept: Path | None) -> None:
        super().__init__()
        self.images = images
        self.total = total
        self.kept = kept


def open_predictor(run: RunFolder | Path | str, images: int) -> Predictor:
    """The run, made ready for so many images."""
    return Predictor(run, throughput=images >= MANY)


def predict_files(predictor: Predictor, files: Sequence[str], *, bar: bool = True) -> Generator[Answered]:
    """Gives the answers for image files as they come, in their order; an answer is `Predictor.predict`'s.

    Args:
        predictor: of the run.
        files: as the file system has them.
        bar: shows the progress on stderr, if that is a terminal.
    """
    views = predictor.views + 1
    ahead = max(decoding_threads(), _AHEAD // views)

    def decode(file: str) -> tuple[str, list[Pixels] | UnreadableImageError]:
        try:
            return file, predictor.seen(Path(file))
        except UnreadableImageError as error:
            return file, error

    with (
        progress("Predicting", len(files)) if bar else nullcontext(lambda count: None) as advance,
        ThreadPoolExecutor(decoding_threads(), thread_name_prefix="decode") as pool,
        closing(in_order(pool, decode, files, ahead)) as decoded,
    ):
        for _ in range(0, len(files), _AT_ONCE):
            images: list[str] = []
            skipped: list[SkippedFile] = []

            def readable(images: list[str] = images, skipped: list[SkippedFile] = skipped) -> Iterator[list[Pixels]]:
                for file, seen in islice(decoded, _AT_ONCE):
                    advance(1)
                    if isinstance(seen, UnreadableImageError):
                        skipped.append(SkippedFile(printable(file), str(seen)))
                        continue
                    images.append(printable(file))
                    yield seen

            yield Answered(images, predictor.probabilities(readable()), skipped)


def none_readable(skipped: Sequence[SkippedFile]) -> InputError:
    """Says that there was nothing to answer."""
    if not skipped:
        return InputError("There is no image to predict.", expected="image files, folders of them, or patterns")
    return InputError(
        f"None of the {len(skipped)} images can be read.",
        received="; ".join(f"{file.name}: {file.reason}" for file in skipped[:5]),
    )


def write_answers(run: RunFolder | Path | str, listed: ListedImages, output: Path) -> AnswersWritten:
    """Predicts image files into a file: `.csv`, `.parquet`, `.json` or `.jsonl`; see `answer_files`.

    What is not answered is listed, with the reason, in `NAME.skipped.csv` beside it.

    Raises:
        InputError: the run is not finished, no image can be read, or the file cannot be written.
        Stopped: Ctrl-C; what was answered is kept under another name.
    """
    check_answer_file(output)
    if not listed.files:
        raise none_readable(listed.skipped)
    start = time.perf_counter()
    predictor = open_predictor(run, len(listed.files))
    skipped: list[SkippedFile] = []
    labels: Counter[str] = Counter()
    name = printable(str(predictor.run.path))
    writer: AnswerWriter | None = None
    try:
        with (
            answer_file(output, predictor.classes, name, skipped) as writer,
            closing(predict_files(predictor, listed.files)) as answers,
        ):
            for images, probabilities, unreadable in answers:
                writer.write(images, probabilities)
                labels.update(predictor.classes[number] for number in probabilities.argmax(axis=1))
                skipped += unreadable
            skipped += listed.skipped
            if not writer.rows:
                raise none_readable(skipped)
    except KeyboardInterrupt as stop:
        done, kept = (writer.rows, writer.kept) if writer else (0, None)
        raise Stopped(done, len(listed.files), kept) from stop
    return AnswersWritten(
        output,
        labels.total(),
        dict(labels.most_common()),
        skipped,
        _write_skipped(output, skipped),
        time.perf_counter() - start,
    )


def _write_skipped(output: Path, skipped: Sequence[SkippedFile]) -> Path | None:
    """Lists what was left out beside the answers; a list of an earlier time goes."""
    path = output.with_name(f"{output.stem}.skipped.csv")
    if not skipped:
        with suppress(FileNotFoundError):
            path.unlink()
        return None
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["image", "reason"])
    lines.writerows([path_as_cell(file.name), as_cell(file.reason)] for file in skipped)
    write_text(path, text.getvalue())
    return path
