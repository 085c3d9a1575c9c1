"""Proportions studies made up from their accuracies: any outcome, without a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from made_studies import ENVIRONMENT

from regraft.studies.folder import StudyFolder
from regraft.studies.proportions_runs import ProportionRun, Way, write_runs

Rows = Mapping[int, Sequence[float]]
"""Accuracies in each repetition by number of training images."""

RISING: Rows = {40: (0.70, 0.74), 80: (0.78, 0.80), 200: (0.84, 0.85), 400: (0.87, 0.88), 800: (0.89, 0.90)}
FLAT: Rows = dict.fromkeys(RISING, (0.8, 0.8))
LOW: Rows = {40: (0.3,), 80: (0.35,), 200: (0.4,), 400: (0.5,), 800: (0.6,)}
TEST = 200


def made_proportions(
    folder: Path,
    transfer: Rows = RISING,
    scratch: Rows | None = None,
    *,
    quick: bool = False,
    classes: Sequence[str] = ("[[curves]]", "<b>$x_1"),
    options: Mapping[str, Any] | None = None,
    diverged: Sequence[int] = (),
    collection_facts: Mapping[str, Any] | None = None,
    scratch_facts: Mapping[str, Any] | None = None,
    **facts: Any,
) -> StudyFolder:
    """The folder of a finished study with these accuracies on 200 test images.

    Args:
        folder: a new one.
        transfer, scratch: the accuracies.
        quick, classes: of the study and of its images.
        options: further ones, or others, in `study.toml`.
        diverged: numbers of images with which the training from scratch diverged.
        collection_facts, scratch_facts: others in `collection` and `scratch` of `study.json`.
        facts: others in `study.json`.
    """
    study = StudyFolder(folder)
    seeds = len(next(iter(transfer.values())))
    settings = {
        "kind": "proportions", "images": "photos", "seed": 0, "seeds": seeds, "scratch_seeds": 1, "epochs": 100,
        "scratch_epochs": 20, "quick": quick, **(options or {}),
    }  # fmt: skip
    study.write_settings(tomli_w.dumps(settings))
    most = max(transfer)
    study.write_facts(
        kind="proportions",
        environment=ENVIRONMENT,
        complete=True,
        resumed=False,
        seconds={"total": 20.0},
        training=most,
        test=TEST,
        majority=0.25,
        parts=[{"fraction": images / most, "images": images, "problem": ""} for images in transfer],
        collection={
            "name": "photos", "images": most + TEST, "classes": list(classes), "skipped": 0, "splits": [],
            "per_class": {name: {"training": most // 2, "test": TEST // 2} for name in classes},
            **(collection_facts or {}),
        },
        backbone={
            "name": "EfficientNetLite0", "weights_origin": "package", "features": 1280, "size": [224, 224],
        },
        scratch={
            "rate": 0.001, "trial_epochs": 4, "size": 96 if quick else 224, "images": most,
            "tried": [] if quick else [{"rate": 0.001, "loss": 1.2}, {"rate": 0.003, "loss": None}],
            **(scratch_facts or {}),
        },
    )  # fmt: skip
    study.write_facts(**facts)
    runs = [*_runs("transfer", transfer), *(_runs("scratch", scratch) if scratch else ())]
    runs += [ProportionRun("scratch", 0.5, images, 0, "", "lr 1", 20, 1.5, True) for images in diverged]
    write_runs(study, runs)
    return study


def _runs(way: Way, rows: Rows) -> list[ProportionRun]:
    return [
        ProportionRun(
            way, images / max(rows), images, repeat, np.packbits(np.arange(TEST) < round(share * TEST)).tobytes().hex(),
            "lr 1, momentum 0.9, Nesterov", 20, 1.5,
        )
        for images, shares in rows.items()
        for repeat, share in enumerate(shares)
    ]  # fmt: skip
