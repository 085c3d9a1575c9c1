"""Runs made up for the reports: through the run folder's own methods, with numbers drawn by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from regraft._files import sha256_of_file
from regraft.evaluation.metrics import evaluate_predictions
from regraft.images.labelled import LabelledImage, SkippedFile
from regraft.runs.config import make_config
from regraft.runs.environment import describe_environment
from regraft.runs.folder import RunFolder

MadeRun = tuple[RunFolder, dict[str, LabelledImage]]

SETTINGS: dict[str, Any] = {
    "learning_rate": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 0.0, "seed": 0,
}  # fmt: skip


def history_rows(heads: int = 3, epochs: int = 8, *, diverged: Sequence[int] = ()) -> list[dict[str, Any]]:
    """Heads of falling loss; head 0 is the one of `SETTINGS`; diverged heads have numbers for 2 epochs only."""
    rows = []
    for head in range(heads):
        for epoch in range(1, epochs + 1):
            loss = 1.5 * 0.8**epoch / (head + 1) + 0.1
            finite = head not in diverged or epoch <= 2
            values = {"loss": loss, "accuracy": 1 - loss / 2, "val_loss": loss + 0.1, "val_accuracy": 0.95 - loss / 2}
            rows.append(
                {"phase": "grid", "head": head, **SETTINGS, "learning_rate": 0.1 * (head + 1), "epoch": epoch}
                | {name: value if finite else None for name, value in values.items()}
            )
    return rows


def make_run(
    folder: Path,
    *,
    classes: Sequence[str] = ("daisy", "roses", "tulips"),
    names: Sequence[str] = (),
    images: int = 30,
    wrong: int = 4,
    skipped: Sequence[SkippedFile] = (),
    history: list[dict[str, Any]] | None = None,
    changes: dict[str, Any] | None = None,
) -> MadeRun:
    """A measured run with `images` test images, `wrong` of them answered wrongly, and as many validation images."""
    photos, run = folder / "photos", RunFolder(folder / "run")
    photos.mkdir()
    run.path.mkdir()
    rng = np.random.default_rng(0)
    labelled = []
    for index in range(2 * images):
        file = photos / f"{index}.jpg"
        Image.fromarray(rng.integers(0, 255, (60, 90, 3), np.uint8)).save(file)
        label = classes[index % len(classes)]
        name = names[index] if index < len(names) else f"{label}/{index}.jpg"
        labelled.append(LabelledImage(name, label, sha256_of_file(file), file))
    splits = ["test"] * images + ["validation"] * images
    labels = np.arange(2 * images) % len(classes)
    answers = labels.copy()
    answers[:wrong] = (labels[:wrong] + 1) % len(classes)
    probabilities = np.full((2 * images, len(classes)), 0.1 / len(classes))
    probabilities[np.arange(2 * images), answers] += 0.9 - 0.3 * np.arange(2 * images) / images / 2
    probabilities = (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)

    run.write_config(make_config({"images": {"source": "folder", "path": str(photos)}, "seed": 7}))
    run.write_json("environment", describe_environment() | {"command": ["regraft", "train", "my photos/"]})
    run.write_splits(labelled, splits)
    run.write_classes(classes)
    run.write_skipped(skipped)
    run.write_history(history_rows() if history is None else history)
    run.write_predictions(labelled, splits, probabilities, classes)
    measured = {
        split: evaluate_predictions(labels[part], probabilities[part], classes, majority=0)
        for split, part in (("test", slice(0, images)), ("validation", slice(images, None)))
    }
    metrics: dict[str, Any] = measured | {
        "images": {"train": 90, "validation": images, "test": images, "skipped": len(skipped)},
        "seconds": {"find": 0.2, "features": 3.4, "heads": 0.7, "measure": 0.01},
        "chosen": SETTINGS | {"label": "lr 0.1, momentum 0.9", "epoch": 5, "heads": 3, "diverged": 0},
        "backbone": {
            "name": "EfficientNetLite0", "weights_origin": "the package", "licence": "Apache-2.0",
            "size": [224, 224], "features": 1280, "precision": "bf16", "computed": 150,
        },
        "collection": {"name": "photos", "classes": list(classes)},
        "warnings": [],
    }  # fmt: skip
    run.write_json("metrics", metrics | (changes or {}))
    return run, {image.sha256: image for image in labelled}
