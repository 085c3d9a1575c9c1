"""The folder of a search: what lies in it, and how it is written and read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from regraft._files import explained_disk_errors, write_text
from regraft.errors import InputError
from regraft.runs._section import Section
from regraft.runs.config import TrainConfig, config_text, make_config, problems_of, read_config
from regraft.runs.folder import RunFolder, next_free_folder
from regraft.studies._facts_file import read_facts, write_facts
from regraft.studies._search_space import label_of_value


class SearchConfig(Section):
    """The table [search] of a config: how long is searched, and where.

    `head` and `finetune` declare the space (`read_space`); with neither, the default one is searched. After `timeout`
    seconds no new trial is begun.
    """

    trials: int = Field(default=40, ge=1)
    timeout: float | None = Field(default=None, gt=0)
    head: dict[str, Any] | None = None
    finetune: dict[str, Any] | None = None


class _Whole(Section):
    search: SearchConfig = SearchConfig()


class SearchFolder:
    """A search on disk.

    `config.toml` says what was asked, the space in its table [search]; `trials.log` is Optuna's journal of the
    trials, which a killed search goes on from; `trials.csv` has them as a table; `search.json` holds what was found;
    `recommended/` is the whole run of the best setting, the only one that is measured on the test images.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"SearchFolder({str(self.path)!r})"

    @property
    def recommended(self) -> RunFolder:
        """The run of the best setting."""
        return RunFolder(self.path / "recommended")

    @property
    def journal(self) -> Path:
        """Optuna's journal of the trials, JSON lines."""
        return self.path / "trials.log"

    @property
    def begun(self) -> bool:
        """Whether it is a search at all."""
        return (self.path / "search.json").is_file() and (self.path / "config.toml").is_file()

    @property
    def complete(self) -> bool:
        """Whether the search went through to its recommended run."""
        return bool(self.facts().get("complete"))

    def facts(self) -> dict[str, Any]:
        """The content of `search.json`; empty where there is none yet.

        Raises:
            InputError: it is damaged.
        """
        return read_facts(self.path / "search.json", "search again in another folder")

    def trials(self) -> list[dict[str, Any]]:
        """The trials that were finished, in their order: `number`, `state`, `loss`, `accuracy`, `values`, `steps` …"""
        return list(self.facts().get("trials", []))

    def config(self) -> tuple[TrainConfig, SearchConfig]:
        """What was asked.

        Raises:
            InputError: this is no search.
        """
        if not self.begun:
            raise InputError(
                f"{self.path} is no search that was begun.",
                expected="a folder made by `regraft search`, with search.json and config.toml in it",
                received="a folder without them" if self.path.is_dir() else "no such folder",
            )
        return search_config(read_config(self.path / "config.toml"))

    def write_config(self, config: TrainConfig, wanted: SearchConfig) -> None:
        """Writes `config.toml`, the first file of a search."""
        import tomli_w

        asked = {"search": wanted.model_dump(mode="json", exclude_none=True)}
        write_text(self.path / "config.toml", f"{config_text(config)}\n{tomli_w.dumps(asked)}")

    def write_facts(self, **facts: Any) -> None:
        """Adds to `search.json`, or replaces what is there under the same names."""
        write_facts(self.path / "search.json", {**self.facts(), **facts})

    def write_trials(self, trials: Sequence[Mapping[str, Any]], settings: Sequence[str]) -> None:
        """Writes `trials.csv`, a trial a line; a setting that does not apply to it is left empty."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(
            ["number", "state", "validation_loss", "validation_accuracy", "best_epoch", "seconds", *settings]
        )
        for trial in trials:
            facts = (trial[name] for name in ("number", "state", "loss", "accuracy", "epoch", "seconds"))
            values = (label_of_value(trial["values"].get(name, "")) for name in settings)
            writer.writerow([*facts, *values])
        write_text(self.path / "trials.csv", text.getvalue())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out while the block runs; the lock of a killed process is free at once.

        Raises:
            InputError: another process is searching here.
        """
        import fcntl

        with explained_disk_errors(self.path), (self.path / ".lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"Another process is searching in {self.path}.", hint="wait for it, or search in another folder"
                ) from None
            yield


def search_config(values: Mapping[str, Any]) -> tuple[TrainConfig, SearchConfig]:
    """Checks and fills in a nested dictionary as it comes from TOML: a config of `regraft train` with [search].

    Raises:
        InputError: names each value that cannot be used, and why.
    """
    rest = {name: value for name, value in values.items() if name != "search"}
    try:
        wanted = _Whole.model_validate({"search": values.get("search", {})}).search
    except ValidationError as error:
        raise InputError(
            "The search cannot be carried out so.", received=problems_of(error), hint="regraft search --help"
        ) from None
    return make_config(rest), wanted


def open_search_folder(output: Path | None) -> SearchFolder:
    """Makes a new, empty folder: `output`, or the next free name under `searches/`.

    Raises:
        InputError: `output` exists and is not empty.
    """
    if output is None:
        return SearchFolder(next_free_folder(Path("searches") / "search"))
    check_search_output(output)
    with explained_disk_errors(output):
        output.mkdir(parents=True, exist_ok=True)
    return SearchFolder(output)


def check_search_output(output: Path) -> None:
    """Makes sure that a search can be put into `output`.

    Raises:
        InputError: it exists and is not an empty folder.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        begun = SearchFolder(output).begun
        raise InputError(
            f"{output} exists already; nothing in it was touched.",
            expected="a new or empty folder",
            received="a search" if begun else "a folder with files in it" if output.is_dir() else "a file",
            hint=f"regraft search --resume {output}, or another folder with --output"
            if begun
            else "choose another folder with --output",
        )
