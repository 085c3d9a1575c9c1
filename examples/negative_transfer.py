"""Negative transfer, made on purpose: a network that learnt to see brightness alone, on images told apart by shape.

python examples/negative_transfer.py FOLDER   (new; takes the images, the misled network and the run)
"""

import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image

import regraft


def stripes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 32, 32, 3), every second one striped upright, the others lying; and whether each is bright."""
    draw = np.random.default_rng(seed)
    waves = np.sin(0.8 * np.arange(32) + draw.uniform(0, 6, (count, 1)))
    upright = np.arange(count)[:, None, None] % 2 == 1
    light = draw.uniform(60, 195, (count, 1, 1))
    images = light + 30 * np.where(upright, waves[:, None, :], waves[:, :, None]) + draw.normal(0, 10, (count, 32, 32))
    return np.repeat(images.clip(0, 255)[..., None], 3, axis=-1).astype(np.uint8), light.ravel() > 127


def train_network(path: Path, pixels: np.ndarray, labels: np.ndarray) -> Path:
    """A small network of two classes, saved. Its four features have no room for what its labels do not ask for."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 128, -1)])
    for _ in range(2):
        network.add(keras.layers.Conv2D(8, 5, 3, use_bias=False))
        network.add(keras.layers.BatchNormalization(momentum=0.9))
        network.add(keras.layers.ReLU())
    network.add(keras.layers.GlobalAveragePooling2D())
    network.add(keras.layers.Dense(4, "relu"))
    network.add(keras.layers.Dense(2, "softmax"))
    network.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    network.fit(pixels, labels, epochs=15, verbose=0)
    network.save(path)
    return path


def write_images(folder: Path, count: int = 400) -> Path:
    """`FOLDER/{lying,upright}/NNN.png`."""
    for number, pixels in enumerate(stripes(count, seed=2)[0]):
        file = folder / ("lying", "upright")[number % 2] / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    return folder


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    images = write_images(folder / "stripes")
    misled = train_network(folder / "misled.keras", *stripes(512, seed=1))  # to tell bright from dark
    own = {"control": {"epochs": 10, "learning_rates": [0.003, 0.01]}}
    run = regraft.train(images, backbone=str(misled), output=folder / "run", control=True, settings=own)
    print(run.metrics()["control"]["verdict"])
