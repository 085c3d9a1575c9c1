"""The network of the digits study, and its training with a measurement every so many images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.studies._digit_answers import DigitAnswers
from regraft.studies.digit_tasks import Labels, Pixels
from regraft.training._order import EpochOrder
from regraft.training.heads import initial_heads, train_heads
from regraft.training.settings import HeadSettings

FILTERS, KERNEL, POOL, UNITS = 32, 3, 2, 128
DROPOUT = 0.5
"""Of the inputs of both fully connected layers, in the networks that have any."""
LEARNING_RATE = 0.001
"""Of Adam, for every training."""
CONVOLUTIONS = ("convolution1", "convolution2")
FEATURES = "features"
"""The layer that ends what is fixed: all after the convolutions and the pooling, as one vector."""

_MEASURED_AT_ONCE = 250  # images whose maps stay in the processor's cache

Maps = npt.NDArray[np.float32]
Advance = Callable[[float], None]


@dataclass(frozen=True)
class Course:
    """How a training went.

    Attributes:
        accuracies: on the test images, after every so many images.
        training, measuring: seconds.
    """

    accuracies: tuple[float, ...]
    training: float
    measuring: float


@dataclass(frozen=True)
class Effort:
    """How long a network is trained.

    Attributes:
        batch_size: images an update.
        every: images from one measurement to the next, whole batches.
        measurements: how many there are.
    """

    batch_size: int
    every: int
    measurements: int


def digit_network(size: tuple[int, int], outputs: int, *, dropout: bool, seed: int) -> Any:
    """Two convolutions of 32 filters 3 × 3 with ReLU, 2 × 2 max pooling, 128 units with ReLU, softmax.

    Args:
        size: height and width of the images; the network takes grey values of 0 to 255, (batch, height, width, 1).
        outputs: classes.
        dropout: whether the inputs of both fully connected layers are dropped by `DROPOUT` in training.
        seed: of the initial weights and of dropout.
    """
    from keras import Input, Sequential, layers, utils

    drop = [layers.Dropout(DROPOUT, seed=2 * seed + part, name=f"dropout{part + 1}") for part in (0, 1) if dropout]
    utils.set_random_seed(seed)
    return Sequential(
        [
            Input((*size, 1), name="pixels"),
            layers.Rescaling(1 / 255, name="scaling"),
            *(layers.Conv2D(FILTERS, KERNEL, activation="relu", name=name) for name in CONVOLUTIONS),
            layers.MaxPooling2D(POOL, name="pooling"),
            layers.Flatten(name=FEATURES),
            *drop[:1],
            layers.Dense(UNITS, activation="relu", name="hidden"),
            *drop[1:],
            layers.Dense(outputs, activation="softmax", name="classes"),
        ],
        name="digits",
    )


class DigitTrainer:
    """Trains networks of one shape from start to end with Adam; what Keras compiles is compiled once for all of them.

    Args:
        size, outputs, dropout: as for `digit_network`.
    """

    def __init__(self, size: tuple[int, int], outputs: int, *, dropout: bool) -> None:
        import keras

        self._shape: dict[str, Any] = {"size": size, "outputs": outputs, "dropout": dropout}
        self.network = digit_network(**self._shape, seed=0)
        self.network.compile(keras.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy")
        self.network.optimizer.build(self.network.trainable_variables)
        self._optimizer = [np.array(variable) for variable in self.network.optimizer.variables]
        self._update, self._answer = several_updates(self.network), DigitAnswers(self.network)

    def begin(self, seed: int, source: Any | None = None) -> None:
        """Random weights by a seed; those of a source network in place of them, but for the layer of the classes."""
        fresh = digit_network(**self._shape, seed=seed)
        for variable, value in zip(self.network.variables, fresh.variables, strict=True):
            variable.assign(value)
        for variable, start in zip(self.network.optimizer.variables, self._optimizer, strict=True):
            variable.assign(start)
        for layer in source.layers if source is not None else ():
            if layer.weights and layer.name != "classes":
                self.network.get_layer(layer.name).set_weights(layer.get_weights())

    def train(
        self,
        pixels: Pixels,
        labels: Labels,
        test: tuple[Pixels, Labels],
        effort: Effort,
        order_seed: int,
        advance: Advance,
    ) -> Course:
        """Trains all layers.

        Args:
            pixels, labels: (N, height, width) and (N,).
            test: likewise, to measure on.
            effort: how long.
            order_seed: of the batches: with the same, `train_top` sees the same ones.
            advance: called with the images trained on.
        """
        inputs, tested = _as_inputs(pixels), _as_inputs(test[0])
        order = EpochOrder(labels, order_seed, size=effort.every)
        accuracies, training, measuring = [], 0.0, 0.0
        for _ in range(effort.measurements):
            started = time.perf_counter()
            rows, _ = order.next_epoch()
            self._update(inputs[rows], labels[rows], effort.batch_size)
            between = time.perf_counter()
            accuracies.append(float((self._answer(tested) == test[1]).mean()))
            training, measuring = training + between - started, measuring + time.perf_counter() - between
            advance(effort.every)
        return Course(tuple(accuracies), training, measuring)


def several_updates(network: Any) -> Callable[[Maps, Labels, int], object]:
    """A function that trains a compiled network on inputs and labels in batches of a size, one after the other.

    On TensorFlow all of them are one call of one graph: small networks would else wait for Python most of the time.
    """
    import keras

    if keras.backend.backend() != "tensorflow":

        def one_by_one(inputs: Maps, labels: Labels, batch_size: int) -> None:
            for first in range(0, len(inputs), batch_size):
                network.train_on_batch(inputs[first : first + batch_size], labels[first : first + batch_size])

        return one_by_one
    import tensorflow as tf

    from regraft.studies._digit_operations import training_function

    outputs = training_function(network)

    def batches(inputs: Any, labels: Any) -> None:
        for batch in tf.range(tf.shape(inputs)[0]):
            with tf.GradientTape() as tape:
                loss = network.compute_loss(y=labels[batch], y_pred=outputs(inputs[batch]))
            weights = network.trainable_variables
            network.optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)

    compiled = tf.function(batches, reduce_retracing=True)
    return lambda inputs, labels, batch_size: compiled(
        inputs.reshape(-1, batch_size, *inputs.shape[1:]), labels.reshape(-1, batch_size)
    )


def fixed_features(network: Any, pixels: Pixels) -> Maps:
    """What the convolutions of a network make of images (N, height, width): (N, features) float32, computed once."""
    import keras

    base = keras.Model(network.inputs, network.get_layer(FEATURES).output)
    inputs = _as_inputs(pixels)
    parts = range(0, len(inputs), _MEASURED_AT_ONCE)
    return np.concatenate([np.asarray(base.predict_on_batch(inputs[at : at + _MEASURED_AT_ONCE])) for at in parts])


def train_top(
    features: Maps,
    labels: Labels,
    test: tuple[Maps, Labels],
    classes: int,
    effort: Effort,
    *,
    dropout: bool,
    seed: int,
    order_seed: int,
    advance: Advance,
) -> Course:
    """Trains the fully connected layers anew on the features of fixed convolutions, (N, features), with Adam."""
    rate = DROPOUT if dropout else 0.0
    setting = HeadSettings(
        LEARNING_RATE, optimizer="adam", hidden=(UNITS,), dropout=rate, feature_dropout=rate, seed=seed
    )
    trained = train_heads(
        features,
        labels,
        [setting],
        classes=classes,
        epochs=effort.measurements,
        order_seed=order_seed,
        validation=test,
        batch_size=effort.batch_size,
        epoch_images=effort.every,
        initial=initial_heads([setting], features.shape[1], classes),
        progress=lambda count: advance(count * effort.every),
    )
    return Course(tuple(trained.val_accuracy[0].tolist()), float(trained.seconds[0, -1]), 0.0)


def _as_inputs(pixels: Pixels) -> Maps:
    return pixels[..., None].astype(np.float32)
