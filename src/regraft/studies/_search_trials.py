"""The trials of a search: heads trained together on cached features, and tops fine-tuned one after another."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from regraft.backbones.cuts import Cut
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.fitting import fit_heads
from regraft.runs.top_data import card_of, cut_for, top_data
from regraft.training.finetuning import Top, build_top, finetune
from regraft.training.heads import balanced_class_weight
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import TopInputs
from regraft.training.weights import HeadWeights

Report = Callable[[float, int], bool]
"""Takes the validation loss of a step; True asks for the trial to be pruned."""


@dataclass(frozen=True)
class Outcome:
    """What a trial gave.

    Attributes:
        state: `complete`, `pruned` or `diverged`.
        label: of its settings, for people.
        loss, accuracy: on validation at the best epoch; None where it diverged.
        epoch: the best one, of the last phase.
        seconds: that it took; of heads trained at once each has an equal part.
    """

    state: Literal["complete", "pruned", "diverged"]
    label: str
    loss: float | None
    accuracy: float | None
    epoch: int
    seconds: float

    def about(self) -> dict[str, Any]:
        """What is kept of it beside its state."""
        return {
            "label": self.label,
            "loss": self.loss,
            "accuracy": self.accuracy,
            "epoch": self.epoch,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, eq=False)
class TrialHead:
    """The head of a trial: its outcome, and what fine-tuning begins with."""

    outcome: Outcome
    settings: HeadSettings
    weights: HeadWeights


def without_test(data: RunData) -> RunData:
    """The same data without the test images: nothing in a trial can see them."""
    kept = data.rows("train", "validation")
    return replace(
        data,
        images=tuple(data.chosen(kept)),
        labels=data.labels[kept],
        features=data.features[kept],
        splits=data.splits[kept],
        views=None if data.views is None else data.views[:, kept],
    )


def train_trial_heads(data: RunData, configs: Sequence[TrainConfig]) -> list[TrialHead]:
    """Trains the heads of several trials as one stacked problem, and measures them on validation.

    Of a trial with several seeds the losses and accuracies are means, and the first head stands for it, as in
    `training.choice.choose`.

    Args:
        data: of the run.
        configs: one for each trial, each with one setting of the head; they differ in their heads only.
    """
    started = time.perf_counter()
    grids = [config.head_settings() for config in configs]
    shared = configs[0]
    trained = fit_heads(
        data,
        shared,
        data.rows("train"),
        data.rows("validation"),
        settings=[setting for grid in grids for setting in grid],
        epochs=shared.head.epochs,
    )
    seconds = round((time.perf_counter() - started) / len(configs), 4)
    heads, start = [], 0
    for grid in grids:
        part = trained.select(range(start, start + len(grid)))
        start += len(grid)
        sound = not part.diverged.any()
        loss = float(part.val_loss.min(axis=1).mean()) if sound else None
        best = part.val_accuracy[np.arange(len(grid)), part.best_epoch - 1]
        outcome = Outcome(
            "complete" if sound else "diverged",
            grid[0].label,
            loss,
            float(best.mean()) if sound else None,
            int(part.best_epoch[0]),
            seconds,
        )
        heads.append(TrialHead(outcome, part.settings[0], part.best_weights[0]))
    return heads


@dataclass(frozen=True, eq=False)
class _CutInputs:
    """The network cut in one place: its parts and pretrained weights, and the activations without the test images'."""

    wish: dict[str, Any]
    parts: Cut
    pretrained: list[Any]
    inputs: TopInputs


class TopTrials:
    """Fine-tunes the tops of trials, each from the pretrained weights.

    Args:
        data: of the run. The activations of its test images are computed with the others and let go of: the trials
            get those of training and validation only.
        kept: a file for the state after every epoch; a trial that was killed goes on from it when it is tried again.
    """

    def __init__(self, data: RunData, kept: Path) -> None:
        self._whole, self._data, self._kept = data, without_test(data), kept
        self._cut: _CutInputs | None = None

    def prepare(self, config: TrainConfig, tell: Callable[[str], object] | None = None) -> None:
        """Cuts the network as a config says and computes or reads the activations; the last ones stay in memory.

        Raises:
            InputError: there is no such cut, or no room for the activations.
        """
        self._cut_as(config, tell)

    def _cut_as(self, config: TrainConfig, tell: Callable[[str], object] | None = None) -> _CutInputs:
        assert config.finetune is not None
        wish: dict[str, Any] = config.finetune.wish()
        if self._cut is None or self._cut.wish != wish:
            self._cut = None  # first, so that not two of them are in memory
            parts = cut_for(self._data.base, config.finetune)
            pretrained = [np.array(weights) for weights in parts.whole.get_weights()]
            learned = top_data(self._whole, config, parts, tell).learned
            self._cut = _CutInputs(wish, parts, pretrained, learned)
        return self._cut

    def train(self, config: TrainConfig, head: TrialHead, report: Report) -> Outcome:
        """Fine-tunes a top that begins with a head, as `runs.finetuning` does before it measures test.

        Args:
            config: of the trial.
            head: trained with it.
            report: told of the validation loss after every epoch; the steps are the epochs.
        """
        assert config.finetune is not None
        cut = self._cut_as(config)
        started = time.perf_counter()
        settings = config.finetune.settings(config.seed)
        blocks = config.finetune.blocks
        label = f"{head.settings.label}; " + (f"{blocks} blocks, " if blocks else "") + settings.label
        cut.parts.whole.set_weights(cut.pretrained)
        top = build_top(
            cut.parts,
            head.weights,
            config.head.activation,
            card=card_of(self._data.base),
            dropout=head.settings.dropout,
            seed=config.seed,
        )
        watch = _EpochWatch(self._kept, len(self._data.rows("train")), report)
        try:
            history = self._finetuned(top, config, cut.inputs, watch)
        except _PrunedError:
            history = watch.history
        self._kept.unlink(missing_ok=True)
        best = min(history, key=lambda row: math.inf if row["val_loss"] is None else float(row["val_loss"]))
        seconds = round(time.perf_counter() - started + head.outcome.seconds, 4)
        state: Any = "pruned" if watch.pruned else "complete" if best["val_loss"] is not None else "diverged"
        return Outcome(state, label, best["val_loss"], best["val_accuracy"], int(best["epoch"]), seconds)

    def _finetuned(
        self, top: Top, config: TrainConfig, inputs: TopInputs, watch: _EpochWatch
    ) -> Sequence[dict[str, Any]]:
        assert config.finetune is not None
        labels, rows = self._data.labels, self._data.rows("train")
        balanced = config.head.class_weight == "balanced"
        done = finetune(
            top,
            inputs,
            labels,
            config.finetune.settings(config.seed),
            rows=rows,
            validation=self._data.rows("validation"),
            class_weight=balanced_class_weight(labels[rows], len(self._data.classes)) if balanced else None,
            sampling=config.head.sampling,
            kept=self._kept,
            progress=watch.advance,
        )
        watch.tell(done.history)
        return done.history


class _PrunedError(Exception):
    """Ends a fine-tuning early."""


class _EpochWatch:
    """Follows a fine-tuning epoch by epoch: what it keeps on disk after each of them has their losses."""

    def __init__(self, kept: Path, images: int, report: Report) -> None:
        self._kept, self._images, self._report = kept, images, report
        self._done = 0.0
        self._told = 0
        self.history: Sequence[dict[str, Any]] = ()
        self.pruned = False

    def advance(self, images: float) -> None:
        """Takes how many more images were worked through, at first those of the epochs that were kept."""
        self._done += images
        # An epoch is measured and kept before the first update of the next one.
        if math.ceil(self._done / self._images) - 1 > self._told and self.tell(_history_in(self._kept)):
            self.pruned = True
            raise _PrunedError

    def tell(self, history: Sequence[dict[str, Any]]) -> bool:
        """Reports the epochs that were not reported yet; whether there is no use in going on."""
        self.history = history
        wanted = False
        for row in history[self._told + 1 :]:
            self._told = row["epoch"]
            if row["val_loss"] is not None:
                wanted = self._report(row["val_loss"], row["epoch"])
        return wanted


def _history_in(kept: Path) -> Sequence[dict[str, Any]]:
    """The epochs in a file of `training._progress_file`, without its weights."""
    from safetensors import safe_open

    with safe_open(kept, framework="numpy") as file:
        history: Sequence[dict[str, Any]] = json.loads(file.metadata()["regraft"])["history"]
    return history
