"""Two classes of the small photos, and a whole cats-and-dogs study of them, on a network of 32 pixels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from small_studies import leave_out_the_model

from regraft.backbones.base import Base
from regraft.backbones.networks import preprocess
from regraft.studies.cats_study import CatsStudy

NETWORK = "EfficientNetLite0@32"


def two_classes(photos: Path, folder: Path) -> Path:
    """`pets/{cats,dogs}/NN.jpg`, 25 of each."""
    for old, new in (("red", "cats"), ("green", "dogs")):
        shutil.copytree(photos / old, folder / "pets" / new)
    return folder / "pets"


def begin(images: Path | str, output: Path, **options: Any) -> CatsStudy:
    """A study that takes as little time as it can."""
    given = {"backbones": [NETWORK], "seeds": 2, "epochs": 2, "scratch_epochs": 1, "quick": True}
    return CatsStudy(images, output, **{**given, **options})


def leave_out_the_models(patch: pytest.MonkeyPatch) -> None:
    """Saving a model takes seconds, whether its layers were trained or not."""
    leave_out_the_model(patch)

    def instead(run: Any, *_: Any) -> dict[str, Any]:
        run.model.write_bytes(b"a model")
        return {}

    patch.setattr("regraft.runs.pipeline.save_finetuned", instead)


def train_a_small_network_from_scratch(patch: pytest.MonkeyPatch) -> None:
    """A whole network takes some ten seconds to train, whatever its input size."""

    def small_network(base: Base, seed: int) -> Any:
        import keras

        keras.utils.set_random_seed(seed)
        pixels = keras.Input((base.height, base.width, 3), dtype="uint8")
        maps = preprocess(pixels, base.preprocessing)
        maps = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 5, strides=4, activation="relu")(maps))
        return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(maps), name="small")

    patch.setattr("regraft.studies.cats_training.random_network", small_network)
