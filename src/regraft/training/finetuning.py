"""Fine-tuning: the top, from the cut to the classes, trained by Keras on what was cached at the cut."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.cards import Card
from regraft.backbones.cuts import Cut
from regraft.errors import InputError
from regraft.training._course import Course, finite_or_none
from regraft.training._keras_head import keras_head
from regraft.training._order import EpochOrder, Sampling
from regraft.training._progress_file import Progress, read_progress, write_progress
from regraft.training._stages import Stages
from regraft.training._top_trainer import TopTrainer, model_probabilities
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.schedules import rate_at
from regraft.training.temperature import fitted_temperature, softened
from regraft.training.top_inputs import TopInputs
from regraft.training.weights import HeadWeights

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Report = Callable[[float], None]

_READ_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Top:
    """A cut network with a head on it.

    Attributes:
        parts: the cut; its layers are those of both models.
        model: from the activations at the cut to class probabilities.
        whole: from uint8 RGB pixels to class probabilities, one flat model.
        blocks: the blocks that may be trained, from the input to the head, each with its layers' names.
    """

    parts: Cut
    model: Any
    whole: Any
    blocks: dict[str, tuple[str, ...]]

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the new layers."""
        old = {layer.name for layer in self.parts.whole.layers}
        return tuple(layer.name for layer in self.whole.layers if layer.name not in old)


@dataclass(frozen=True)
class Finetuned:
    """How a top was trained. Its layers hold the weights of the best epoch, its answers softened by `temperature`.

    Attributes:
        history: a row for each epoch, the start (epoch 0) first where validation was measured. A number that is not
            finite is None.
        best_epoch: with the lowest validation loss; 0 where no epoch was better than the start. Without validation
            the last.
        stopped_early: whether it ended before the epochs did: patience was at its end, or the loss was no finite
            number any more.
        images_per_second: that training worked through, without the measuring; NaN where there was no epoch.
        temperature: that of the best epoch (`fitted_temperature`); 1 where that is the start, and without validation.
    """

    history: tuple[dict[str, Any], ...]
    best_epoch: int
    stopped_early: bool
    images_per_second: float
    temperature: float = 1.0


def build_top(
    parts: Cut, head: HeadWeights, activation: str, *, card: Card | None = None, dropout: float = 0.0, seed: int = 0
) -> Top:
    """Puts a head on a cut network.

    Args:
        parts: what `cut` gave; ends in features.
        head: what the head starts with.
        activation: `softmax`, or `sigmoid` for one output.
        card: of the network, for its blocks.
        dropout: in the head, as in `keras_head`.
        seed: of dropout as the model is saved; `finetune` draws by its own.

    Raises:
        InputError: the head is not for these features.
    """
    import keras

    from regraft.backbones._topology import activations_at
    from regraft.backbones.layer_rows import layer_rows

    given, wanted = tuple(parts.whole.output_shape[1:]), (len(head.layers[0][0]),)
    if given != wanted:
        raise InputError(
            "The head does not fit on the network.",
            expected=f"{wanted[0]} features of each image",
            received=f"an output of {' × '.join(map(str, given))}",
        )
    answer, _ = keras_head(parts.whole.output, head, activation, dropout=dropout, seed=seed)
    whole = keras.Model(parts.whole.inputs[0], answer, name="regraft")
    model = keras.Model(activations_at(whole, parts.at), answer)
    rows = [row for row in layer_rows(parts.whole, card) if row.name in set(parts.trainable)]
    with_weights = dict.fromkeys(row.block for row in rows if row.parameters)
    blocks = {block: tuple(row.name for row in rows if row.block == block) for block in with_weights}
    return Top(parts, model, whole, blocks)


def finetune(
    top: Top,
    inputs: TopInputs,
    labels: npt.NDArray[np.int64],
    settings: FinetuneSettings,
    *,
    rows: Rows,
    validation: Rows | None = None,
    epochs: int | None = None,
    class_weight: Floats | None = None,
    sampling: Sampling = "plain",
    kept: Path | None = None,
    progress: Report | None = None,
) -> Finetuned:
    """Trains a top; its layers then hold the weights of the epoch with the lowest validation loss.

    Fine-tuning makes a network too sure of its answers long before it makes it wrong. So each epoch is judged by the
    loss of its network with the temperature that suits the validation images, and in the end the last layer is divided
    by that of the best one (`soften`). Where that is the start, it stays as it is.

    Everything before the cut, and every layer of the top that the cut does not name as trainable, keeps its weights
    and statistics bit for bit. If anything is raised, the top has the weights it had before.

    Args:
        top: what `build_top` gave, its head trained already.
        inputs: of all images, at the cut.
        labels: (N,) class indices.
        settings: how.
        rows: the images to train on.
        validation: the images to measure after every epoch, in their plain view; None for none, then all epochs are
            trained and the last one is kept.
        epochs: stops after so many, with the schedule still that of `settings.epochs`; None for all.
        class_weight: (classes,), what the loss of an image of each class counts.
        sampling: `plain` or `balanced`, see `EpochOrder`.
        kept: a file to keep the state in after every epoch. If it holds that of the same training, that is gone on
            with; the inputs are taken to be the same without looking.
        progress: called with the images an update was made from, and at first with those of epochs that were kept.

    Raises:
        InputError: there are no images to train on, or without validation to go back by, the weights or the loss
            stopped being finite numbers.
    """
    if not len(rows) or (validation is not None and not len(validation)):
        raise InputError("Fine-tuning needs images to train on, and to validate on if it does.", received="none")
    data = _Data(inputs, labels, rows, validation, class_weight)
    stages = Stages(top.model, top.whole, top.head, top.blocks, settings)
    start = stages.trainer.weights()
    last = settings.epochs if epochs is None else min(epochs, settings.epochs)
    purpose = _purpose(top, data, settings, start, f"{last} epochs, {sampling}")
    order = EpochOrder(labels[rows], settings.seed, sampling, inputs.views)
    try:
        course = _resumed(kept, purpose, stages, order) or Course.begun(_measured(stages.trainer, data), start)
        if progress is not None:
            progress(course.epoch * len(rows))
        while course.epoch < last and not course.is_over(settings.patience):
            stages.enter(course.epoch + 1)
            row = _trained_epoch(stages.trainer, data, order, settings, course.epoch + 1, progress)
            course.add(row | _measured(stages.trainer, data), stages.trainer)
            if kept is not None:
                state = stages.trainer.state()
                write_progress(kept, Progress(purpose, course.history, course.best, state, course.best_weights))
        if validation is None and course.has_diverged:
            raise InputError(
                "Fine-tuning diverged: its loss or its weights are no finite numbers any more.",
                received=f"a learning rate of {settings.learning_rate:g}",
                hint="try a smaller --learning-rate",
            )
    except BaseException:
        stages.finish(start)
        raise
    stages.finish(course.best_weights)
    measured = validation is not None and course.best > 0
    temperature = float(course.history[course.best]["temperature"]) if measured else 1.0
    soften(top, temperature)
    speed = course.images_per_second(len(rows))
    return Finetuned(tuple(course.history), course.best, course.epoch < last, speed, temperature)


def soften(top: Top, temperature: float) -> None:
    """Divides the logits of a top by a temperature: the weights of its last layer."""
    if temperature != 1:
        last = top.whole.get_layer(top.head[-1])
        last.set_weights([np.asarray(weights) / np.float32(temperature) for weights in last.get_weights()])


@dataclass(frozen=True, eq=False)
class _Data:
    """The images that a training sees; the attributes are the arguments of `finetune`."""

    inputs: TopInputs
    labels: npt.NDArray[np.int64]
    rows: Rows
    validation: Rows | None
    class_weight: Floats | None


def _resumed(kept: Path | None, purpose: str, stages: Stages, order: EpochOrder) -> Course | None:
    """Brings trainer and order to where the file was written; None where there is no file of this training."""
    found = read_progress(kept, purpose) if kept is not None else None
    if found is None:
        return None
    course = Course(list(found.history), found.best, found.best_weights)
    stages.enter(course.epoch)
    stages.trainer.set_state(found.state)
    for _ in range(course.epoch):
        order.next_epoch()
    return course


def _purpose(top: Top, data: _Data, settings: FinetuneSettings, start: Sequence[npt.NDArray[Any]], about: str) -> str:
    """A digest of all that decides how a training goes, but for the inputs themselves."""
    facts = (settings, about, top.parts.at, top.blocks, top.head, data.inputs.views, data.validation is not None)
    digest = hashlib.sha256(repr(facts).encode())
    arrays: list[npt.NDArray[Any]] = [data.rows, data.labels[data.rows]]
    if data.validation is not None:
        arrays += [data.validation, data.labels[data.validation]]
    if data.class_weight is not None:
        arrays.append(data.class_weight)
    for array in (*arrays, *start):
        digest.update(repr((array.shape, str(array.dtype))).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _trained_epoch(
    trainer: TopTrainer,
    data: _Data,
    order: EpochOrder,
    settings: FinetuneSettings,
    epoch: int,
    progress: Report | None,
) -> dict[str, Any]:
    """Trains one epoch; gives its row of the history, without the measuring."""
    started = time.perf_counter()
    chosen, views = order.next_epoch()
    size = settings.batch_size
    steps = math.ceil(len(chosen) / size)
    peak, warmup, schedule = settings.learning_rate, settings.warmup, settings.schedule
    losses, rate = 0.0, 0.0
    for step in range(steps):
        batch = slice(step * size, (step + 1) * size)
        images = data.rows[chosen[batch]]
        rate = rate_at((epoch - 1) * steps + step, settings.epochs * steps, peak=peak, warmup=warmup, schedule=schedule)
        drawn = data.inputs.drawn(images, views[batch], epoch)
        losses += trainer.step(drawn, data.labels[images], rate, data.class_weight) * len(images)
        if progress is not None:
            progress(len(images))
    seconds = round(time.perf_counter() - started, 4)
    return {"epoch": epoch, "learning_rate": rate, "loss": finite_or_none(losses / len(chosen)), "seconds": seconds}


def trainer_for(top: Top, settings: FinetuneSettings) -> TopTrainer:
    """What trains all that may be trained of a top at once."""
    return Stages(top.model, top.whole, top.head, top.blocks, replace(settings, staged=False)).trainer


def _measured(trainer: TopTrainer, data: _Data) -> dict[str, float | None]:
    """Accuracy, and log loss with the temperature that suits them, on the validation images in their plain view.

    Nothing where there are none.
    """
    if data.validation is None:
        return {}
    probabilities = _of_view(trainer.probabilities, data.inputs, data.validation, 0)
    labels = data.labels[data.validation]
    temperature = round(fitted_temperature(probabilities, labels), 4)
    answers = softened(probabilities, temperature) if temperature != 1 else probabilities
    of_label = answers[np.arange(len(labels)), labels].astype(np.float64)
    loss = float(-np.log(np.maximum(of_label, 1e-7)).mean())
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    return {"val_loss": finite_or_none(loss), "val_accuracy": accuracy, "temperature": temperature}


def top_probabilities(top: Top, inputs: TopInputs, rows: Rows, views: int = 0) -> Floats:
    """Class probabilities (len(rows), classes) of a top, averaged over the plain image and so many views."""

    def answers(values: npt.NDArray[Any]) -> Floats:
        return model_probabilities(top.model, values)

    mean: Floats = np.mean([_of_view(answers, inputs, rows, number) for number in range(views + 1)], 0, np.float32)
    return mean


def _of_view(answers: Callable[[npt.NDArray[Any]], Floats], inputs: TopInputs, rows: Rows, number: int) -> Floats:
    """The inputs of some images are read in parts, for they may be large."""
    starts = range(0, len(rows), _READ_AT_ONCE)
    return np.concatenate([answers(inputs.view(rows[at : at + _READ_AT_ONCE], number)) for at in starts])
