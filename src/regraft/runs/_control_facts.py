"""What is written down of a control: how it was trained, what it measured, and how the run compares with it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from regraft.images.augmentation import Augmentation
from regraft.runs.comparing import compare_runs
from regraft.runs.data import RunData
from regraft.runs.folder import RunFolder
from regraft.runs.recording import backbone_facts, collection_facts, image_counts
from regraft.transfer.scratch import Scratch
from regraft.transfer.verdict import transfer_verdict

_HARDLY_BETTER = 0.98  # than guessing


def control_warnings(chosen: Scratch, budget: int, classes: int) -> list[str]:
    """What a reader must know of a control before believing the verdict.

    Args:
        chosen: the training on the training images.
        budget: epochs of the run.
        classes: how many there are.
    """
    found = []
    if chosen.settings.epochs < budget:
        found.append(
            f"The control had {chosen.settings.epochs:,} epoch{'s' * (chosen.settings.epochs > 1)}, fewer than the "
            f"{budget:,} of the run: with more (--control-epochs) it may get better."
        )
    if all(one.val_loss is None for one in chosen.tried) and chosen.tried:
        found.append("Every learning rate that was tried for the control diverged: try lower ones.")
    if any(row["loss"] is None for row in chosen.done.history if row["epoch"]):
        found.append(
            "The control diverged: its loss stopped being a number before the last epoch. A smaller learning rate may "
            "carry it on ([control] learning_rates of --config)."
        )
    elif not chosen.done.best_epoch:
        found.append("No epoch of the control was better on validation than its random start.")
    elif chosen.done.best_epoch == chosen.settings.epochs and not found:
        found.append(
            "The best epoch of the control was its last one: with more epochs (--control-epochs) it may get better."
        )
    return found + _rate_warnings(chosen, classes)


def _rate_warnings(chosen: Scratch, classes: int) -> list[str]:
    losses = [one.val_loss for one in chosen.tried if one.val_loss is not None]
    if len(chosen.tried) < 2 or not losses:
        return []
    if min(losses) > _HARDLY_BETTER * math.log(classes):
        return [
            f"No learning rate of the control did better than guessing in its trial (lowest validation loss "
            f"{min(losses):.3f}, that of guessing {math.log(classes):.3f}), so its choice is chance: more epochs "
            "(--control-epochs) make the trials longer."
        ]
    rates = [one.learning_rate for one in chosen.tried]
    for end, word in ((max(rates), "high"), (min(rates), "low")):
        if chosen.settings.learning_rate == end:
            return [
                f"The {word}est learning rate tried for the control was the best one: a {word}er one may be better."
            ]
    return []


def control_facts(chosen: Scratch, again: int, policy: Augmentation, budget: int) -> dict[str, Any]:
    """How a control was trained.

    Args:
        chosen: the training on the training images.
        again: epochs of the one on training and validation images; 0 where there was none.
        policy: of the views it saw.
        budget: epochs of the run.
    """
    return {
        "settings": chosen.settings.label,
        "learning_rate": chosen.settings.learning_rate,
        "tried": [vars(one) for one in chosen.tried],
        "epochs": len([row for row in chosen.done.history if row["epoch"]]),
        "budget_epochs": budget,
        "best_epoch": chosen.done.best_epoch,
        "refit_epochs": again,
        "batch_size": chosen.settings.batch_size,
        "augmented": not policy.changes_nothing,
        "parameters": sum(int(np.prod(weights.shape)) for weights in chosen.top.whole.trainable_weights),
    }


def control_metrics(
    measured: dict[str, Any], data: RunData, chosen: Scratch, facts: dict[str, Any], warnings: list[str]
) -> dict[str, Any]:
    """The `metrics.json` of the control's own folder."""
    random = {"weights_origin": "random", "weights_sha256": None, "computed": 0, "precision": "f32"}
    backbone = backbone_facts(data)
    return {
        **measured,
        "from_scratch": True,
        "model": None,
        "images": image_counts(data),
        "chosen": {
            "label": f"all layers, from random weights, {chosen.settings.label}",
            "epoch": chosen.done.best_epoch,
            "head": 0,
            "heads": max(1, len(chosen.tried)),
        },
        "collection": collection_facts(data),
        "backbone": {**backbone, **random, "name": f"{backbone['name']}, from random weights"},
        "trained": facts,
        "seconds": {"training": facts["seconds"], "total": facts["seconds"]},
        "warnings": [
            "This is the control of the run in the folder above, trained from random weights. Its answers are kept, "
            "its model is not.",
            *warnings,
        ],
    }


def judged(run: RunFolder, folder: RunFolder, measured: dict[str, Any]) -> dict[str, Any]:
    """The run against its control: run minus control."""
    (pair,) = compare_runs([folder, run]).pairs
    found = transfer_verdict(pair.shared, pair.accuracy[1], pair.accuracy[0], pair.difference, pair.interval, pair.p)
    return {
        "folder": folder.path.name,
        "accuracy": measured["test"]["accuracy"],
        "accuracy_interval": list(measured["test"]["accuracy_interval"]),
        "validation_accuracy": measured["validation"]["accuracy"],
        "images": pair.shared,
        "difference_points": 100 * pair.difference,
        "interval_points": [100 * bound for bound in pair.interval],
        "p": pair.p,
        "test": pair.test,
        "kind": found.kind,
        "verdict": found.text,
    }
