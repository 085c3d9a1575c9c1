"""The study folder: what lies in it, and how it is written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regraft._files import explained_disk_errors, write_text
from regraft.errors import InputError
from regraft.runs.config import read_config
from regraft.runs.folder import RunFolder, next_free_folder
from regraft.studies._facts_file import read_facts, write_facts
from regraft.studies.cells import Cell, cells_of
from regraft.studies.declaration import Study, read_study, study_text
from regraft.studies.reading import read_results
from regraft.studies.results import Results


class StudyFolder:
    """A study on disk.

    `study.toml` says what was asked; `NAME.study.toml` declares each grid of it, whose runs lie in `runs/NAME/`;
    `recommended/` is the whole run of the recommended setting; `study.json` holds what was found.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"StudyFolder({str(self.path)!r})"

    @property
    def html(self) -> Path:
        """The report as a page."""
        return self.path / "report.html"

    @property
    def pdf(self) -> Path:
        """The report to print."""
        return self.path / "report.pdf"

    @property
    def recommended(self) -> RunFolder:
        """The run of the recommended setting, the only one that is measured on the test images."""
        return RunFolder(self.path / "recommended")

    @property
    def complete(self) -> bool:
        """Whether the study went through to its conclusions."""
        return bool(self.facts().get("complete"))

    def facts(self) -> dict[str, Any]:
        """The content of `study.json`; empty where there is none yet.

        Raises:
            InputError: it is damaged.
        """
        return read_facts(self.path / "study.json", f"regraft study --resume {self.path}")

    def write_facts(self, **facts: Any) -> None:
        """Adds to `study.json`, or replaces what is there under the same names."""
        write_facts(self.path / "study.json", {**self.facts(), **facts})

    def settings(self) -> dict[str, Any]:
        """The content of `study.toml`.

        Raises:
            InputError: there is none: this is no study.
        """
        if not (self.path / "study.toml").is_file():
            raise InputError(
                f"{self.path} is no study that was begun.",
                expected="a folder made by `regraft study`, with study.toml in it",
                received="a folder without it" if self.path.is_dir() else "no such folder",
            )
        return read_config(self.path / "study.toml")

    def write_settings(self, text: str) -> None:
        """Writes `study.toml`, the first file of a study."""
        write_text(self.path / "study.toml", text)

    def declare(self, name: str, study: Study) -> list[Cell]:
        """Writes the declaration of a grid and gives its cells."""
        write_text(self.path / f"{name}.study.toml", study_text(study))
        return cells_of(study, self.path / "runs" / name)

    def grid(self, name: str) -> tuple[Study, list[Cell]]:
        """A grid that was declared, and its cells."""
        study = read_study(self.path / f"{name}.study.toml")
        return study, cells_of(study, self.path / "runs" / name)

    def results(self, name: str) -> Results:
        """What the cells of a grid gave."""
        study, cells = self.grid(name)
        return read_results(study, cells)


def absolute_images(images: str | Path) -> str:
    """The images of a study as its settings keep them: a path that is there in full, else the name as it is."""
    path = Path(images).expanduser()
    return str(path.absolute()) if path.exists() else str(images)


def open_study_folder(output: Path | None, name: str) -> StudyFolder:
    """Makes a new, empty study folder: `output`, or the next free name under `studies/`.

    Raises:
        InputError: `output` exists and is not empty.
    """
    if output is None:
        return StudyFolder(next_free_folder(Path("studies") / name))
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        begun = (output / "study.toml").is_file()
        raise InputError(
            f"{output} exists already; nothing in it was touched.",
            expected="a new or empty folder",
            received="a study" if begun else "a folder with files in it" if output.is_dir() else "a file",
            hint=f"regraft study --resume {output}, or another folder with --output"
            if begun
            else "choose another folder with --output",
        )
    with explained_disk_errors(output):
        output.mkdir(parents=True, exist_ok=True)
    return StudyFolder(output)
