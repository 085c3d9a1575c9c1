"""The constructed cases: a source that misleads and one that helps, told apart by the control."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly

from regraft.api import train

EXAMPLE = Path(__file__).parents[2] / "examples" / "negative_transfer.py"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


def controlled(photos: Path, backbone: Path, output: Path, **sections: Any) -> dict[str, Any]:
    settings = {"backbone": {"engine": "keras", "precision": "f32"}, **sections}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regraft.runs.pipeline.save_joined", lambda run, data: {})
        run = train(photos, backbone=str(backbone), output=output, control=True, settings=settings)
    return run.metrics()


def test_a_network_that_learnt_brightness_hurts_where_shape_counts(example: dict[str, Any], tmp_path: Path) -> None:
    # Whole batches, of 192 images and of 256: Keras makes a graph for each size.
    images = example["write_images"](tmp_path / "stripes", 320)
    backbone = example["train_network"](tmp_path / "misled.keras", *example["stripes"](512, seed=1))
    metrics = controlled(
        images, backbone, tmp_path / "run",
        images={"exact": True}, control={"epochs": 8, "learning_rates": [0.01]},
    )  # fmt: skip
    control = metrics["control"]
    assert control["kind"] == "hurts"
    assert control["interval_points"][1] < -10
    assert control["accuracy"] > 0.85
    assert metrics["test"]["accuracy"] < 0.7
    assert control["difference_points"] == pytest.approx(100 * (metrics["test"]["accuracy"] - control["accuracy"]))
    assert control["verdict"].startswith("Transfer hurts here (negative transfer):")


def test_a_network_that_sees_edges_helps_where_images_are_few(example: dict[str, Any], tmp_path: Path) -> None:
    import keras

    across = np.zeros((3, 3, 3), np.float32)
    across[1, 0], across[1, 2] = -1, 1
    edges = [across, -across, across.transpose(1, 0, 2), -across.transpose(1, 0, 2)]
    network = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Rescaling(1 / 128, -1),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    network.layers[1].set_weights([np.stack(edges, axis=-1), np.zeros(4, np.float32)])
    network.save(tmp_path / "edges.keras")
    images = example["write_images"](tmp_path / "stripes", 100)
    with eagerly():
        metrics = controlled(
            images, tmp_path / "edges.keras", tmp_path / "run",
            images={"test": 0.6, "validation": 0.1, "exact": True}, control={"epochs": 2, "learning_rates": [0.001]},
        )  # fmt: skip
    control = metrics["control"]
    assert control["kind"] == "helps"
    assert control["interval_points"][0] > 5
    assert metrics["test"]["accuracy"] > 0.9
