"""Standard transfer learning through Keras: F(x) computed anew for every batch of every epoch.

The slow, obvious way that the accelerated one (`heads.train_heads`) is compared with. Same start, same batches, same
mathematics: it gives the same history and the same weights, up to rounding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base
from regraft.images.labelled import LabelledImage
from regraft.images.reading import read_image
from regraft.training._arguments import checked_class_weight
from regraft.training._keras_head import keras_head, weights_of
from regraft.training._order import EpochOrder, Sampling
from regraft.training.settings import HeadSettings
from regraft.training.trained import Activation, TrainedHeads
from regraft.training.weights import initial_heads

Images = Sequence[LabelledImage]
Labels = npt.NDArray[np.int64]


def train_heads_standard(
    base: Base,
    images: Images,
    labels: Labels,
    settings: Sequence[HeadSettings],
    *,
    classes: int,
    epochs: int,
    order_seed: int,
    validation: tuple[Images, Labels] | None = None,
    batch_size: int = 32,
    activation: Activation = "softmax",
    class_weight: Sequence[float] | npt.NDArray[np.float32] | None = None,
    sampling: Sampling = "plain",
    scale: float = 1.0,
    progress: Callable[[int], None] | None = None,
) -> TrainedHeads:
    """Trains the heads one after the other, each on top of the frozen base in one Keras model.

    Arguments and result are those of `train_heads`, with images in place of features; precision and recall are not
    measured (NaN). `progress` is called with 1 after each epoch of each head. A head with dropout ends elsewhere than
    one of `train_heads`, since Keras draws masks of its own; all others end at the same weights, up to rounding.

    Raises:
        MissingPackageError: no training backend of Keras is installed.
    """
    choose_keras_backend(training=True)
    import keras

    from regraft.backbones.networks import base_model

    features = base_model(base)
    width = int(features.output_shape[-1])
    outputs = 1 if activation == "sigmoid" else classes
    weighting = checked_class_weight(class_weight, classes)
    start = initial_heads(settings, width, outputs, scale)
    history = np.full((4, len(settings), epochs), np.nan)
    seconds = np.empty((len(settings), epochs))
    unmeasured = np.full((len(settings), epochs), np.nan)
    last, best = [], []
    best_epoch = np.zeros(len(settings), np.int64)
    for index, setting in enumerate(settings):
        scaled = keras.layers.Rescaling(1 / scale, name=f"scale{index}")(features.output)
        answer, dense = keras_head(
            scaled,
            start[index],
            activation,
            dropout=setting.dropout,
            feature_dropout=setting.feature_dropout,
            seed=setting.seed,
        )
        first, bias = start[index].layers[0]
        dense[0].set_weights([first * scale, bias])
        model = keras.Model(features.input, answer)
        plain = f"{'binary' if outputs == 1 else 'sparse_categorical'}_crossentropy"
        smoothed = setting.label_smoothing > 0
        model.compile(
            optimizer=_optimizer(setting),
            loss=_smoothed_loss(setting.label_smoothing, outputs) if smoothed else plain,
            metrics=["accuracy", _plain_loss(outputs)] if smoothed else ["accuracy"],
        )
        measured = ("loss", "accuracy", "val_plain_loss" if smoothed else "val_loss", "val_accuracy")
        order = EpochOrder(labels, order_seed, sampling)
        held = None if validation is None else _batches(*validation, np.arange(len(validation[0])), batch_size, base)
        lowest, kept = np.inf, weights_of(dense, start[index], scale)
        started = time.perf_counter()
        for epoch in range(epochs):
            # One epoch at a time, so that each has the order of `train_heads`. The history holds means over images.
            batches = _batches(images, labels, order.next_epoch()[0], batch_size, base)
            means = model.fit(
                batches,
                validation_data=held,
                class_weight=None if weighting is None else dict(enumerate(weighting.tolist())),
                shuffle=False,
                verbose=0,
            ).history
            for row, name in enumerate(measured[: 2 if held is None else 4]):
                history[row, index, epoch] = means[name][0]
            if validation is None or history[2, index, epoch] < lowest:
                lowest, best_epoch[index] = history[2, index, epoch], epoch + 1
                kept = weights_of(dense, start[index], scale)
            seconds[index, epoch] = time.perf_counter() - started
            if progress is not None:
                progress(1)
        last.append(weights_of(dense, start[index], scale))
        best.append(kept)
    finite = np.isfinite(history if validation is not None else history[:2]).all(axis=(0, 2))
    finite &= [bool(np.isfinite(head.flat()).all()) for head in last]
    return TrainedHeads(
        settings=tuple(settings),
        activation=activation,
        classes=classes,
        order_seed=order_seed,
        batch_size=batch_size,
        scale=scale,
        weights=tuple(last),
        best_weights=tuple(best),
        best_epoch=best_epoch,
        loss=history[0],
        accuracy=history[1],
        val_loss=history[2],
        val_accuracy=history[3],
        val_precision=unmeasured,
        val_recall=unmeasured,
        seconds=seconds,
        diverged=~finite,
    )


def _optimizer(setting: HeadSettings) -> Any:
    import keras

    rate, decay = setting.learning_rate, setting.weight_decay
    if setting.optimizer == "adam":
        return keras.optimizers.Adam(rate, weight_decay=decay or None)
    if setting.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=decay)
    return keras.optimizers.SGD(rate, momentum=setting.momentum, nesterov=setting.nesterov, weight_decay=decay or None)


def _smoothed_loss(smoothing: float, outputs: int) -> Any:
    """Cross-entropy with smoothed labels; for several classes Keras has it for one-hot labels only."""
    import keras

    if outputs == 1:
        return keras.losses.BinaryCrossentropy(label_smoothing=smoothing)

    def loss(labels: Any, answers: Any) -> Any:
        targets = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(labels, (-1,)), "int32"), outputs)
        return keras.losses.categorical_crossentropy(targets, answers, label_smoothing=smoothing)

    return loss


def _plain_loss(outputs: int) -> Any:
    """Cross-entropy as a metric, which with smoothed labels is not the loss. Keras' own wants labels (n, 1)."""
    import keras

    def plain_loss(labels: Any, answers: Any) -> Any:
        column = keras.ops.reshape(labels, (-1, 1))
        if outputs == 1:
            return keras.losses.binary_crossentropy(column, answers)
        return keras.losses.sparse_categorical_crossentropy(column, answers)

    return plain_loss


def _batches(images: Images, labels: Labels, order: npt.NDArray[np.int64], batch_size: int, base: Base) -> Any:
    """The images in the given order as a Keras data set, each read again when its batch is asked for."""
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return -(-len(order) // batch_size)

        def __getitem__(self, index: int) -> tuple[npt.NDArray[np.uint8], Labels]:
            chosen = order[index * batch_size : (index + 1) * batch_size]
            pixels = [read_image(images[row].source, (base.height, base.width)) for row in chosen]
            return np.stack(pixels), labels[chosen]

    return Batches()
