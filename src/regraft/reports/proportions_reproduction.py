"""How the numbers of a proportions study are had again: the command that began it, or one that does the same."""

from __future__ import annotations

import shlex
from typing import Any

from regraft.reports._reproduction import reproduce_blocks
from regraft.reports.document import Block, Code, Paragraph
from regraft.studies.folder import StudyFolder
from regraft.studies.proportions_study import FRACTIONS

_OPTIONS = {
    "path": "path",
    "backbone": "backbone",
    "seed": "seed",
    "seeds": "seeds",
    "epochs": "epochs",
    "scratch_epochs": "standard-epochs",
}
_SCRATCH_SEEDS = 1  # of the command, which has no option for another number


def reproduce(folder: StudyFolder) -> tuple[Block, ...]:
    """As of every study; a command of its own where a script or a resumed study made the report.

    What no command can do is said in Python.
    """
    _, command, *others = reproduce_blocks(folder)
    given = folder.facts()["environment"].get("command", [])
    begun, settings = "The command below", folder.settings()
    if given[:2] != ["regraft", "study"] or "--resume" in given:
        if settings.get("scratch_seeds", _SCRATCH_SEEDS) == _SCRATCH_SEEDS:
            command = Code(_command(settings))
        else:
            begun, command = "The Python below", Code(_python(settings))
    return (
        Paragraph(
            f"{begun}, with the same images, weights, versions and machine, gives the same numbers again, times aside. "
            "The folder of the study holds every training with its answers on the test images (runs.jsonl)."
        ),
        command,
        *others,
    )


def _command(settings: dict[str, Any]) -> str:
    parts = ["regraft", "study", "proportions", settings["images"]]
    for name, option in _OPTIONS.items():
        if name in settings:
            parts += [f"--{option}", str(settings[name])]
    fractions = settings.get("fractions", list(FRACTIONS))
    if fractions != list(FRACTIONS):
        parts += ["--fractions", ",".join(_number(fraction) for fraction in fractions)]
    return shlex.join(parts + ["--quick"] * bool(settings["quick"]))


def _number(fraction: float) -> str:
    """As short as it can be without being another number: `1`, `0.05`."""
    return str(int(fraction)) if fraction == int(fraction) else repr(fraction)


def _python(settings: dict[str, Any]) -> str:
    options = {name: value for name, value in settings.items() if name not in ("kind", "images")}
    given = [repr(settings["images"])]
    given += [f"{name}={f'Path({value!r})' if name == 'path' else repr(value)}" for name, value in options.items()]
    imports = ["from pathlib import Path", ""] if "path" in options else []
    return "\n".join(
        [
            *imports,
            "from regraft.reports.study_report import write_study_report",
            "from regraft.studies.proportions import run_all",
            "from regraft.studies.proportions_study import ProportionsStudy",
            "",
            f"study = run_all(ProportionsStudy({', '.join(given)}))",
            "write_study_report(study.folder.path, html=True, pdf=True)",
        ]
    )
