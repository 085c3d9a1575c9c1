"""The run folder: what lies in it, and how it is written and read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._files import atomic_path, explained_disk_errors, write_text
from regraft.errors import InputError
from regraft.images.labelled import LabelledImage, SkippedFile
from regraft.runs.config import TrainConfig, config_text, make_config, read_config
from regraft.runs.head import SavedHead, read_head, write_head


class RunFolder:
    """A run on disk. Every file is whole or absent; `metrics.json` is written once test has been measured.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def model(self) -> Path:
        """The joined model N∘F, uint8 RGB pixels to class probabilities."""
        return self.path / "model.keras"

    @property
    def report(self) -> Path:
        """The page with the results."""
        return self.path / "report.html"

    @property
    def complete(self) -> bool:
        """Whether the run went through to its report."""
        written = self.report.is_file() and self.model.is_file() and (self.path / "metrics.json").is_file()
        return written and "report" in self.metrics()["seconds"]

    def config(self) -> TrainConfig:
        """What the run was asked to do."""
        return make_config(read_config(self.path / "config.toml"))

    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        with self._undamaged("metrics.json"):
            return dict(json.loads(self._text("metrics.json")))

    def classes(self) -> list[str]:
        """The class names in the order of the model's outputs."""
        return [json.loads(line) if line.startswith('"') else line for line in self._text("labels.txt").splitlines()]

    def head(self) -> SavedHead:
        """N, and which F it was trained on."""
        return read_head(self.path / "head.safetensors")

    def table(self, name: str) -> Any:
        """`splits` or `predictions` as a `pyarrow.Table`."""
        import pyarrow.parquet as pq

        self._require(f"{name}.parquet")
        with self._undamaged(f"{name}.parquet"):
            return pq.read_table(self.path / f"{name}.parquet")

    def history(self) -> list[dict[str, Any]]:
        """The rows of `history.jsonl`: one for each phase, head and epoch."""
        with self._undamaged("history.jsonl"):
            return [json.loads(line) for line in self._text("history.jsonl").splitlines()]

    def skipped(self) -> list[SkippedFile]:
        """What was left out, and why."""
        rows = csv.reader(io.StringIO(self._text("skipped.csv"), newline=""))
        next(rows)
        return [SkippedFile(*row) for row in rows]

    @contextmanager
    def _undamaged(self, name: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, KeyError, OSError) as error:  # json's and Arrow's own errors are ValueErrors
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{self.path / name} is damaged.",
                received=str(error).splitlines()[0],
                hint="train again: regraft train --config " + str(self.path / "config.toml"),
            ) from error

    def _require(self, name: str) -> None:
        if not (self.path / name).is_file():
            raise InputError(
                f"{self.path} is no finished run.",
                expected=f"a folder made by `regraft train`, with {name} in it",
                received="no such folder" if not self.path.is_dir() else f"a folder without {name}",
                hint=f"regraft train --resume {self.path}" if (self.path / "config.toml").is_file() else None,
            )

    def _text(self, name: str) -> str:
        self._require(name)
        return (self.path / name).read_bytes().decode()

    def write_config(self, config: TrainConfig) -> None:
        """Writes `config.toml`, the first file of a run."""
        write_text(self.path / "config.toml", config_text(config))

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Writes `NAME.json`."""
        write_text(
            self.path / f"{name}.json", json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )

    def write_classes(self, classes: Sequence[str]) -> None:
        """Writes `labels.txt`, a class a line; a name that would not survive that is written as a JSON string."""
        lines = [json.dumps(name) if name.splitlines() != [name] or name[0] == '"' else name for name in classes]
        write_text(self.path / "labels.txt", "".join(f"{line}\n" for line in lines))

    def write_head(self, head: SavedHead) -> None:
        """Writes `head.safetensors`."""
        write_head(self.path / "head.safetensors", head)

    def write_history(self, rows: Iterable[dict[str, Any]]) -> None:
        """Writes `history.jsonl`."""
        write_text(self.path / "history.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def write_skipped(self, skipped: Iterable[SkippedFile]) -> None:
        """Writes `skipped.csv`."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["file", "reason"])
        writer.writerows([file.name, file.reason] for file in skipped)
        write_text(self.path / "skipped.csv", text.getvalue())

    def write_splits(self, images: Sequence[LabelledImage], splits: Sequence[str]) -> None:
        """Writes `splits.parquet`: name, label, split, group and content hash of every image used."""
        columns = {
            "image": [image.name for image in images],
            "label": [image.label for image in images],
            "split": list(splits),
            "group": [image.group for image in images],
            "sha256": [image.sha256 for image in images],
        }
        self._write_table("splits", columns)

    def write_predictions(
        self,
        images: Sequence[LabelledImage],
        splits: Sequence[str],
        probabilities: npt.NDArray[np.float32],
        classes: Sequence[str],
    ) -> None:
        """Writes `predictions.parquet`: for each image the label, the answer and the probability of every class."""
        best = probabilities.argmax(axis=1)
        columns: dict[str, Any] = {
            "image": [image.name for image in images],
            "sha256": [image.sha256 for image in images],
            "split": list(splits),
            "label": [image.label for image in images],
            "predicted": [classes[index] for index in best],
            "probability": probabilities[np.arange(len(best)), best],
        }
        columns |= {f"p({name})": probabilities[:, index] for index, name in enumerate(classes)}
        self._write_table("predictions", columns)

    def _write_table(self, name: str, columns: dict[str, Any]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with atomic_path(self.path / f"{name}.parquet") as temporary:
            pq.write_table(pa.table(columns), temporary)


def create_run_folder(path: Path | None, default: Path) -> RunFolder:
    """Makes a new, empty run folder.

    Args:
        path: where; None takes the default, or the first of `DEFAULT-2`, `DEFAULT-3` … that is free.
        default: such as `runs/NAME`.

    Raises:
        InputError: the folder exists and is not empty.
    """
    if path is None:
        return RunFolder(next_free_folder(default))
    check_output(path)
    with explained_disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return RunFolder(path)


def next_free_folder(path: Path) -> Path:
    """Makes the folder, or the first of `NAME-2`, `NAME-3` … beside it that is free."""
    number = 1
    while True:
        candidate = path if number == 1 else path.with_name(f"{path.name}-{number}")
        if not candidate.exists():
            with explained_disk_errors(candidate):
                candidate.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):  # another process may be faster
                    candidate.mkdir()
                    return candidate
        number += 1


def check_output(path: Path) -> None:
    """Makes sure that a run can be put into `path`.

    Raises:
        InputError: it exists and is not an empty folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        unfinished = (path / "config.toml").is_file() and not RunFolder(path).complete
        raise InputError(
            f"{path} exists already; nothing in it was touched.",
            expected="a new or empty folder",
            received="an unfinished run" if unfinished else "a folder with files in it" if path.is_dir() else "a file",
            hint=f"regraft train --resume {path}, or another folder with --output"
            if unfinished
            else "choose another folder with --output",
        )
