"""MobileNet studies made up from their numbers: any outcome, without a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tomli_w
from made_studies import ENVIRONMENT
from small_searches import search_data, searched

from regraft.reports.mobilenet_found import MobileNetFound, gather_mobilenet
from regraft.runs.data import RunData
from regraft.runs.recording import backbone_facts
from regraft.studies.folder import StudyFolder
from regraft.studies.mobilenet_runs import STAGES, Step, dogs_run, record_stage, stage_run, write_steps

TESTED = 100
RIGHT: Mapping[str, int] = {"untrained": 34, "scratch": 50, "new-head": 85, "fine-tuned": 92}
"""Test images that each stage answers rightly."""

_BLOCKS = ("stem..conv_1", "conv_2", "conv_3")


def study_data() -> RunData:
    """Three classes, of which 100 images are tested."""
    splits = np.array(["train"] * 60 + ["validation"] * 20 + ["test"] * TESTED)
    labels = np.arange(len(splits)) % 3
    return search_data(np.zeros((len(splits), 6), np.float32), labels, splits)


def answers(data: RunData, right: int) -> dict[str, npt.NDArray[np.float32]]:
    """Probabilities of which the first so many of the test images are right, and as many in a hundred on validation."""
    found = {}
    for split in ("validation", "test"):
        rows = data.rows(split)
        count = round(right * len(rows) / TESTED)
        given = (data.labels[rows] + (np.arange(len(rows)) >= count)) % 3
        found[split] = (0.1 + 0.7 * np.eye(3)[given]).astype(np.float32)
    return found


def step(number: int, losses: Sequence[float], **changes: Any) -> Step:
    """A step with these validation losses, the start's first; its training loss falls all the time."""
    names = [(), (), _BLOCKS[:0:-1], _BLOCKS[::-1]][number - 1]
    best = int(np.argmin(losses))
    history: list[dict[str, Any]] = [
        {"epoch": e, "val_loss": loss, "val_accuracy": 1 - loss / 2} | ({"loss": 1 / (e + 1)} if e else {})
        for e, loss in enumerate(losses)
    ]
    given: dict[str, Any] = {
        "number": number,
        "rates": {"head": 1e-3, **{name: 1e-3 / 3 ** (place + 1) for place, name in enumerate(names)}},
        "views": (0, 8, 1, None)[number - 1],
        "parameters": 1000 * number,
        "patience": 2,
        "epochs": 30,
        "best_epoch": best,
        "stopped_early": len(losses) - 1 - best >= 2,
        "seconds": 10.0 * number,
        "computing_seconds": 2.0 if number < 4 else 0.0,
        "history": history,
    }
    return Step(**{**given, **changes})


def four_steps() -> list[Step]:
    """The first ends in its last epoch, the second overfits, the third is never better, the fourth overfits."""
    return [
        step(1, [1.2, 0.8, 0.6]),
        step(2, [0.6, 0.5, 0.52, 0.55]),
        step(3, [0.5, 0.51, 0.53]),
        step(4, [0.5, 0.4, 0.42, 0.47]),
    ]


def made_mobilenet(
    folder: Path,
    *,
    right: Mapping[str, int] = RIGHT,
    steps: Sequence[Step] | None = None,
    dogs: int | None = 99,
    settings: Mapping[str, Any] | None = None,
    **facts: Any,
) -> StudyFolder:
    """The folder of a finished study with these results.

    Args:
        right: test images, of a hundred, that each stage answers rightly; a stage that is not named was left out.
        dogs: likewise of dogs against flowers; None where that was left out.
    """
    study, data = StudyFolder(folder), study_data()
    folder.mkdir(parents=True)
    trained = {
        "untrained": (0, 0, 0.0),
        "scratch": (40, 33, 600.0),
        "new-head": (20, 12, 2.0),
        "fine-tuned": (80, 4, 99.0),
    }
    for stage in STAGES:
        if stage not in right:
            continue
        epochs, best, seconds = trained[stage]
        about = {
            "label": stage, "parameters": 1000 * epochs, "epochs": epochs, "best_epoch": best, "seconds": seconds,
            "computing_seconds": 1.0 if epochs else 0.0, "learning_rate": 0.001, "trial_epochs": 4,
            "tried": [{"rate": 0.001, "loss": 1.2}, {"rate": 0.003, "loss": None}],
        }  # fmt: skip
        rows = [{"epoch": e, "val_loss": 2 - e / 100, "val_accuracy": e / 100} for e in range(epochs + 1)]
        record_stage(stage_run(study, stage), searched(), data, answers(data, right[stage]), about, rows)
    write_steps(study, four_steps() if steps is None else steps)
    if dogs is not None:
        record_stage(
            dogs_run(study),
            searched(),
            data,
            answers(data, dogs),
            {"label": "", "best_epoch": 1, "seconds": 1.0, "computing_seconds": 0.0},
            [],
        )
        metrics = dogs_run(study).metrics()
        dogs_run(study).write_json("metrics", {**metrics, "wrong": ["x"] * (TESTED - dogs)})
    asked = {"kind": "mobilenet", "images": "nowhere", "backbone": "MobileNet@160", "seed": 0, "quick": False}
    study.write_settings(tomli_w.dumps({**asked, **(settings or {})}))
    given: dict[str, Any] = {
        "kind": "mobilenet", "environment": ENVIRONMENT, "complete": True, "resumed": False, "missing": None,
        "backbone": {**backbone_facts(data), "name": "MobileNet@160", "size": [160, 160]},
        "collection": {
            "name": "made up", "images": len(data.images), "found": 300, "per_class": 60, "classes": list(data.classes),
            "skipped": 0, "splits": [],
        },
        "policy": "horizontal flip, rotation ±45°, zoom 80–100 % of the side",
        "plan": {"scratch": 40, "patience": 2, "views": 8, "steps": [30, 30, 30, 30]},
        "groups": [
            {"name": name, "pixels": pixels, "parameters": 10 * pixels, "layers": 3}
            for name, pixels in zip(_BLOCKS, (80, 40, 20), strict=True)
        ],
        "dogs": None if dogs is not None else "no folder of dogs was given",
        "seconds": {"steps": 40.0, "total": 700.0, "report": 3.0},
    }  # fmt: skip
    study.write_facts(**{**given, **facts})
    return study


def found_mobilenet(folder: Path, **options: Any) -> MobileNetFound:
    """The same, gathered."""
    return gather_mobilenet(made_mobilenet(folder, **options))
