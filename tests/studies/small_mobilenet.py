"""A MobileNet study of the small photos that takes as little time as it can, on a network of three convolutions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly

from regraft.features import engines
from regraft.studies import mobilenet, mobilenet_steps, mobilenet_study
from regraft.studies.folder import StudyFolder
from regraft.studies.mobilenet_runs import Step, read_steps, stage_run
from regraft.studies.mobilenet_steps import FourSteps
from regraft.studies.mobilenet_study import MobileNetStudy, Plan

SMALL = Plan(scratch=2, trial=1, rates=(0.01,), steps=(3, 2, 1, 1), patience=2, views=1, tuned_views=1, dogs=12)


def save_small_network(path: Path) -> Path:
    """Pixels (16, 16) → six features, through maps of 8, 4 and 2 pixels, with a classifying layer behind."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    pixels = keras.Input((16, 16, 3), dtype="uint8")
    maps = layers.Rescaling(1 / 128, -1.0)(pixels)
    for place, units in enumerate((4, 5, 6), 1):
        maps = layers.Conv2D(units, 3, 2, padding="same", use_bias=False, name=f"conv_{place}")(maps)
        maps = layers.ReLU(6.0)(layers.BatchNormalization(name=f"bn_{place}")(maps))
    keras.Model(pixels, layers.Dense(2)(layers.GlobalAveragePooling2D()(maps))).save(path)
    return path


def dogs_of(photos: Path, folder: Path) -> Path:
    """`pets/{cats,dogs}/NN.jpg`, other bytes than those of the photos."""
    for old, new in (("red", "cats"), ("green", "dogs")):
        (folder / "pets" / new).mkdir(parents=True)
        for file in sorted((photos / old).iterdir()):
            shutil.copy(file, folder / "pets" / new / file.name)
            with (folder / "pets" / new / file.name).open("ab") as copy:
                copy.write(b"another")
    return folder / "pets"


@contextmanager
def quickly() -> Iterator[None]:
    """The shortest plan, on ten images of each class; features by Keras, for exporting a graph takes seconds."""
    with pytest.MonkeyPatch.context() as patch, eagerly():
        patch.setattr(mobilenet_study, "QUICK", SMALL)
        patch.setattr(mobilenet_study, "QUICK_PER_CLASS", 10)
        patch.setitem(engines.ENGINES, "openvino", engines.ENGINES["keras"])
        yield


def begin(images: Path | str, output: Path | None, **options: Any) -> MobileNetStudy:
    return MobileNetStudy(images, output, **{"quick": True, **options})


@dataclass(frozen=True, eq=False)
class Finished:
    """A study that was stopped in its third step and gone on with.

    Attributes:
        study: as it was gone on with.
        before: the steps that were done when it was stopped, and the metrics of the training from scratch.
        told: what it told.
        moved: for each step by number, the layers of the network whose weights it changed.
    """

    study: MobileNetStudy
    before: tuple[list[Step], dict[str, Any]]
    told: list[str]
    moved: dict[int, set[str]]

    @property
    def folder(self) -> StudyFolder:
        return self.study.folder


@cache
def finished(photos: Path) -> Finished:
    """A whole study; there is one for all tests of a process, as it takes seconds."""
    folder = photos.parent / "mobilenet"
    folder.mkdir()
    told: list[str] = []
    moved: dict[int, set[str]] = {}
    run, train = FourSteps.run, mobilenet_steps.finetune

    def watched(steps: FourSteps, number: int, *given: Any, **options: Any) -> Step:
        before = weights_of(steps)
        step = run(steps, number, *given, **options)
        after = weights_of(steps)
        moved[number] = {
            name
            for name, old in before.items()
            if any(not np.array_equal(*pair) for pair in zip(old, after[name], strict=True))
        }
        return step

    def stopped(*given: Any, **options: Any) -> Any:
        if len(moved) == 2:
            raise KeyboardInterrupt
        return train(*given, **options)

    with quickly(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(FourSteps, "run", watched)
        network = save_small_network(folder / "small.keras")
        study = begin(photos, folder / "study", backbone=str(network), dogs=dogs_of(photos, folder))
        with patch.context() as stopping:
            stopping.setattr(mobilenet_steps, "finetune", stopped)
            with pytest.raises(KeyboardInterrupt):
                mobilenet.run_all(study, told.append)
        before = read_steps(study.folder), stage_run(study.folder, "scratch").metrics()
        resumed = MobileNetStudy(resume=study.folder.path)
        mobilenet.run_all(resumed, told.append)
    return Finished(resumed, before, told, moved)


def weights_of(steps: FourSteps) -> dict[str, list[Any]]:
    """Copies of all weights and statistics of the network, by layer."""
    return {layer.name: [np.array(array) for array in layer.get_weights()] for layer in steps.network.layers}
