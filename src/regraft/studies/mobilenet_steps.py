"""The textbook's four steps of fine-tuning: the head, the head on views, the last groups of blocks, all of them.

Each begins with the best epoch of the one before, by validation loss, and ends a stated number of epochs after its own
best one: what it has learnt by then too much is taken back. In the third and the fourth step every group of blocks
learns `DECAY` times slower than the one after it (Howard and Ruder 2018, "Universal language model fine-tuning for
text classification").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from regraft._progress import progress
from regraft.backbones.cuts import cut, cut_model, find_cut
from regraft.errors import InputError
from regraft.features.augmented import extract_views
from regraft.features.space import bytes_needed, check_memory
from regraft.runs._time_left import time_left
from regraft.runs.top_data import INPUT, card_of
from regraft.studies.cats_training import images_per_second
from regraft.studies.mobilenet_groups import BlockGroup, block_groups
from regraft.studies.mobilenet_runs import Step, read_steps, read_weights, write_steps, write_weights
from regraft.studies.mobilenet_study import MobileNetStudy
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.finetuning import Finetuned, Top, build_top, finetune
from regraft.training.heads import HeadWeights, initial_heads
from regraft.training.schedules import block_factors
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import CachedActivations, ImagePixels, TopInputs

Rows = npt.NDArray[np.int64]
Tell = Callable[[str], object]

RATES = (1e-3, 1e-3, 3e-4, 1e-4)
"""The learning rate of the head in each step."""
DECAY = 3.0
"""Each group of blocks learns so many times slower than the one after it, the last one than the head."""
NAMES = ("new head", "head on augmented images", "last groups of blocks", "all groups of blocks")
LAST_GROUPS = 2
"""So many groups of blocks are unfrozen in the third step."""


class _Work(NamedTuple):
    """What a step trains: the top, what goes into it, how many views are drawn from, and what those took."""

    top: Top
    inputs: TopInputs
    views: int | None
    computing_seconds: float


class FourSteps:
    """The steps of a study on one network, whose layers hold what has been learnt so far.

    Args:
        study: to be trained.
        tell: told how long a step will take.
    """

    def __init__(self, study: MobileNetStudy, tell: Tell | None = None) -> None:
        self.study, self._tell, self._data = study, tell, study.data
        self._card = card_of(study.base)
        self.network = cut(study.base, at=INPUT).whole
        self.rows: Rows = self._data.rows("train", "validation")
        splits = self._data.splits[self.rows]
        self.train, self.validation = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "validation")
        self.done: list[Step] = read_steps(study.folder)
        (self.head,) = initial_heads(
            [HeadSettings(0.1, seed=study.seed)], int(self.network.output_shape[-1]), len(self._data.classes)
        )
        if self.done:
            self._restore()

    @cached_property
    def groups(self) -> list[BlockGroup]:
        """The groups of blocks, from the input to the output."""
        return block_groups(self.network, self._card)

    def unfrozen(self, number: int) -> list[BlockGroup]:
        """Those that a step trains."""
        if number < 3:
            return []
        # At least one group is left for the last step, where there is more than one.
        return self.groups if number == 4 else self.groups[-min(LAST_GROUPS, max(1, len(self.groups) - 1)) :]

    def run(self, number: int, finished: Callable[[FourSteps, Step], None] | None = None) -> Step:
        """Trains a step, the next one, and keeps it.

        Args:
            number: which.
            finished: called before the step is kept: what is to be written with it.
        """
        study = self.study
        work = self._work(number)
        settings = self.settings(number)
        labels = self._data.labels[self.rows]
        name = f"Step {number}: {NAMES[number - 1]}"
        total, counted = settings.epochs * len(self.train), 0.0
        kept = study.folder.path / f"unfinished-step-{number}.safetensors"
        left = time_left(name, total, settings.batch_size, self._tell)
        with progress(name, total) as advance:

            def count(images: float) -> None:
                nonlocal counted
                counted += images
                advance(images)
                left(images)

            done = finetune(
                work.top, work.inputs, labels, settings,
                rows=self.train, validation=self.validation, kept=kept, progress=count,
            )  # fmt: skip
            advance(total - counted)  # where it ended early
        last = work.top.whole.get_layer(work.top.head[-1])
        kernel, bias = (np.asarray(array, np.float32) for array in last.get_weights())
        self.head = HeadWeights(((kernel, bias),))
        step = self._step(number, settings, work, done)
        if finished is not None:
            finished(self, step)
        # First the weights, then the line that says they are there.
        write_weights(self._file(number), [*self.network.get_weights(), *self.head.layers[0]])
        self.done.append(step)
        write_steps(study.folder, self.done)
        kept.unlink(missing_ok=True)
        self._file(number - 1).unlink(missing_ok=True)
        return step

    def settings(self, number: int) -> FinetuneSettings:
        """How a step is trained."""
        plan = self.study.plan
        return FinetuneSettings(
            epochs=plan.steps[number - 1],
            learning_rate=RATES[number - 1],
            optimizer="adam",
            weight_decay=0.0,
            layer_decay=DECAY,
            schedule="constant",  # so that overfitting is not held up by a rate that falls to 0
            warmup=0.0,
            patience=plan.patience,
            seed=self.study.seed,
        )

    def whole_top(self) -> Top:
        """The whole network with its head."""
        parts = cut_model(self.network, find_cut(self.network, at=INPUT))
        return build_top(parts, self.head, "softmax", card=self._card)

    def forget(self) -> None:
        """Removes the weights that were kept for going on."""
        for number in range(1, 5):
            self._file(number).unlink(missing_ok=True)

    def _restore(self) -> None:
        file = self._file(len(self.done))
        if not file.is_file():
            raise InputError(
                f"{file} is gone.", expected="the weights after the last step", hint="begin the study anew"
            )
        *network, kernel, bias = read_weights(file)
        self.network.set_weights(network)
        self.head = HeadWeights(((kernel, bias),))

    def _file(self, number: int) -> Path:
        return self.study.folder.path / f"after-step-{number}.safetensors"

    def _work(self, number: int) -> _Work:
        data, plan = self._data, self.study.plan
        images = data.chosen(self.rows)
        views = (0, plan.views, plan.tuned_views, None)[number - 1]
        if number < 3:
            found = self._views(data.base, views or 0, "float32") if views else data.features[None, self.rows]
            speed = images_per_second(data.base, data.chosen(data.rows("train")))
            seconds = (views or 1) * len(self.train) / speed  # the plain images are computed in the first step
            return _Work(_head_top(self.head), CachedActivations(found), views, seconds)
        groups = self.unfrozen(number)
        at = INPUT if number == 4 else groups[0].cut
        parts = cut_model(self.network, find_cut(self.network, at=at, card=self._card))
        top = build_top(parts, self.head, "softmax", card=self._card, seed=self.study.seed)
        top = replace(top, blocks={group.name: group.layers for group in groups})
        if at == INPUT:
            size = (data.base.height, data.base.width)
            return _Work(top, ImagePixels(images, size, data.augmentation), None, 0.0)
        base = replace(data.base, cut=parts.at)
        check_memory(bytes_needed(len(images), (views or 0) + 1, parts.top.input_shape[1:], "float16"))
        found = self._views(base, views or 0, "float16")
        speed = images_per_second(base, data.chosen(data.rows("train")))
        return _Work(top, CachedActivations(found), views, ((views or 0) + 1) * len(self.train) / speed)

    def _views(self, base: Any, views: int, dtype: str) -> npt.NDArray[Any]:
        """Features or activations (views + 1, images, ...) of the training and validation images, the plain first."""
        data = self._data
        images = data.chosen(self.rows)
        found = extract_views(images, base, data.augmentation, views, precision=data.precision, dtype=dtype)
        return found.features()

    def _step(self, number: int, settings: FinetuneSettings, work: _Work, done: Finetuned) -> Step:
        names = [group.name for group in self.unfrozen(number)]
        factors = {"head": 1.0, **block_factors(names, DECAY)}
        trained = [work.top.whole.get_layer(name) for name in work.top.head]
        trained += [work.top.whole.get_layer(name) for group in self.unfrozen(number) for name in group.layers]
        return Step(
            number=number,
            rates={name: settings.learning_rate * factor for name, factor in factors.items()},
            views=work.views,
            parameters=sum(int(np.prod(array.shape)) for layer in trained for array in layer.trainable_weights),
            patience=settings.patience or 0,
            epochs=settings.epochs,
            best_epoch=done.best_epoch,
            stopped_early=done.stopped_early,
            seconds=round(float(sum(row["seconds"] for row in done.history if row["epoch"])), 3),
            computing_seconds=round(work.computing_seconds, 3),
            history=list(done.history),
        )


def _head_top(head: HeadWeights) -> Top:
    """A head alone, for features that are computed already."""
    import keras

    features = keras.Input((len(head.layers[0][0]),))
    return build_top(cut(keras.Model(features, keras.layers.Identity()(features)), at=INPUT), head, "softmax")
