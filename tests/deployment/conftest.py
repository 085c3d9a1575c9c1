"""What the tests of this folder share: one small finished run, of real files, with its graph built."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_tops import SIZE, eagerly, graphs_here, small_network

from regraft.api import run_config
from regraft.runs.config import make_config
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor


@pytest.fixture(scope="session")
def small_run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of the red, green and blue photos on a network of 8 × 8 pixels, f32. Do not write into it."""
    folder = tmp_path_factory.mktemp("deployed")
    small_network().save(folder / "small.keras")
    config = make_config(
        {
            "images": {"source": str(photos)},
            "backbone": {"name": str(folder / "small.keras"), "engine": "keras", "precision": "f32"},
            "head": {"epochs": 15, "learning_rate": [0.3], "momentum": [0.9]},
        }
    )
    with eagerly(), graphs_here():
        run = run_config(config, folder / "small-run")
        # The graph is built here, in this process, and found in the cache from now on.
        Predictor(run).plain_probabilities([np.zeros((SIZE, SIZE, 3), np.uint8)])
    return run


@pytest.fixture(scope="session")
def small_predictor(small_run: RunFolder) -> Predictor:
    """That run at work."""
    return Predictor(small_run)
