from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_pixels import PIXELS
from small_tops import graphs_here

from regraft.backbones.base import Base, open_base
from regraft.backbones.graph import base_graph, graphs_folder
from regraft.images.labelled import LabelledImage
from regraft.images.opening import open_images


@pytest.fixture(scope="session")
def base(session_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A small network with random weights, 32 × 40 pixels to 16 features; its graph is built once a session."""
    import keras

    path = tmp_path_factory.mktemp("base") / "small.keras"
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 40, 3), dtype="uint8"),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(16, 5, strides=3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.save(path)
    base = open_base(str(path))
    with graphs_here():
        base_graph(base)
    return base


@pytest.fixture(scope="session")
def expected(base: Base) -> np.ndarray:
    """What Keras itself gives for `PIXELS`."""
    from regraft.backbones.networks import base_model

    return np.asarray(base_model(base)(PIXELS))


@pytest.fixture(scope="session")
def images(photos: Path) -> list[LabelledImage]:
    """75 small photos."""
    return list(open_images(photos).images)


@pytest.fixture
def empty_features(session_cache: Path, tmp_path: Path, base: Base, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without features; the graphs are those of the session."""
    base_graph(base)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "graphs").symlink_to(graphs_folder())
    monkeypatch.setenv("REGRAFT_CACHE", str(cache))
    return cache / "features"
