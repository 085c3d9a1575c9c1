"""Data and configs for the trials of a search, without images on the disk."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import open_base
from regraft.images.labelled import ImageCollection, LabelledImage
from regraft.runs.config import TrainConfig, make_config
from regraft.runs.data import RunData

WIDTH = 6


def searched(**sections: Any) -> TrainConfig:
    """A config of few epochs."""
    values: dict[str, Any] = {"images": {"source": "made up"}, "head": {"epochs": 4, **sections.pop("head", {})}}
    return make_config({**values, **sections})


def search_data(
    features: npt.NDArray[np.float32] | None = None,
    labels: npt.NDArray[np.int64] | None = None,
    splits: npt.NDArray[np.str_] | None = None,
) -> RunData:
    """Three classes that can be told apart, not always; 40 images for training, 20 for validation, 12 for test."""
    draw = np.random.default_rng(0)
    if labels is None:
        labels = draw.integers(0, 3, 72)
    if features is None:
        features = (draw.uniform(0, 1, (3, WIDTH))[labels] + draw.normal(0, 0.3, (len(labels), WIDTH))).astype(
            np.float32
        )
    if splits is None:
        splits = draw.permutation(["train"] * 40 + ["validation"] * 20 + ["test"] * 12)
    images = tuple(
        LabelledImage(f"{row}.jpg", f"class {label}", hashlib.sha256(bytes([row])).hexdigest(), Path(f"{row}.jpg"))
        for row, label in enumerate(labels)
    )
    classes = ("class 0", "class 1", "class 2")
    return RunData(
        images=images,
        classes=classes,
        labels=labels,
        features=features,
        splits=splits,
        base=open_base("EfficientNetLite0"),
        precision="f32",
        skipped=(),
        computed=0,
        collection=ImageCollection("made up", images, (), classes),
    )
