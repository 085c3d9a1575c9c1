"""Digits studies made up from their final accuracies: any outcome, without a training."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w
from made_studies import ENVIRONMENT

from regraft.reports.digits_found import DigitsFound, gather_digits
from regraft.studies.digits_study import WAYS, DigitRun
from regraft.studies.folder import StudyFolder

PROPORTIONS = (0.02, 0.2, 1.0)
IMAGES = {0.02: 10, 0.2: 110, 1.0: 580}
TESTED = 1000
SECONDS = {"source": 2.0, "scratch": 2.0, "fixed": 0.2, "throughout": 1.9}

Finals = Callable[[str, bool, float], Sequence[float]]


def flat(way: str, dropout: bool, proportion: float) -> Sequence[float]:
    """Three runs of each setting, all alike but for the run."""
    return (0.95, 0.96, 0.97)


def digit_runs(finals: Finals, first: int = 0) -> list[DigitRun]:
    """All runs of a study whose final accuracies, one for each repetition, are given by way, dropout and P."""
    runs = []
    for dropout in (False, True):
        for way, proportion in (("source", 1.0), *((way, p) for way in WAYS for p in PROPORTIONS)):
            for place, value in enumerate(finals(way, dropout, proportion)):
                images = 879 if way == "source" else IMAGES[proportion]
                course = (round(value / 2, 6), round(value, 6))
                computing = 0.1 if way == "fixed" else 0.0
                measuring = 0.0 if way == "fixed" else 0.5
                run = (way, dropout, proportion, images, first + place, course, SECONDS[way], measuring, computing)
                runs.append(DigitRun(*run))
    return runs


def made_digits(
    folder: Path, finals: Finals = flat, *, quick: bool = False, runs: list[DigitRun] | None = None, **settings: Any
) -> StudyFolder:
    """The folder of a finished study with these results."""
    study = StudyFolder(folder)
    folder.mkdir(parents=True)
    study.write_settings(tomli_w.dumps({"kind": "digits", "images": "digits", "seed": 0, "quick": quick} | settings))
    first = settings.get("seed", 0)
    made = digit_runs(finals, first) if runs is None else runs
    (folder / "runs.jsonl").write_text("".join(json.dumps(asdict(run)) + "\n" for run in made), encoding="utf-8")
    plan = {
        "proportions": list(PROPORTIONS), "batch_size": 10, "every": 100, "source": 2, "target": [2, 2, 2],
        "repeats": len(finals("scratch", False, 1.0)), "quick": quick, "seed": first,
    }  # fmt: skip
    tasks = {
        "source": {"train": 879, "test": TESTED, "classes": list("012345")},
        "target": {"train": 583, "test": TESTED, "classes": list("6789")},
    }
    collection = {"name": "digits", "images": 1797, "size": [8, 8], **tasks}
    study.write_facts(
        kind="digits", environment=ENVIRONMENT, complete=True, resumed=False, collection=collection, plan=plan,
        seconds={"trainings": 73.2, "total": 73.2},
    )  # fmt: skip
    return study


def found_digits(folder: Path, finals: Finals = flat, **options: Any) -> DigitsFound:
    """The same, gathered."""
    return gather_digits(made_digits(folder, finals, **options))
