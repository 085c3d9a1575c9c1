"""What the MobileNet study keeps of its trainings: a run for each stage that is compared, a line for each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from regraft._files import write_bytes
from regraft.images.augmentation import Augmentation
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.environment import describe_environment
from regraft.runs.folder import RunFolder
from regraft.runs.recording import backbone_facts, collection_facts, image_counts, write_inputs, write_measured
from regraft.studies._runs_file import read_lines, write_lines
from regraft.studies.folder import StudyFolder
from regraft.training.finetuning import Top, top_probabilities
from regraft.training.top_inputs import ImagePixels

Stage = Literal["untrained", "scratch", "new-head", "fine-tuned"]
STAGES: tuple[Stage, ...] = ("untrained", "scratch", "new-head", "fine-tuned")
"""Those that are measured on the test images, fixed beforehand; `scratch` may be left out."""

Answers = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Step:
    """One of the four steps of fine-tuning.

    Attributes:
        number: 1 to 4.
        rates: the learning rates of the head and of each group of blocks that is trained, by name, the head first.
        views: augmented versions of each image that the epochs draw from, beside the plain one; None where every epoch
            draws a new one of each image, 0 where the images are plain.
        parameters: weights that are trained.
        patience: the step ends after so many epochs without a lower validation loss.
        epochs: at most.
        best_epoch: with the lowest validation loss; 0 where no epoch was better than the start.
        stopped_early: whether patience ended it, or a loss that was no number.
        seconds: of its epochs, without measuring.
        computing_seconds: of what is computed once before it, by the speed measured on some images.
        history: a row for each epoch, epoch 0 being the start.
    """

    number: int
    rates: dict[str, float]
    views: int | None
    parameters: int
    patience: int
    epochs: int
    best_epoch: int
    stopped_early: bool
    seconds: float
    computing_seconds: float
    history: list[dict[str, Any]]


def read_steps(folder: StudyFolder) -> list[Step]:
    """The steps that are done, in order.

    Raises:
        InputError: their file is damaged.
    """
    return read_lines(folder.path, lambda row: Step(**row))


def write_steps(folder: StudyFolder, steps: Sequence[Step]) -> None:
    """Writes all steps that are done."""
    write_lines(folder.path, steps)


def stage_run(folder: StudyFolder, stage: Stage) -> RunFolder:
    """Where a stage is recorded."""
    return RunFolder(folder.path / "runs" / stage)


def dogs_run(folder: StudyFolder) -> RunFolder:
    """Where dogs against flowers is recorded."""
    return RunFolder(folder.path / "runs" / "dogs-against-flowers")


def is_done(run: RunFolder) -> bool:
    """Whether it has been measured."""
    return (run.path / "metrics.json").is_file()


def record_stage(
    run: RunFolder,
    config: TrainConfig,
    data: RunData,
    answers: Answers,
    facts: dict[str, Any],
    history: Sequence[dict[str, Any]],
) -> None:
    """Records a stage.

    Args:
        run: where.
        config, data: of the study.
        answers: the probabilities of the validation and of the test images.
        facts: `label`, `parameters`, `epochs`, `best_epoch`, `seconds` of training, `computing_seconds`, and more.
        history: the rows of its epochs.
    """
    run.path.mkdir(parents=True, exist_ok=True)
    write_inputs(run, config, describe_environment(), data)
    run.write_history({"phase": "trained", "head": 0, **row} for row in history)
    measured = write_measured(run, data, answers)
    metrics = {
        **measured,
        "chosen": {"label": facts["label"], "epoch": facts["best_epoch"], "head": 0},
        "images": image_counts(data),
        "collection": collection_facts(data),
        "backbone": backbone_facts(data),
        "trained": facts,
        "seconds": {"training": facts["seconds"], "total": facts["seconds"] + facts["computing_seconds"]},
        "warnings": [],
    }
    run.write_json("metrics", metrics)


def plain_answers(data: RunData, top: Top) -> Answers:
    """The probabilities (images, classes) that a whole network gives the plain validation and test images."""
    size, found = (data.base.height, data.base.width), {}
    for split in ("validation", "test"):
        images = data.chosen(data.rows(split))
        found[split] = top_probabilities(top, ImagePixels(images, size, Augmentation()), np.arange(len(images)))
    return found


def write_weights(file: Path, arrays: Sequence[npt.NDArray[Any]]) -> None:
    """Writes the weights of a network, whole or not at all."""
    from safetensors.numpy import save

    file.parent.mkdir(exist_ok=True)
    write_bytes(file, save({f"{number:05}": np.ascontiguousarray(array) for number, array in enumerate(arrays)}))


def read_weights(file: Path) -> list[npt.NDArray[Any]]:
    """What `write_weights` wrote."""
    from safetensors.numpy import load_file

    found = load_file(file)
    return [found[name] for name in sorted(found)]
