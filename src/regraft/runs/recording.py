"""What a run writes down: its inputs, its numbers, its warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base
from regraft.backbones.joint import members_of
from regraft.evaluation.metrics import evaluate_predictions
from regraft.features.engines import member_precisions
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.folder import RunFolder
from regraft.runs.head import SavedHead
from regraft.training.heads import HeadWeights, TrainedHeads
from regraft.training.settings import HeadSettings

Probabilities = npt.NDArray[np.float32]


def write_inputs(run: RunFolder, config: TrainConfig, environment: dict[str, Any], data: RunData) -> None:
    """Writes what the run was asked to do and what it found: config, environment, images, splits, classes."""
    run.write_config(config)
    run.write_json("environment", environment)
    run.write_skipped(data.skipped)
    run.write_classes(data.classes)
    run.write_splits(data.images, data.splits.tolist())


def write_measured(run: RunFolder, data: RunData, by_split: dict[str, Probabilities]) -> dict[str, Any]:
    """Writes `predictions.parquet` and gives the measures of each split.

    Args:
        by_split: for each split to measure the probabilities (rows of the split, classes).
    """
    counts = np.bincount(data.labels[data.rows("train")], minlength=len(data.classes))
    metrics = {
        split: evaluate_predictions(
            data.labels[data.rows(split)], probabilities, data.classes, majority=int(counts.argmax())
        )
        for split, probabilities in by_split.items()
    }
    rows = np.concatenate([data.rows(split) for split in by_split])
    run.write_predictions(
        data.chosen(rows), data.splits[rows].tolist(), np.concatenate(list(by_split.values())), data.classes
    )
    return metrics


def write_head(
    run: RunFolder, config: TrainConfig, data: RunData, weights: HeadWeights, settings: HeadSettings
) -> None:
    """Writes `head.safetensors`: the weights of a head that was trained with some settings."""
    base = data.base
    size = (base.height, base.width)
    head = SavedHead(
        weights,
        config.head.activation,
        base.spelling,
        base.identity,
        size,
        data.precision,
        dropout=settings.dropout,
    )
    run.write_head(head)


def image_counts(data: RunData) -> dict[str, int]:
    """How many images of each split were used, and how many files were left out."""
    return {**{name: len(data.rows(name)) for name in ("train", "validation", "test")}, "skipped": len(data.skipped)}


def collection_facts(data: RunData) -> dict[str, Any]:
    """What the images are called, and their classes."""
    return {"name": data.collection.name, "classes": list(data.classes)}


def chosen_facts(trained: TrainedHeads, chosen: int) -> dict[str, Any]:
    """The setting that was chosen, its best epoch, and what it was chosen from."""
    setting = trained.settings[chosen]
    return {
        "label": setting.label,
        **setting.facts,
        "epoch": int(trained.best_epoch[chosen]),
        "head": chosen,
        "heads": len(trained.settings),
        "diverged": int(trained.diverged.sum()),
    }


def backbone_facts(data: RunData) -> dict[str, Any]:
    """Which base computed the features, from which weights, under which licence."""
    base = data.base
    return {
        "name": base.spelling,
        "weights_origin": base.weights.origin,
        "weights_sha256": base.weights.sha256,
        "licence": ", ".join(dict.fromkeys(_licence(member) for member in members_of(base))),
        "size": [base.height, base.width],
        "features": int(data.features.shape[1]),
        "precision": data.precision,
        "computed": data.computed,
        "preprocessing": base.preprocessing.name,
        **_member_facts(data),
    }


def _licence(base: Base) -> str:
    return base.network.card.licence if base.network else "that of the saved model"


def _member_facts(data: RunData) -> dict[str, Any]:
    """Of several backbones, what each is and gives."""
    members = members_of(data.base)
    if len(members) == 1:
        return {}
    each = member_precisions(data.precision, len(members))
    return {
        "members": [
            {
                "name": member.spelling,
                "weights_origin": member.weights.origin,
                "weights_sha256": member.weights.sha256,
                "licence": _licence(member),
                "resized_to": member.resized_to,
                "features": width,
                "precision": precision,
                "preprocessing": member.preprocessing.name,
            }
            for member, width, precision in zip(members, data.widths, each, strict=True)
        ]
    }


def augmentation_facts(data: RunData, config: TrainConfig) -> dict[str, Any]:
    """The policy and how many views of it were used; nothing where none were."""
    wanted = config.augmentation
    tuned = config.finetune is not None and wanted.finetune_views(data.augmentation)
    if not (wanted.views or wanted.test_views or tuned):
        return {}
    return {
        "policy": data.augmentation.as_dict(),
        "label": data.augmentation.label,
        "views": wanted.views or 0,
        "test_views": wanted.test_views,
    }


def warnings(trained: TrainedHeads, chosen: int, data: RunData, config: TrainConfig) -> list[str]:
    """What a reader must know before believing the numbers."""
    found = []
    collection = data.collection
    if config.backbone.scaling != "own":
        found.append(f"The inputs were scaled {config.backbone.scaling}, which is not what the network was trained on.")
    if lost := sorted({*collection.lost_classes, *collection.classes} - set(data.classes)):
        names = ", ".join(map(repr, lost))
        found.append(f"No image of {names} could be used, so the classifier does not know it: see skipped.csv.")
    if trained.diverged.any():
        labels = ", ".join(s.label for s, bad in zip(trained.settings, trained.diverged, strict=True) if bad)
        found.append(f"Training diverged for: {labels}. These heads took no part in the choice.")
    if len(data.skipped) > (len(collection.images) + len(collection.skipped)) / 10:
        found.append(f"{len(data.skipped)} files were left out, more than a tenth of what was found: see skipped.csv.")
    if trained.best_epoch[chosen] == trained.loss.shape[1]:
        found.append("The best epoch on validation was the last one: with more --epochs it may get better.")
    return found
