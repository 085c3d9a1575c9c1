"""`regraft predict`."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regraft.cli._output import note, percent, say, say_json, shown

if TYPE_CHECKING:
    from regraft.images.labelled import SkippedFile
    from regraft.images.listing import ListedImages
    from regraft.runs.bulk import AnswersWritten

_NAMED = 10  # files left out that are named on stderr


def predict(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    images: Annotated[
        list[str],
        typer.Argument(help="Image files, folders, quoted patterns ('photos/**/*.jpg'), - for names on stdin."),
    ],
    output: Annotated[
        Path | None, typer.Option(help="Write all answers to a file: .csv, .parquet, .json or .jsonl.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to show for each image.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what is on images, with probabilities: one image, or folders of a hundred thousand."""
    from regraft.images.listing import list_images
    from regraft.runs.answer_files import check_answer_file
    from regraft.runs.folder import RunFolder

    if output is not None:
        check_answer_file(output)
    RunFolder(run).classes()  # before a long walk
    listed = list_images(_with_stdin(images))
    if listed.repeated:
        note(f"{listed.repeated:,} images were named more than once; each is answered once.")
    if output is not None:
        _to_file(run, listed, output, json)
    elif json:
        _as_object(run, listed)
    else:
        _as_lines(run, listed, top)


def _with_stdin(images: list[str]) -> list[str]:
    """The arguments, and for `-` the names on stdin, one a line or (`find -print0`) ended by null bytes."""
    if "-" not in images:
        return images
    content = sys.stdin.buffer.read()
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    at = images.index("-")
    rest = [name for name in images[at + 1 :] if name != "-"]
    return [*images[:at], *(os.fsdecode(line) for line in lines if line), *rest]


def _to_file(run: Path, listed: ListedImages, output: Path, json: bool) -> None:
    from regraft.runs.bulk import Stopped, write_answers

    replaced = output.is_file()
    try:
        done = write_answers(run, listed, output)
    except Stopped as stop:
        kept = f"the answers until then are in {shown(stop.kept)}" if stop.kept else "there is no file"
        note(f"Stopped after {stop.images:,} of {stop.total:,} images: {kept}. {shown(output)} was not written.")
        raise
    if replaced:
        note(f"Replaced {shown(output)}, which was there before.")
    _name_skipped(done.skipped, done.skipped_file)
    if json:
        say_json(
            {
                "run": str(run),
                "output": str(output),
                "images": done.images,
                "labels": done.labels,
                "skipped": len(done.skipped),
                "skipped_file": str(done.skipped_file) if done.skipped_file else None,
                "seconds": round(done.seconds, 3),
            }
        )
        return
    say(_summary(done))


def _summary(done: AnswersWritten) -> str:
    counted = [f"{shown(label)} {count:,}" for label, count in list(done.labels.items())[:_NAMED]]
    more = len(done.labels) - len(counted)
    speed = f"{done.seconds:.1f} s, {done.images / done.seconds:.0f} a second"
    return (
        f"{done.images:,} images answered in {shown(done.path)}  ({speed})\n"
        + ", ".join(counted)
        + (f" and {more:,} classes more" if more else "")
    )


def _as_lines(run: Path, listed: ListedImages, top: int) -> None:
    from regraft.runs.bulk import none_readable, open_predictor, predict_files
    from regraft.runs.prediction import answer

    predictor = open_predictor(run, len(listed.files))
    skipped: list[SkippedFile] = []
    answered = 0
    # Where the lines go to the terminal, a bar would be written over and over among them.
    with closing(predict_files(predictor, listed.files, bar=not sys.stdout.isatty())) as answers:
        for images, probabilities, unreadable in answers:
            skipped += unreadable
            answered += len(images)
            for image, row in zip(images, probabilities, strict=True):
                ranked = list(answer(image, predictor.classes, row).probabilities.items())[:top]
                say(f"{shown(image)}: " + ", ".join(f"{shown(label)} {percent(value)}" for label, value in ranked))
    skipped += listed.skipped
    if not answered:
        raise none_readable(skipped)
    _name_skipped(skipped)


def _as_object(run: Path, listed: ListedImages) -> None:
    """One JSON object, written answer by answer."""
    from regraft.images._printable import printable
    from regraft.runs.answer_files import json_answer, json_end, json_start
    from regraft.runs.bulk import none_readable, open_predictor, predict_files

    predictor = open_predictor(run, len(listed.files))
    skipped: list[SkippedFile] = []
    answered = 0
    with closing(predict_files(predictor, listed.files)) as answers:
        for images, probabilities, unreadable in answers:
            skipped += unreadable
            for image, row in zip(images, probabilities, strict=True):
                before = ", " if answered else json_start(printable(str(run)))
                say(before + json_answer(image, predictor.classes, row))
                answered += 1
    skipped += listed.skipped
    if not answered:
        raise none_readable(skipped)
    say(json_end(skipped))


def _name_skipped(skipped: list[SkippedFile], path: Path | None = None) -> None:
    for file in skipped[:_NAMED]:
        note(f"Left out {shown(file.name)}: {file.reason}")
    if len(skipped) > _NAMED:
        note(f"… and {len(skipped) - _NAMED:,} more, {len(skipped):,} in all.")
    if path is not None:
        note(f"What was left out is listed in {shown(path)}.")
