from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly, graphs_here, small_network

from regraft.api import finetune_run, run_config
from regraft.backbones.base import open_base
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile
from regraft.runs.config import TrainConfig, make_config
from regraft.runs.data import RunData, draw_splits
from regraft.runs.folder import RunFolder

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


@contextmanager
def _quickly() -> Iterator[None]:
    """OpenVINO's graphs are built in this process, and Keras itself does without any."""
    with eagerly(), graphs_here():
        yield


@pytest.fixture
def quickly() -> Iterator[None]:
    """For tests that train small networks."""
    with _quickly():
        yield


@pytest.fixture(scope="session")
def small_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved network of 8 × 8 pixels and two blocks, `a_add` and `b_add`; its features are six maps, pooled."""
    path = tmp_path_factory.mktemp("backbone") / "small.keras"
    small_network().save(path)
    return path


@pytest.fixture(scope="session")
def small_config(photos: Path, small_backbone: Path) -> Callable[..., TrainConfig]:
    """A config for the photos and the small network, in f32 throughout, with a single head; and what is given."""

    def make(source: Path = photos, **sections: dict[str, Any]) -> TrainConfig:
        own = {
            "images": {"source": str(source)},
            # Through Keras, as building a graph for OpenVINO takes longer than all that is computed with it.
            "backbone": {"name": str(small_backbone), "engine": "keras", "precision": "f32"},
            "head": {"epochs": 15, "learning_rate": [0.3], "momentum": [0.9]},
        }
        sections = {name: {**own.get(name, {}), **sections.get(name, {})} for name in {**own, **sections}}
        if "finetune" in sections:
            sections["finetune"] = {"epochs": 2, "learning_rate": 0.01, "cache": "f32", **sections["finetune"]}
            sections["augmentation"] = {"views": 1, **sections.get("augmentation", {})}
        return make_config(sections)

    return make


@pytest.fixture(scope="session")
def frozen(small_config: Callable[..., TrainConfig], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of the small network, frozen."""
    with _quickly():
        return run_config(small_config(), tmp_path_factory.mktemp("runs") / "frozen")


@pytest.fixture(scope="session")
def tuned(frozen: RunFolder) -> RunFolder:
    """That run with its last block fine-tuned, beside it."""
    finetune = {"blocks": 1, "epochs": 2, "learning_rate": 0.01, "cache": "f32"}
    with _quickly():
        return finetune_run(frozen.path, None, {"finetune": finetune})


def _hash(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()
