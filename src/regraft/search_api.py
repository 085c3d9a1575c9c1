"""The same job from Python, of searches: each function does what the command does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.errors import InputError

if TYPE_CHECKING:
    from regraft.studies.search_folder import SearchFolder


def search(
    images: str | Path,
    *,
    trials: int = 40,
    timeout: float | None = None,
    finetune: bool = False,
    output: str | Path | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    seed: int = 0,
    settings: dict[str, dict[str, Any]] | None = None,
) -> SearchFolder:
    """Searches for good settings with Optuna on validation, then trains the best one and measures it on test, once.

    Args:
        images, backbone, weights, seed: as for `train`.
        trials: how many settings to try.
        timeout: begins no new trial after so many seconds.
        finetune: searches the settings of fine-tuning as well, both phases in every trial.
        output: the search folder; the next free name under `searches/` where None.
        settings: what is fixed, in the sections and by the names of `config.toml`, and the space in a section `search`:
            `{"search": {"head": {"dropout": {"low": 0.0, "high": 0.5}}}}`.

    Returns:
        The search folder: `.facts()`, `.trials()`, `.recommended`.

    Raises:
        InputError: says what was expected, what was received and what to do.
    """
    values: dict[str, Any] = {name: dict(section) for name, section in (settings or {}).items()}
    values["seed"] = seed
    values.setdefault("images", {})["source"] = str(images)
    values["search"] = {**values.get("search", {}), "trials": trials}
    if timeout is not None:
        values["search"]["timeout"] = timeout
    if finetune:
        values.setdefault("finetune", {})
    for key, value in (("name", backbone), ("weights", weights)):
        if value is not None:
            values.setdefault("backbone", {})[key] = value
    return search_values(values, Path(output) if output is not None else None)


def search_values(
    values: dict[str, Any], output: Path | None, *, tell: Callable[[str], object] | None = None
) -> SearchFolder:
    """Searches as a nested dictionary says, such as a TOML file holds, its table [search] included."""
    from regraft.reports.page import write_report
    from regraft.studies.search import run_search
    from regraft.studies.search_folder import search_config

    config, wanted = search_config(values)
    return run_search(config, wanted, output, report_run=write_report, tell=tell)


def resume_search(folder: str | Path, *, tell: Callable[[str], object] | None = None) -> SearchFolder:
    """Goes on with a search that was begun.

    Raises:
        InputError: the folder is no such search, or it is finished.
    """
    from regraft.reports.page import write_report
    from regraft.studies.search import run_search
    from regraft.studies.search_folder import SearchFolder

    begun = SearchFolder(folder)
    config, wanted = begun.config()
    if begun.complete:
        raise InputError(f"{folder} is finished: there is nothing to resume.")
    return run_search(config, wanted, resume=begun, report_run=write_report, tell=tell)
