"""The same jobs from Python, of many runs (studies, searches): each function does what the command of its name does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.errors import InputError
from regraft.runs.config import read_config

if TYPE_CHECKING:
    from regraft.studies.cats_study import CatsStudy
    from regraft.studies.declaration import Study
    from regraft.studies.flower_study import FlowerStudy
    from regraft.studies.folder import StudyFolder
    from regraft.studies.search_folder import SearchFolder


def study(
    what: str | Path,
    *,
    images: str | Path | None = None,
    path: str | Path | None = None,
    output: str | Path | None = None,
    backbone: str | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    folds: int | None = None,
    epochs: int | None = None,
    standard_epochs: int | None = None,
    quick: bool = False,
) -> StudyFolder:
    """Runs a study and writes its report as a page and as a PDF.

    Args:
        what: `flowers`, `cats-and-dogs`, or a TOML file that declares a grid of settings.
        images: a folder of class folders, a manifest, or a named set, in place of the study's own.
        path: a local copy of a named set.
        output: the study folder; the next free name under `studies/` where None.
        backbone, seed, seeds, folds, epochs: in place of the study's own; cats-and-dogs has no folds.
        standard_epochs, quick: of `flowers` and `cats-and-dogs`: how much is trained through Keras (`FlowerStudy`;
            `CatsStudy`, whose epochs of training from scratch these are).

    Returns:
        The study folder: `.facts()`, `.results("grid")`, `.recommended`, `.html`, `.pdf`.

    Raises:
        InputError: says what was expected, what was received and what to do.
    """
    where = Path(output) if output is not None else None
    if str(what) == "flowers":
        from regraft.studies.flower_study import FlowerStudy

        given = {"backbone": backbone, "seed": seed, "seeds": seeds, "folds": folds, "epochs": epochs}
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        local = Path(path) if path is not None else None
        source = "flowers" if images is None else images
        return _finish_flowers(
            FlowerStudy(source, where, path=local, standard_epochs=standard_epochs, quick=quick, **options)
        )
    if str(what) == "cats-and-dogs":
        from regraft.studies.cats_study import CatsStudy

        if folds is not None:
            raise InputError(
                "cats-and-dogs has no folds.", expected="another number of --seeds", received=f"--folds {folds}"
            )
        given = {"seed": seed, "seeds": seeds, "epochs": epochs, "scratch_epochs": standard_epochs}
        options = {name: value for name, value in given.items() if value is not None}
        local = Path(path) if path is not None else None
        networks = None if backbone is None else (backbone,)
        source = "cats-and-dogs" if images is None else images
        return _finish_cats(CatsStudy(source, where, path=local, backbones=networks, quick=quick, **options))
    if quick or standard_epochs is not None:
        raise InputError(
            "--quick and --standard-epochs belong to the flower study and to cats-and-dogs.",
            expected="flowers or cats-and-dogs",
            received=str(what),
        )
    if not str(what).endswith(".toml"):
        raise InputError(
            f"There is no study called {what}.",
            expected="flowers, cats-and-dogs, or a TOML file that declares one",
            received=str(what),
        )
    values = read_config(Path(what))
    for axis, value in (
        ("images.source", images), ("images.path", path), ("backbone.name", backbone), ("head.epochs", epochs),
    ):  # fmt: skip
        if value is not None:
            _put_in(values, axis, value if isinstance(value, int) else str(value))
    values |= {n: v for n, v in {"seed": seed, "seeds": seeds, "folds": folds}.items() if v is not None}
    from regraft.studies.declaration import make_study

    return _finish_grid(make_study(values), where)


def _put_in(values: dict[str, Any], axis: str, value: str | int) -> None:
    """Puts a value into a declaration of a study, in place of its own."""
    section, _, name = axis.partition(".")
    varied = values.get("vary")
    axes = varied.get(section) if isinstance(varied, dict) else None
    if isinstance(axes, dict) and name in axes:
        raise InputError(
            f"The study varies {axis}, so it cannot be given as an option.",
            expected=f"no such option, or a study without {name} in [vary.{section}]",
            received=str(value),
        )
    own = values.get(section, {})
    if isinstance(own, dict):  # else the study is refused for it
        values[section] = {**own, name: value}


def resume_study(folder: str | Path) -> StudyFolder:
    """Goes on with a study that was begun, and writes its report.

    Raises:
        InputError: the folder is no such study, or it is finished.
    """
    from regraft.studies.folder import StudyFolder

    begun = StudyFolder(folder)
    settings = begun.settings()
    if begun.complete and begun.html.is_file() and begun.pdf.is_file():
        raise InputError(
            f"{folder} is finished: there is nothing to resume.",
            hint=f"regraft report {folder} writes its report again",
        )
    if settings.get("kind") == "flowers":
        from regraft.studies.flower_study import FlowerStudy

        return _finish_flowers(FlowerStudy(resume=begun.path))
    if settings.get("kind") == "cats-and-dogs":
        from regraft.studies.cats_study import CatsStudy

        return _finish_cats(CatsStudy(resume=begun.path))
    return _finish_grid(begun.grid("grid")[0], None, begun)


def _finish_flowers(begun: FlowerStudy) -> StudyFolder:
    from regraft.reports.page import write_report
    from regraft.studies.flowers import run_all

    return _reported(run_all(begun, write_report).folder)


def _finish_cats(begun: CatsStudy) -> StudyFolder:
    from regraft.reports.page import write_report
    from regraft.studies.cats_and_dogs import run_all

    return _reported(run_all(begun, write_report).folder)


def _finish_grid(declared: Study, output: Path | None, resume: StudyFolder | None = None) -> StudyFolder:
    from regraft.reports.page import write_report
    from regraft.studies.grid import run_grid

    return _reported(run_grid(declared, output, resume=resume, report_run=write_report))


def _reported(folder: StudyFolder) -> StudyFolder:
    from regraft.reports.study_report import write_study_report

    started = time.perf_counter()
    write_study_report(folder.path, html=True, pdf=True)
    spent = time.perf_counter() - started
    seconds = folder.facts()["seconds"]
    folder.write_facts(seconds={**seconds, "report": round(spent, 3), "total": round(seconds["total"] + spent, 3)})
    return folder


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
