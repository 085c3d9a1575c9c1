"""Fine-tuning as a part of a run: the top trained, chosen on validation, and trained again with validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._progress import progress
from regraft.backbones.cuts import Cut
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData
from regraft.runs.top_data import TopData, card_of
from regraft.training.finetuning import Finetuned, Top, build_top, finetune, soften, top_probabilities
from regraft.training.heads import balanced_class_weight
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import TopInputs
from regraft.training.weights import HeadWeights

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FinetunedRun:
    """A fine-tuned top, and what is written down about it.

    Attributes:
        top: its layers hold the weights that are kept.
        validation: probabilities of the validation images, by the top as it was chosen.
        test: probabilities of the test images, by the top that is kept.
        history: rows for `history.jsonl`.
        facts: for `metrics.json`.
        warnings: what a reader must know.
        tested: the inputs of the test images, in their order.
        kept: files that a killed training would have gone on from.
    """

    top: Top
    validation: npt.NDArray[np.float32]
    test: npt.NDArray[np.float32]
    history: list[dict[str, Any]]
    facts: dict[str, Any]
    warnings: list[str]
    tested: TopInputs
    kept: tuple[Path, ...]

    def forget(self) -> None:
        """Removes what was kept for going on: the run is written."""
        for path in self.kept:
            path.unlink(missing_ok=True)


def finetune_run(
    data: RunData,
    config: TrainConfig,
    inputs: TopData,
    heads: Sequence[HeadWeights],
    setting: HeadSettings,
    folder: Path,
) -> FinetunedRun:
    """Trains the top of a run on train, chosen by validation; then again on train and validation together.

    Args:
        data, config: of the run.
        inputs: what `top_data` gave.
        heads: the one trained on the training images, that the first training begins with; and the one trained on
            training and validation images, that the second begins with.
        setting: what the heads were trained with.
        folder: where the state is kept after every epoch, until the run is written.
    """
    wanted = config.finetune
    assert wanted is not None
    untrained = without_statistics(inputs.parts)  # asked now, for training may give it some
    first, second = heads
    work = _Work(data, config, inputs, setting, folder)
    splits = data.splits[inputs.rows]
    train, validation = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "validation")
    top, chosen = work.train(first, train, validation, wanted.epochs, "Fine-tuning")
    answers = top_probabilities(top, inputs.measured, validation, config.augmentation.test_views)
    history = [{"phase": "finetune", **row} for row in chosen.history]
    if wanted.refit and chosen.best_epoch:
        top, again = work.train(second, np.arange(len(inputs.rows)), None, chosen.best_epoch, "Refit")
        soften(top, chosen.temperature)
        history += [{"phase": "finetune refit", **row} for row in again.history]
    elif wanted.refit:
        top = work.top(second)
    test = np.arange(len(data.rows("test")))
    return FinetunedRun(
        top=top,
        validation=answers,
        test=top_probabilities(top, inputs.tested, test, config.augmentation.test_views),
        history=history,
        facts=_facts(top, chosen, inputs, config),
        warnings=_warnings(chosen, untrained),
        tested=inputs.tested,
        kept=work.kept,
    )


class _Work:
    """Trains tops that all begin with the pretrained weights."""

    def __init__(
        self, data: RunData, config: TrainConfig, inputs: TopData, setting: HeadSettings, folder: Path
    ) -> None:
        assert config.finetune is not None
        self._data, self._config, self._inputs, self._setting = data, config, inputs, setting
        self._settings = config.finetune.settings(config.seed)
        self._folder = folder
        self._labels = data.labels[inputs.rows]
        self._pretrained = [np.array(weights) for weights in inputs.parts.whole.get_weights()]
        self.kept: tuple[Path, ...] = ()

    def top(self, head: HeadWeights) -> Top:
        """The pretrained network with a head."""
        parts = self._inputs.parts
        parts.whole.set_weights(self._pretrained)
        return build_top(
            parts,
            head,
            self._config.head.activation,
            card=card_of(self._data.base),
            dropout=self._setting.dropout,
            seed=self._config.seed,
        )

    def train(
        self, head: HeadWeights, rows: Rows, validation: Rows | None, epochs: int, name: str
    ) -> tuple[Top, Finetuned]:
        """A top trained for at most so many epochs, shown under a name."""
        top = self.top(head)
        balanced = self._config.head.class_weight == "balanced"
        kept = self._folder / f"{name.lower()}.safetensors"
        self.kept += (kept,)
        with progress(f"{name} ({epochs} epochs)", epochs * len(rows)) as advance:
            done = finetune(
                top,
                self._inputs.learned,
                self._labels,
                self._settings,
                rows=rows,
                validation=validation,
                epochs=epochs,
                class_weight=balanced_class_weight(self._labels[rows], len(self._data.classes)) if balanced else None,
                sampling=self._config.head.sampling,
                kept=kept,
                progress=advance,
            )
        return top, done


def _facts(top: Top, chosen: Finetuned, inputs: TopData, config: TrainConfig) -> dict[str, Any]:
    assert config.finetune is not None
    layers = [top.whole.get_layer(name) for names in top.blocks.values() for name in names]
    start, best = chosen.history[0], chosen.history[chosen.best_epoch]
    speed = chosen.images_per_second
    return {
        "cut": inputs.parts.at,
        "activations": list(inputs.parts.top.input_shape[1:]),
        "blocks": list(top.blocks),
        "layers": len(inputs.parts.trainable),
        "parameters": sum(math.prod(weights.shape) for layer in layers for weights in layer.trainable_weights),
        "settings": config.finetune.settings(config.seed).label,
        "views": inputs.views,
        "bytes": inputs.size,
        "epochs": config.finetune.epochs,
        "best_epoch": chosen.best_epoch,
        "temperature": chosen.temperature,
        "stopped_early": chosen.stopped_early,
        "refit": config.finetune.refit,
        "images_per_second": round(speed, 1) if math.isfinite(speed) else None,
        "frozen": {"validation_loss": start["val_loss"], "validation_accuracy": start["val_accuracy"]},
        "tuned": {"validation_loss": best["val_loss"], "validation_accuracy": best["val_accuracy"]},
    }


def _warnings(chosen: Finetuned, untrained: bool) -> list[str]:
    found = []
    if not chosen.best_epoch:
        found.append(
            "Fine-tuning never lowered the validation loss: the frozen network with its head is kept. A smaller "
            "learning rate may help (`regraft lr-find`)."
        )
    elif chosen.best_epoch == chosen.history[-1]["epoch"] and not chosen.stopped_early:
        found.append("The best epoch of fine-tuning was the last one: with more epochs it may get better.")
    if any(row.get("loss", 0.0) is None for row in chosen.history):
        found.append("Fine-tuning diverged: its loss stopped being a number. A smaller learning rate is needed.")
    if untrained:
        found.append(
            "BatchNorm of the trained layers has no statistics: every mean is 0 and every variance 1, as in a network "
            "that was never trained. Check the weights."
        )
    return found


def without_statistics(parts: Cut) -> bool:
    """Whether the trainable layers have BatchNorm, and none of it ever saw an image."""
    import keras

    norms = [
        layer
        for layer in parts.whole.layers
        if layer.name in parts.trainable and isinstance(layer, keras.layers.BatchNormalization)
    ]
    return bool(norms) and all(
        np.all(np.asarray(layer.moving_mean) == 0) and np.all(np.asarray(layer.moving_variance) == 1) for layer in norms
    )
