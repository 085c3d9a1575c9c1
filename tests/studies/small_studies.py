"""Studies of the small photos, and what stands in for the parts that take seconds each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from regraft.features.extraction import extract
from regraft.images.labelled import LabelledImage
from regraft.runs.folder import RunFolder
from regraft.studies.cells import Cell, cells_of, train_cells
from regraft.studies.declaration import Study, make_study
from regraft.studies.reading import read_results
from regraft.studies.results import Results
from regraft.training.heads import TrainedHeads, train_heads


def photo_study(photos: Path, vary: dict[str, Any], **parts: Any) -> Study:
    """A study of three classes of 25 images, on features that are computed once a session."""
    values: dict[str, Any] = {
        "seeds": 2,
        "vary": vary,
        "images": {"source": str(photos), "exact": True, **parts.pop("images", {})},
        "backbone": {"precision": "f32", **parts.pop("backbone", {})},
        "head": {"epochs": 3, "nesterov": [False], "momentum": [0.0], **parts.pop("head", {})},
    }
    return make_study({**values, **parts})


def train_study(study: Study, folder: Path) -> tuple[list[Cell], Results]:
    """All cells of a study, trained, and their results."""
    cells = cells_of(study, folder)
    train_cells(cells, lambda epochs: None)
    return cells, read_results(study, cells)


def without_seconds(run: RunFolder) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.history()]


def leave_out_the_model(patch: pytest.MonkeyPatch) -> None:
    """Building the network in Keras to save it takes seconds, and nothing here looks at it."""

    def instead(run: RunFolder, *_: Any) -> dict[str, Any]:
        run.model.write_bytes(b"a model")
        return {}

    patch.setattr("regraft.runs.pipeline.save_joined", instead)


def leave_out_the_slow_facts(patch: pytest.MonkeyPatch) -> None:
    """Two facts of a flower study take seconds and are tested in `tests/studies/test_flowers.py`: the networks before
    and after, built whole in Keras, and what the other scaling costs, for which the network's graph is built again."""

    def small_networks(*_: Any) -> tuple[Any, Any]:
        import keras

        before = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1000)])
        after = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        return before, after

    patch.setattr("regraft.studies.flowers._networks", small_networks)
    patch.setattr("regraft.studies.flower_study.WRONG_SCALING", "own")


def write_page(run: RunFolder, images: dict[str, LabelledImage]) -> None:
    """In the place of the report of a run."""
    run.report.write_text(json.dumps(sorted(images)))


def train_on_features(
    base: Any,
    images: Sequence[LabelledImage],
    labels: Any,
    settings: Any,
    *,
    validation: Any = None,
    progress: Any = None,
    **common: Any,
) -> TrainedHeads:
    """In the place of training through Keras, which takes ten seconds a setting to compile (see `test_agreement`)."""
    held = None
    if validation is not None:
        held = extract(validation[0], base, precision="f32").features(), validation[1]
    features = extract(images, base, precision="f32").features()
    trained = train_heads(features, labels, settings, validation=held, **common)
    for _ in range(len(settings) * common["epochs"]):
        if progress is not None:
            progress(1)
    return trained
