"""The export folder: exported files that were checked, and `export.json`, which says what they are."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regraft._files import explained_disk_errors, sha256_of_file, write_text
from regraft.deployment.export_format import ExportFacts
from regraft.errors import InputError
from regraft.runs.folder import RunFolder

_FACTS = "export.json"


class ExportFolder:
    """Where the exports of one run go; a file in it is there under its own name only when it has been checked.

    Args:
        path: the folder; it is made when the first export is put into it.
        run: whose exports they are.
        facts: what they tell about themselves.

    Attributes:
        content: of `export.json`: `name`, `run`, `facts`, and `exports` by format and precision.
        outdated: the names of earlier exports that were of another network (the run was made anew since); they are
            removed when the first new one is put here.

    Raises:
        InputError: there are files in the folder that are no exports.
    """

    def __init__(self, path: Path, run: RunFolder, facts: ExportFacts) -> None:
        self.path = path
        self._run = run
        identity = run_identity(run)
        before = self._before()
        same = before.get("run", {}).get("identity") == identity
        self.outdated: list[str] = [] if same else [one["file"] for one in before.get("exports", {}).values()]
        self.content: dict[str, Any] = {
            "name": facts.name,
            "description": facts.description,
            "run": {"folder": run.path.resolve().name, "identity": identity},
            "facts": {
                "classes": facts.classes,
                "size": list(facts.size),
                "input": "image: uint8 RGB (batch, height, width, 3)",
                "output": "probabilities: float32 (batch, classes)",
                **facts.metadata,
            },
            "exports": before["exports"] if same else {},
        }

    def _before(self) -> dict[str, Any]:
        file = self.path / _FACTS
        if not file.is_file():
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise InputError(
                    f"{self.path} exists already, and is no export folder; nothing in it was touched.",
                    expected="a new or empty folder, or one that `regraft export` has made",
                    received="a folder with files in it" if self.path.is_dir() else "a file",
                    hint="choose another folder with --output",
                )
            return {}
        try:
            content = json.loads(file.read_text("utf-8"))
            for one in content["exports"].values():
                if Path(one["file"]).name != one["file"]:  # these names are removed when they are outdated
                    raise ValueError(f"{one['file']!r} is no plain file name")
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise InputError(
                f"{file} is damaged.", received=str(error), hint="remove the folder, or choose another with --output"
            ) from error
        return dict(content)

    @contextmanager
    def new_export(self, record: dict[str, Any]) -> Iterator[Path]:
        """Gives a temporary name for an export; it gets its own when the block ends without an error.

        Args:
            record: what `export.json` is to say of it, with `format`, `precision` and `file`; what the block adds to
                it is kept too. It takes the place of an earlier export of the same format and precision.

        Raises:
            InputError: the disk is full or the folder cannot be written; nothing is left behind.
        """
        final = self.path / record["file"]
        temporary = self.path / f".unfinished-{uuid.uuid4().hex[:12]}-{record['file']}"
        try:
            with explained_disk_errors(final):
                self.path.mkdir(parents=True, exist_ok=True)
                yield temporary
                for name in [*self.outdated, record["file"]]:
                    _remove(self.path / name)
                self.outdated = []
                temporary.replace(final)
        finally:
            _remove(temporary)
        record["bytes"] = size_of(final)
        self.content["exports"][f"{record['format']} {record['precision']}"] = record
        self.write()

    def write(self) -> None:
        """Writes `export.json` and `labels.txt`, a class a line as in the run folder."""
        RunFolder(self.path).write_classes(self.content["facts"]["classes"])
        write_text(self.path / _FACTS, json.dumps(self.content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def run_identity(run: RunFolder) -> str:
    """What changes when a run answers otherwise: SHA-256 of its head's file, in which the base is named by its hash."""
    return sha256_of_file(run.path / "head.safetensors")


def size_of(path: Path) -> int:
    """Of a file or of all files in a folder, in bytes."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
