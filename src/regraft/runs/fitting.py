"""Heads trained on the data of a run, on cached features or through Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.training.heads import TrainedHeads, balanced_class_weight, rms_norm, train_heads
from regraft.training.scaling import source_scale
from regraft.training.settings import HeadSettings
from regraft.training.weights import HeadWeights

Rows = npt.NDArray[np.int64]


def fit_heads(
    data: RunData,
    config: TrainConfig,
    rows: Rows,
    validation: Rows | None,
    *,
    settings: Sequence[HeadSettings],
    epochs: int,
    progress: Callable[[int], None] | None = None,
) -> TrainedHeads:
    """Trains heads on some rows of the data, with the options that a config has beside its grid.

    Args:
        rows: of the images to train on.
        validation: rows to measure after every epoch; None for none.
        settings: one per head; they need not be the config's own.
        epochs: passes over the images.
        progress: called with 1 after each epoch (of each head, where the config says `standard`).
    """
    common: dict[str, Any] = {
        "classes": len(data.classes),
        "batch_size": config.head.batch_size,
        "activation": config.head.activation,
        "order_seed": config.seed,
        # Of the training images also where validation images join them: the refit changes the images and nothing else.
        "scale": _scale(data) if config.head.scale_features else 1.0,
        # Of the images at hand, as the sampling is: balance is a matter of what is trained on, not of what was chosen.
        "class_weight": balanced_class_weight(data.labels[rows], len(data.classes))
        if config.head.class_weight == "balanced"
        else None,
        "sampling": config.head.sampling,
        "settings": settings,
        "epochs": epochs,
        "progress": progress,
    }
    if not config.head.standard:
        held = None if validation is None else (data.features[validation], data.labels[validation])
        views = config.augmentation.views or 0
        features = data.seen(rows, views) if views else data.features[rows]
        return train_heads(features, data.labels[rows], validation=held, **common)
    from regraft.training.standard import train_heads_standard

    seen = None if validation is None else (data.chosen(validation), data.labels[validation])
    return train_heads_standard(data.base, data.chosen(rows), data.labels[rows], validation=seen, **common)


def _scale(data: RunData) -> float | npt.NDArray[np.float32]:
    """One number for the features of one backbone; for several, each backbone's own."""
    features = data.features[data.rows("train")]
    return source_scale(features, data.widths) if len(data.widths) > 1 else rms_norm(features)


def head_answers(weights: HeadWeights, data: RunData, rows: Rows, config: TrainConfig) -> npt.NDArray[np.float32]:
    """Class probabilities (len(rows), classes) of a head, averaged over the plain image and the config's test views."""
    answers = [weights.probabilities(features) for features in data.seen(rows, config.augmentation.test_views)]
    mean: npt.NDArray[np.float32] = np.mean(answers, axis=0, dtype=np.float32)
    return mean
