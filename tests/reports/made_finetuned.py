"""Fine-tuned runs made up for the reports: a made run with what fine-tuning and augmentation write beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from made_runs import MadeRun, history_rows, make_run
from PIL import Image

from regraft._files import sha256_of_file
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage
from regraft.runs.config import TrainConfig, make_config

POLICY = Augmentation(horizontal_flip=True, rotation=10, crop=(0.5, 1.0), brightness=0.2)


def finetune_rows(epochs: int = 8, *, best: int = 5, diverged: int | None = None) -> list[dict[str, Any]]:
    """The start and so many epochs, with the lowest validation loss at `best`; from the epoch `diverged` on no loss."""
    rows: list[dict[str, Any]] = [{"phase": "finetune", "epoch": 0, "val_loss": 0.42, "val_accuracy": 0.8}]
    for epoch in range(1, epochs + 1):
        lost = diverged is not None and epoch >= diverged
        values = {
            "epoch": epoch,
            "learning_rate": 2e-4 * (1 - epoch / (epochs + 1)),
            "loss": None if lost else 0.5 * 0.7**epoch + 0.05,
            "seconds": 1.5,
            "val_loss": None if lost else 0.3 + 0.02 * abs(epoch - best) + (0.2 if not best else 0.0),
            "val_accuracy": 0.2 if lost else 0.9 - 0.01 * abs(epoch - best),
        }
        rows.append({"phase": "finetune"} | values)
    return rows


def finetune_facts(**changes: Any) -> dict[str, Any]:
    """The facts of fine-tuning the last two blocks, with changes."""
    facts: dict[str, Any] = {
        "cut": "stages_4_block_2_add", "activations": [14, 14, 112], "blocks": ["stages_5", "stages_6"], "layers": 37,
        "parameters": 2_812_345, "settings": "adamw, lr 0.0002, cosine", "views": 8, "bytes": 351_234_567,
        "epochs": 8, "best_epoch": 5, "temperature": 1.0, "stopped_early": False, "refit": True,
        "images_per_second": 262.4,
        "frozen": {"validation_loss": 0.42, "validation_accuracy": 0.8},
        "tuned": {"validation_loss": 0.3, "validation_accuracy": 0.9},
    }  # fmt: skip
    return facts | changes


def augmentation_facts(**changes: Any) -> dict[str, Any]:
    """The facts of an augmentation that fine-tuning alone used, with changes."""
    return {"policy": POLICY.as_dict(), "label": POLICY.label, "views": 0, "test_views": 0} | changes


def made_config(*, finetune: dict[str, Any] | None = None, augmentation: dict[str, Any] | None = None) -> TrainConfig:
    """The config of a fine-tuned run."""
    return make_config(
        {
            "images": {"source": "folder", "path": "photos"},
            "finetune": finetune or {},
            "augmentation": augmentation or {},
        }
    )


def make_finetuned(
    folder: Path,
    *,
    facts: dict[str, Any] | None = None,
    augmentation: dict[str, Any] | None = None,
    rows: list[dict[str, Any]] | None = None,
    config: TrainConfig | None = None,
    photos: int = 3,
    **options: Any,
) -> MadeRun:
    """A made run that was fine-tuned, with some training images.

    Args:
        folder: where it is made.
        facts: of fine-tuning; those of `finetune_facts` where nothing is given.
        augmentation: of the views; those of `augmentation_facts` where nothing is given.
        rows: of fine-tuning, in the history.
        config: of the run.
        photos: training images.
        options: of `make_run`; `changes` to the metrics among them.
    """
    own = {
        "finetune": finetune_facts() if facts is None else facts,
        "augmentation": augmentation or augmentation_facts(),
    }
    changes = own | options.pop("changes", {})
    heads = [*history_rows(), *({**row, "phase": "refit"} for row in history_rows(heads=1, epochs=5))]
    history = [*heads, *(finetune_rows() if rows is None else rows)]
    run, images = make_run(folder, history=history, changes=changes, **options)
    run.write_config(config or made_config())
    rng = np.random.default_rng(1)
    trained = []
    for number in range(photos):
        file = folder / "photos" / f"train-{number}.jpg"
        Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize((80, 60)).save(file)
        trained.append(LabelledImage(f"daisy/train-{number}.jpg", "daisy", sha256_of_file(file), file))
    every = [*images.values(), *trained]
    run.write_splits(
        every, [*(["test"] * (len(images) // 2)), *(["validation"] * (len(images) // 2)), *["train"] * photos]
    )
    return run, {image.sha256: image for image in every}
