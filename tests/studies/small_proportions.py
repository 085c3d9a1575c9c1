"""A proportions study of the small photos that takes as little time as it can, on a network of 32 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regraft.backbones.base import Base
from regraft.backbones.networks import preprocess
from regraft.studies.proportions_study import ProportionsStudy

NETWORK = "EfficientNetLite0@32"


def begin(images: Path | str, output: Path, **options: Any) -> ProportionsStudy:
    given = {"backbone": NETWORK, "seeds": 2, "epochs": 3, "scratch_epochs": 0, "fractions": (0.05, 0.25, 0.5, 1)}
    return ProportionsStudy(images, output, **{**given, **options})


def train_a_small_network_from_scratch(patch: pytest.MonkeyPatch) -> None:
    """A whole network takes some ten seconds to train, whatever its input size."""

    def small_network(base: Base, seed: int) -> Any:
        import keras

        keras.utils.set_random_seed(seed)
        pixels = keras.Input((base.height, base.width, 3), dtype="uint8")
        maps = preprocess(pixels, base.preprocessing)
        maps = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 5, strides=4, activation="relu")(maps))
        return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(maps), name="small")

    patch.setattr("regraft.transfer.scratch.random_network", small_network)
    patch.setattr("regraft.studies.proportions_scratch.random_network", small_network)
