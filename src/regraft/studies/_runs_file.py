"""`runs.jsonl` in a study folder: the trainings that are done, behind which a stopped study goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from regraft._files import write_text
from regraft.errors import InputError

Run = TypeVar("Run")


def read_lines(folder: Path, of: Callable[[dict[str, Any]], Run]) -> list[Run]:
    """The trainings in a study folder, in the order they were done; none where there is no file yet.

    Args:
        folder: of the study.
        of: makes a training of the object in a line; ValueError, TypeError or KeyError where it is none.

    Raises:
        InputError: the file is damaged.
    """
    file = _file(folder)
    if not file.is_file():
        return []
    try:
        return [of(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file} is damaged.", received=str(error), hint="begin the study anew") from error


def write_lines(folder: Path, runs: Sequence[Any]) -> None:
    """Writes all trainings, dataclass instances, whole or not at all."""
    write_text(_file(folder), "".join(json.dumps(asdict(run)) + "\n" for run in runs))


def _file(folder: Path) -> Path:
    return folder / "runs.jsonl"
