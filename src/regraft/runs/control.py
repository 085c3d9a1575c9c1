"""The control of a run: the same network from random weights on the same images, and what that says of transfer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft._keras_backend import choose_keras_backend
from regraft._progress import progress
from regraft.backbones.base import Base
from regraft.errors import InputError
from regraft.images.augmentation import Augmentation
from regraft.runs._control_facts import control_facts, control_metrics, control_warnings, judged
from regraft.runs._time_left import time_left
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.environment import describe_environment
from regraft.runs.folder import RunFolder
from regraft.runs.recording import write_inputs, write_measured
from regraft.training.finetuning import soften, top_probabilities
from regraft.training.heads import balanced_class_weight
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import ImagePixels
from regraft.transfer.scratch import (
    Scratch,
    ScratchSettings,
    best_trained_epoch,
    forget,
    random_network,
    shorten_averages,
    train_scratch,
)

FOLDER = "control"
"""Where the control of a run lies, in the folder of the run."""

_KEPT, _KEPT_REFIT = "scratch.safetensors", "refit.safetensors"


@dataclass(frozen=True)
class ControlPlan:
    """What the control is going to be.

    Attributes:
        settings: of its training.
        refit: whether it is then trained again on training and validation images together, as the run is.
        budget: epochs of the run, for its heads and for fine-tuning together.
        parameters: weights of the network that are trained, without the head.
    """

    settings: ScratchSettings
    refit: bool
    budget: int
    parameters: int


def plan_control(base: Base, config: TrainConfig) -> ControlPlan:
    """Plans the control of a run, so that what cannot be is refused before long work.

    Raises:
        InputError: the network cannot be had with random weights, or a setting is out of its range.
        MissingPackageError: nothing that trains is installed.
    """
    assert config.control is not None
    choose_keras_backend(training=True)
    network = random_network(base, config.seed)
    tuned = config.finetune
    budget = config.head.epochs + (tuned.epochs if tuned is not None else 0)
    return ControlPlan(
        settings=config.control.settings(budget, config.seed, batchnorm=shorten_averages(network)),
        refit=tuned is None or tuned.refit,
        budget=budget,
        parameters=sum(int(np.prod(weights.shape)) for weights in network.trainable_weights),
    )


def control_run(
    data: RunData,
    config: TrainConfig,
    plan: ControlPlan,
    setting: HeadSettings,
    run: RunFolder,
    tell: Callable[[str], object] | None = None,
) -> dict[str, Any]:
    """Trains and measures the control, and compares the run with it.

    Learning rate and epoch are chosen on validation; the network that results is measured on the test images, once.
    It is written as a small run folder of its own, without a model. What a killed control would go on from lies there
    as well, until `forget_control`.

    Args:
        data, config: of the run.
        plan: what `plan_control` gave.
        setting: what the head of the run was trained with: the control's has the same layers and dropout.
        run: measured already.
        tell: told what will be done before it is, and after some seconds how long it will take.

    Returns:
        For the run's `metrics.json`.
    """
    folder = RunFolder(run.path / FOLDER)
    folder.path.mkdir(exist_ok=True)
    rows = data.rows("train", "validation")
    splits = data.splits[rows]
    train, validation = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "validation")
    policy = _policy(data, config)
    work = _Work(data, config, setting, policy, rows, tell)
    if tell is not None:
        tell(_announcement(data, plan, len(train), len(rows)))
    chosen = work.train(plan.settings, train, validation, "Control", folder.path / _KEPT)
    size, views = (data.base.height, data.base.width), config.augmentation.test_views
    answers = {
        "validation": top_probabilities(
            chosen.top, ImagePixels(data.chosen(rows), size, data.augmentation), validation, views
        )
    }
    history = [{"phase": "scratch", "head": 0, **row} for row in chosen.done.history]
    seconds = chosen.seconds
    final, again, warnings = chosen, 0, control_warnings(chosen, plan.budget, len(data.classes))
    if plan.refit:
        again = best_trained_epoch(chosen.done)
        one = replace(plan.settings, learning_rates=(chosen.settings.learning_rate,))
        try:
            final = work.train(one, np.arange(len(rows)), None, "Control, refit", folder.path / _KEPT_REFIT, again)
            seconds += final.seconds
            soften(final.top, chosen.done.temperature)
            history += [{"phase": "scratch refit", "head": 0, **row} for row in final.done.history]
        except InputError:
            again = 0
            warnings.append(
                "Trained again on training and validation images together, the control diverged: the one that was "
                "trained on the training images alone is measured."
            )
    tested = data.rows("test")
    pixels = ImagePixels(data.chosen(tested), size, data.augmentation)
    answers["test"] = top_probabilities(final.top, pixels, np.arange(len(tested)), views)

    write_inputs(folder, config, describe_environment(), data)
    folder.write_history(history)
    measured = write_measured(folder, data, answers)
    facts = control_facts(chosen, again, policy, plan.budget) | {"seconds": round(seconds, 3)}
    folder.write_json("metrics", control_metrics(measured, data, chosen, facts, warnings))
    return judged(run, folder, measured) | facts | {"warnings": warnings}


def forget_control(run: RunFolder) -> None:
    """Removes what a killed control would have gone on from: the run is written."""
    for name in (_KEPT, _KEPT_REFIT):
        forget(run.path / FOLDER / name)


def is_control(path: Path) -> bool:
    """Whether a folder is the control of the run it lies in: made by `control_run`, or begun by it."""
    folder = RunFolder(path.resolve())
    if folder.path.name != FOLDER:
        return False
    if (folder.path / "metrics.json").is_file():
        return "from_scratch" in folder.metrics()
    return (folder.path / _KEPT).is_file()


class _Work:
    """Trains networks from scratch on the images of a run."""

    def __init__(
        self,
        data: RunData,
        config: TrainConfig,
        setting: HeadSettings,
        policy: Augmentation,
        rows: Any,
        tell: Callable[[str], object] | None,
    ) -> None:
        self._data, self._config, self._setting, self._policy, self._tell = data, config, setting, policy, tell
        self._images, self._labels = data.chosen(rows), data.labels[rows]

    def train(
        self,
        settings: ScratchSettings,
        rows: Any,
        validation: Any,
        name: str,
        kept: Path,
        stop_after: int | None = None,
    ) -> Scratch:
        """One training with its trials, shown under a name."""
        data, head = self._data, self._config.head
        classes = len(data.classes)
        balanced = head.class_weight == "balanced"
        total = len(rows) * (settings.all_epochs if stop_after is None else stop_after)
        left = time_left(name, total, settings.batch_size, self._tell)
        with progress(name, total) as advance:

            def count(images: float) -> None:
                advance(images)
                left(images)

            return train_scratch(
                data.base,
                self._images,
                self._labels,
                classes,
                settings,
                rows=rows,
                validation=validation,
                head=self._setting,
                activation=head.activation,
                augmentation=self._policy,
                class_weight=balanced_class_weight(self._labels[rows], classes) if balanced else None,
                sampling=head.sampling,
                stop_after=stop_after,
                kept=kept,
                progress=count,
            )


def _policy(data: RunData, config: TrainConfig) -> Augmentation:
    """How the images are varied for the control: in every epoch anew where the run saw views."""
    tuned = config.finetune is not None and config.augmentation.finetune_views(data.augmentation) > 0
    return data.augmentation if tuned or config.augmentation.views else Augmentation()


def _announcement(data: RunData, plan: ControlPlan, train: int, both: int) -> str:
    settings = plan.settings
    rates = f"{len(settings.learning_rates)} learning rates for {_epochs(settings.trial_epochs)} each, then "
    most = train * settings.all_epochs + both * settings.epochs * plan.refit
    again = f", and at most as many again with the {both - train:,} validation images" if plan.refit else ""
    return (
        f"Control: {data.base.spelling} from random weights, {plan.parameters:,} of them: "
        f"{rates if settings.tries else ''}{_epochs(settings.epochs)} on {train:,} images{again}; "
        f"{most:,} images to learn from in all. The run itself is measured and saved."
    )


def _epochs(number: int) -> str:
    return f"{number:,} epoch{'' if number == 1 else 's'}"
