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
from regraft.training.heads import Activation, Labels, TrainedHeads, initial_weights
from regraft.training.settings import HeadSettings

Images = Sequence[LabelledImage]

_MEASURES = ("loss", "accuracy", "val_loss", "val_accuracy")


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
    scale: float = 1.0,
    progress: Callable[[int], None] | None = None,
) -> TrainedHeads:
    """Trains the heads one after the other, each on top of the frozen base in one Keras model.

    Arguments and result are those of `train_heads`, with images in place of features; precision and recall are not
    measured (NaN). `progress` is called with 1
    after each epoch of each head.

    Raises:
        MissingPackageError: no training backend of Keras is installed.
    """
    choose_keras_backend(training=True)
    import keras

    from regraft.backbones.networks import base_model

    features = base_model(base)
    width = int(features.output_shape[-1])
    outputs = 1 if activation == "sigmoid" else classes
    kernels, biases = initial_weights(settings, width, outputs, scale)
    history = np.full((4, len(settings), epochs), np.nan)
    seconds = np.empty((len(settings), epochs))
    unmeasured = np.full((len(settings), epochs), np.nan)
    last, best = [], []
    best_epoch = np.zeros(len(settings), np.int64)
    for index, setting in enumerate(settings):
        head = keras.layers.Dense(outputs, activation=activation, name=f"head{index}")
        scaled = keras.layers.Rescaling(1 / scale, name=f"scale{index}")(features.output)
        model = keras.Model(features.input, head(scaled))
        head.set_weights([kernels[index] * scale, biases[index]])
        model.compile(
            optimizer=keras.optimizers.SGD(
                setting.learning_rate,
                momentum=setting.momentum,
                nesterov=setting.nesterov,
                weight_decay=setting.weight_decay or None,
            ),
            loss="binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        order = np.random.default_rng(order_seed)
        held = None if validation is None else _batches(*validation, np.arange(len(validation[0])), batch_size, base)
        lowest, kept = np.inf, head.get_weights()
        started = time.perf_counter()
        for epoch in range(epochs):
            # One epoch at a time, so that each has the order of `train_heads`. The history holds means over images.
            batches = _batches(images, labels, order.permutation(len(images)), batch_size, base)
            means = model.fit(batches, validation_data=held, shuffle=False, verbose=0).history
            for row, name in enumerate(_MEASURES[: 2 if held is None else 4]):
                history[row, index, epoch] = means[name][0]
            if validation is None or history[2, index, epoch] < lowest:
                lowest, kept, best_epoch[index] = history[2, index, epoch], head.get_weights(), epoch + 1
            seconds[index, epoch] = time.perf_counter() - started
            if progress is not None:
                progress(1)
        last.append(head.get_weights())
        best.append(kept)
    final_kernel, final_bias = _stack(last, scale)
    best_kernel, best_bias = _stack(best, scale)
    measured = history if validation is not None else history[:2]
    finite = np.isfinite(measured).all(axis=(0, 2)) & np.isfinite(final_kernel).all(axis=(1, 2))
    return TrainedHeads(
        settings=tuple(settings),
        activation=activation,
        classes=classes,
        order_seed=order_seed,
        batch_size=batch_size,
        scale=scale,
        kernel=final_kernel,
        bias=final_bias,
        best_kernel=best_kernel,
        best_bias=best_bias,
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


def _stack(weights: list[list[Any]], scale: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Kernels for the features as they are, (K, D, outputs), and biases (K, outputs)."""
    kernels = np.stack([np.asarray(kernel, np.float32) for kernel, _ in weights]) / np.float32(scale)
    return kernels.astype(np.float32), np.stack([np.asarray(bias, np.float32) for _, bias in weights])
