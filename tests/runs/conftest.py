from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones.base import open_base
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData, draw_splits

WIDTH = 6


@pytest.fixture
def made_data() -> Callable[..., RunData]:
    """Gives data made up for a config: features that are easy to tell apart, of images that are nowhere."""

    def make(config: TrainConfig, classes: tuple[str, ...] = ("blue", "red"), **changes: Any) -> RunData:
        rng = np.random.default_rng(0)
        labels = np.tile(np.arange(len(classes)), 40)
        images = tuple(
            LabelledImage(f"{classes[label]}/{row}", classes[label], _hash(row), Path(f"{row}.jpg"), group=None)
            for row, label in enumerate(labels)
        )
        centres = rng.uniform(0, 1, (len(classes), WIDTH))
        features = (3 * centres[labels] + rng.normal(0, 0.4, (len(labels), WIDTH))).astype(np.float32)
        values: dict[str, Any] = {
            "images": images,
            "classes": classes,
            "labels": labels,
            "features": features,
            "splits": np.array(draw_splits(images, config)),
            "base": open_base("EfficientNetLite0"),
            "precision": "f32",
            "skipped": (SkippedFile("blue/broken.jpg", "empty"),),
            "computed": 3,
            "collection": ImageCollection("made up", images, (), classes),
        }
        return RunData(**{**values, **changes})

    return make


def _hash(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()
