"""The section of a study's report that says how to get the same numbers again, and the line below its title."""

from __future__ import annotations

import shlex
from typing import Any

from regraft.reports import _facts as facts
from regraft.reports._words import count, duration, listing
from regraft.reports.document import Block, Bullets, Code, Paragraph, named
from regraft.studies.folder import StudyFolder

_STAGES = {
    "find": "finding the images",
    "graphs": "preparing the network",
    "summaries": "summaries",
    "features": "computing features",
    "training": "training on features",
    "standard": "training through Keras",
    "recommended": "the recommended run",
}


def byline(study: StudyFolder) -> str:
    """Who made the report, and when."""
    environment = study.facts()["environment"]
    day = facts.when(environment)
    return f"regraft {environment['packages'].get('regraft', '')}" + (f", {day}" if day else "")


def reproduce_blocks(study: StudyFolder) -> tuple[Block, ...]:
    """The command, the versions and the machine."""
    found = study.facts()
    environment, seconds = found["environment"], found["seconds"]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    command, where = _command(study, environment)
    return (
        Paragraph(
            f"The command below{where}, with the same images, versions and machine, gives the same numbers again, "
            "times aside. The folder of the study holds every run with its configuration, split, history and "
            "predictions, and the recommended run with its model."
        ),
        Code(command),
        Bullets(
            (
                f"Python {environment['python']}; {packages}.",
                f"{named(environment['processor'])}, {count(environment['cores'], 'core')}; "
                f"{named(environment['platform'])}.",
                f"Time: {_stages(seconds)}; "
                + (
                    "the study was interrupted, and the session that finished it took "
                    if found.get("resumed")
                    else "in all "
                )
                + f"{duration(_before_report(seconds))}, without this report.",
            )
        ),
    )


def _command(study: StudyFolder, environment: dict[str, Any]) -> tuple[str, str]:
    """The command that began the study, or the one that does what a script or a resumed study did; and its place."""
    given = environment.get("command", [])
    if given[:2] == ["regraft", "study"] and "--resume" not in given:
        return facts.command_line(environment), ""
    settings = study.settings()
    if settings.get("kind") != "flowers":
        return "regraft study grid.study.toml", ", given in the folder of the study"
    command = ["regraft", "study", "flowers"]
    for name in _OPTIONS:
        if name in settings:
            command += [f"--{name.replace('_', '-')}", str(settings[name])]
    return shlex.join(command + ["--quick"] * bool(settings.get("quick"))), ""


_OPTIONS = ("images", "path", "backbone", "seed", "seeds", "folds", "epochs", "standard_epochs")


def _before_report(seconds: dict[str, float]) -> float:
    """The time without that of an earlier report of the study, which is among its seconds from then on."""
    return seconds.get("total", 0.0) - seconds.get("report", 0.0)


def _stages(seconds: dict[str, float]) -> str:
    parts = [f"{words} {duration(seconds[name])}" for name, words in _STAGES.items() if seconds.get(name, 0) >= 0.05]
    return listing(parts) or "not measured by stage"
