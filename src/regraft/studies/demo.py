"""The demonstration: a small network learns the digits 0 to 5, and what it has learnt is transferred to 6 to 9."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._keras_backend import choose_keras_backend
from regraft._progress import progress
from regraft.images.labelled import LabelledImage
from regraft.images.opening import open_images
from regraft.images.reading import read_image
from regraft.images.splitting import assign_splits
from regraft.training.joining import save_model

SOURCE_CLASSES = ("0", "1", "2", "3", "4", "5")
TARGET_CLASSES = ("6", "7", "8", "9")
_SIZE = 8
_EPOCHS = 20
_BATCH = 32


@dataclass(frozen=True)
class Source:
    """The source task: the saved network, and how it does on source images it has not seen."""

    path: Path
    images: int
    test_images: int
    test_accuracy: float


def train_source(path: Path, seed: int = 0) -> Source:
    """Trains a small convolutional network on the embedded digits 0 to 5 and saves it.

    Two convolutions of 32 filters 3 × 3 with ReLU, 2 × 2 max pooling, a Dense layer of 128 with ReLU, softmax; Adam,
    a fixed number of epochs, so nothing is chosen and the rest of the images measure it.

    Args:
        path: the `.keras` file to write; it takes uint8 RGB pixels (8 × 8), as every saved model of regraft does.
        seed: of the initial weights, the batches and the split.
    """
    collection = open_images("digits", classes=SOURCE_CLASSES)
    held_out = np.array([split == "test" for split in assign_splits(collection.images, seed=seed)])
    pixels, labels = _arrays(collection.images, collection.classes)

    choose_keras_backend(training=True)
    import keras

    keras.utils.set_random_seed(seed)
    network = _network(len(collection.classes))
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    with progress("Source task", _EPOCHS, "epochs") as advance:
        network.fit(
            pixels[~held_out],
            labels[~held_out],
            batch_size=_BATCH,
            epochs=_EPOCHS,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: advance(1))],
        )
    accuracy = float(np.mean(network.predict(pixels[held_out], verbose=0).argmax(axis=1) == labels[held_out]))
    save_model(network, path)
    return Source(path, int((~held_out).sum()), int(held_out.sum()), accuracy)


def _network(classes: int) -> Any:
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((_SIZE, _SIZE, 3), dtype="uint8", name="pixels"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ],
        name="digits_source",
    )


def _arrays(
    images: tuple[LabelledImage, ...], classes: tuple[str, ...]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    pixels = np.stack([read_image(image.source, _SIZE) for image in images])
    return pixels, np.array([classes.index(image.label) for image in images], np.int64)
