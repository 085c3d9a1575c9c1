"""The same jobs from Python, of studies: each function does what the command of its name does."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from regraft.errors import InputError
from regraft.runs.config import read_config

if TYPE_CHECKING:
    from regraft.studies.declaration import Study
    from regraft.studies.folder import StudyFolder


class _Own(NamedTuple):
    """A study of regraft's own.

    Attributes:
        options: those it takes, with the names its class knows them by.
        load: gives its class, and the function that runs it to its end.
        takes: what the function takes beside the study: `report`, of the run that it recommends; `tell`.
    """

    options: dict[str, str]
    load: Callable[[], tuple[Callable[..., Any], Callable[..., Any]]]
    takes: Literal["report", "tell"] | None


def _flowers() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from regraft.studies.flower_study import FlowerStudy
    from regraft.studies.flowers import run_all

    return FlowerStudy, run_all


def _cats() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from regraft.studies.cats_and_dogs import run_all
    from regraft.studies.cats_study import CatsStudy

    return CatsStudy, run_all


def _digits() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from regraft.studies.digits import run_all
    from regraft.studies.digits_study import DigitsStudy

    return DigitsStudy, run_all


def _proportions() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from regraft.studies.proportions import run_all
    from regraft.studies.proportions_study import ProportionsStudy

    return ProportionsStudy, run_all


def _mobilenet() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from regraft.studies.mobilenet import run_all
    from regraft.studies.mobilenet_study import MobileNetStudy

    return MobileNetStudy, run_all


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_SCRATCH = {"standard_epochs": "scratch_epochs"}
_DIGITS = _Own(_same("seed", "seeds", "quick"), _digits, None)
OWN_STUDIES = {
    "flowers": _Own(
        _same("backbone", "seed", "seeds", "folds", "epochs", "standard_epochs", "quick"), _flowers, "report"
    ),
    "cats-and-dogs": _Own(
        _same("seed", "seeds", "epochs", "quick") | {"backbone": "backbones"} | _SCRATCH, _cats, "report"
    ),
    "digits": _DIGITS,
    "mnist": _DIGITS,
    "proportions": _Own(
        _same("backbone", "seed", "seeds", "epochs", "fractions", "quick") | _SCRATCH, _proportions, "tell"
    ),
    "mobilenet": _Own(_same("backbone", "seed", "dogs", "quick") | _SCRATCH, _mobilenet, "tell"),
}
"""By name; a study folder calls its kind by the first of those that are the same."""

STUDY_NAMES = ", ".join(OWN_STUDIES)


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
    export_mat: bool = False,
    fractions: Sequence[float] | None = None,
    dogs: str | Path | None = None,
    tell: Callable[[str], object] | None = None,
) -> StudyFolder:
    """Runs a study and writes its report as a page and as a PDF.

    Args:
        what: `flowers`, `cats-and-dogs`, `digits`, `mnist`, `proportions`, `mobilenet`, or a TOML file that
            declares a grid of settings.
        images: a folder of class folders, a manifest, arrays, or a named set, in place of the study's own;
            `proportions` has none of its own.
        path: a local copy of a named set.
        output: the study folder; the next free name under `studies/` where None.
        backbone, seed, seeds, folds, epochs: in place of the study's own, for the studies that have them.
        standard_epochs: epochs of what is trained through Keras for comparison: in `flowers` the standard way, in
            `cats-and-dogs`, `proportions` and `mobilenet` the training from scratch.
        quick: less is trained; the report says so.
        export_mat: of `digits` and `mnist`: writes the images for MATLAB first, as `digits.mat`.
        fractions: of the training images, of `proportions`, above 0 and at most 1.
        dogs: a folder of photographs of dogs, of `mobilenet`.
        tell: told what is worth knowing before long work begins.

    Returns:
        The study folder: `.facts()`, `.results("grid")`, `.recommended`, `.html`, `.pdf`.

    Raises:
        InputError: says what was expected, what was received and what to do.
    """
    where = Path(output) if output is not None else None
    given = {
        "backbone": backbone, "seed": seed, "seeds": seeds, "folds": folds, "epochs": epochs,
        "standard_epochs": standard_epochs, "quick": quick or None, "export_mat": export_mat or None,
        "fractions": fractions, "dogs": dogs,
    }  # fmt: skip
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if str(what) in OWN_STUDIES:
        local = Path(path) if path is not None else None
        return _run_own(str(what), images, where, local, options, tell)
    if not str(what).endswith(".toml"):
        raise InputError(
            f"There is no study called {what}.",
            expected=f"{STUDY_NAMES}, or a TOML file that declares one",
            received=str(what),
        )
    _check_options("a study that is declared", {"backbone", "seed", "seeds", "folds", "epochs"}, options)
    values = read_config(Path(what))
    for axis, value in (
        ("images.source", images), ("images.path", path), ("backbone.name", backbone), ("head.epochs", epochs),
    ):  # fmt: skip
        if value is not None:
            _put_in(values, axis, value if isinstance(value, int) else str(value))
    values |= {name: options[name] for name in ("seed", "seeds", "folds") if name in options}
    from regraft.studies.declaration import make_study

    return _finish_grid(make_study(values), where)


def _run_own(
    name: str,
    images: str | Path | None,
    output: Path | None,
    path: Path | None,
    options: dict[str, Any],
    tell: Callable[[str], object] | None,
) -> StudyFolder:
    own = OWN_STUDIES[name]
    export = options.pop("export_mat", False)
    if export and own is not _DIGITS:
        raise InputError("--export-mat belongs to the digits study.", expected="digits or mnist", received=name)
    _check_options(name, set(own.options), options)
    if images is None and name == "proportions":
        raise InputError(
            "Of which images?",
            expected="a folder of class folders, a manifest, or a named set",
            hint="regraft study proportions photos/",
        )
    named = {own.options[option]: value for option, value in options.items()}
    if "backbones" in named:
        named["backbones"] = (named["backbones"],)
    begun = own.load()[0](name if images is None else images, output, path=path, **named)
    if export:
        from regraft.studies.digit_arrays import export_mat

        export_mat(begun)
    return _finish_own(own, begun, tell)


def _finish_own(own: _Own, begun: Any, tell: Callable[[str], object] | None) -> StudyFolder:
    """Goes on with a study to its end."""
    from regraft.reports.page import write_report

    _, run_all = own.load()
    taken = {"report": write_report, "tell": tell}
    done = run_all(begun, taken[own.takes]) if own.takes else run_all(begun)
    return _reported(done.folder)


def _check_options(study: str, known: Collection[str], options: Collection[str]) -> None:
    if foreign := [f"--{name.replace('_', '-')}" for name in options if name not in known]:
        raise InputError(
            f"{study[0].upper()}{study[1:]} has no {' and no '.join(foreign)}.",
            expected=", ".join(f"--{name.replace('_', '-')}" for name in sorted(known)),
            received=", ".join(foreign),
        )


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


def resume_study(folder: str | Path, *, tell: Callable[[str], object] | None = None) -> StudyFolder:
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
    if (kind := settings.get("kind")) in OWN_STUDIES:
        own = OWN_STUDIES[str(kind)]
        return _finish_own(own, own.load()[0](resume=begun.path), tell)
    return _finish_grid(begun.grid("grid")[0], None, begun)


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
