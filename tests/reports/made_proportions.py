"""Proportions studies made up from their accuracies: any outcome, without a training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from made_studies import ENVIRONMENT

from regraft.studies.folder import StudyFolder
from regraft.studies.proportions_study import ProportionRun, Way

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
    **facts: Any,
) -> StudyFolder:
    """The folder of a finished study with these accuracies on 200 test images."""
    study = StudyFolder(folder)
    seeds = len(next(iter(transfer.values())))
    study.write_settings(
        f'kind = "proportions"\nimages = "photos"\nseed = 0\nseeds = {seeds}\nscratch_seeds = 1\nepochs = 100\n'
        f"scratch_epochs = 20\nquick = {str(quick).lower()}\n"
    )
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
        },
        backbone={
            "name": "EfficientNetLite0", "weights_origin": "package", "features": 1280, "size": [224, 224],
        },
        scratch={
            "rate": 0.001, "trial_epochs": 4, "size": 96 if quick else 224, "images": most,
            "tried": [] if quick else [{"rate": 0.001, "loss": 1.2}, {"rate": 0.003, "loss": None}],
        },
    )  # fmt: skip
    study.write_facts(**facts)
    runs = [*_runs("transfer", transfer), *(_runs("scratch", scratch) if scratch else ())]
    (folder / "runs.jsonl").write_text("".join(json.dumps(asdict(run)) + "\n" for run in runs))
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
