"""Nine heads trained at once against nine `keras.Model.fit` on TensorFlow: same features, settings, epochs, batch size.

    python benchmarks/heads.py
    python benchmarks/heads.py --hidden 128 --epochs 10
    python benchmarks/heads.py --features features.npy --labels labels.npy

The first row is of linear heads, the second of heads with hidden layers (`--hidden 128,64`; `--hidden none` leaves it
out). Both sides run in one process, one after the other, `--repeats` times; medians and their ratio are printed. Keras
gets a run that is not counted first, and its models are built and compiled outside the clock.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import interleaved, machine

from regraft.training.heads import rms_norm, train_heads
from regraft.training.settings import HeadSettings, grid

BATCH_SIZE = 32
SETTINGS = [
    *grid((0.1, 0.5, 2.0)),
    *grid((0.1, 0.5, 2.0), (0.9,)),
    *grid((0.1, 0.5, 2.0), (0.9,), (True,)),
]


def synthetic(count: int = 600, width: int = 1280, classes: int = 5) -> tuple[Any, Any]:
    """Non-negative features in overlapping groups, as a pooled base gives."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 0.3, (classes, width))
    labels = rng.integers(0, classes, count)
    return np.maximum(centres[labels] + rng.normal(0, 1, (count, width)), 0).astype(np.float32), labels


def keras_models(settings: list[HeadSettings], width: int, classes: int) -> list[Any]:
    import keras

    models = []
    for setting in settings:
        hidden = [keras.layers.Dense(units, activation=setting.hidden_activation) for units in setting.hidden]
        layers = [keras.layers.Input((width,)), *hidden, keras.layers.Dense(classes, activation="softmax")]
        model = keras.Sequential(layers)
        optimizer = keras.optimizers.SGD(setting.learning_rate, momentum=setting.momentum, nesterov=setting.nesterov)
        model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        models.append(model)
    return models


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, help="(N, D) float32, .npy; default: synthetic 600 x 1280")
    parser.add_argument("--labels", type=Path, help="(N,) class indices, .npy")
    parser.add_argument("--hidden", default="128", help="units of the hidden layers, such as 128,64, or none")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if (arguments.features is None) != (arguments.labels is None):
        parser.error("--features and --labels go together")
    if arguments.features:
        features = np.load(arguments.features).astype(np.float32)
        labels = np.load(arguments.labels)
        shuffled = np.random.default_rng(0).permutation(len(features))
        features, labels = features[shuffled], labels[shuffled]
    else:
        features, labels = synthetic()
    held = len(features) // 4
    validation = features[:held], labels[:held]
    if arguments.features:
        features, labels = features[held:], labels[held:]
    classes, epochs = int(labels.max()) + 1, arguments.epochs

    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print(machine())
    print(
        f"{len(SETTINGS)} settings, {epochs} epochs, {len(features)} x {features.shape[1]} features, {classes} classes"
    )
    layers = () if arguments.hidden == "none" else tuple(map(int, arguments.hidden.split(",")))
    deep = [replace(setting, learning_rate=setting.learning_rate / 10, hidden=layers) for setting in SETTINGS]
    for name, settings in {"linear": SETTINGS, **({f"hidden {arguments.hidden}": deep} if layers else {})}.items():
        compare(name, settings, (features, labels), validation, epochs, arguments.repeats)


def compare(
    name: str,
    settings: list[HeadSettings],
    data: tuple[Any, Any],
    validation: tuple[Any, Any],
    epochs: int,
    repeats: int,
) -> None:
    """Times both sides and prints a row."""
    (features, labels), classes = data, int(data[1].max()) + 1
    scale = rms_norm(features)
    scaled, scaled_validation = features / np.float32(scale), (validation[0] / np.float32(scale), validation[1])
    keras_models(settings[:1], features.shape[1], classes)[0].fit(
        scaled, labels, batch_size=BATCH_SIZE, epochs=1, validation_data=scaled_validation, verbose=0
    )
    rounds = iter([keras_models(settings, features.shape[1], classes) for _ in range(repeats)])
    lowest: dict[str, float] = {}

    def at_once() -> None:
        trained = train_heads(
            features,
            labels,
            settings,
            classes=classes,
            epochs=epochs,
            order_seed=0,
            validation=validation,
            batch_size=BATCH_SIZE,
            scale=scale,
        )
        lowest["here"] = float(np.nanmin(trained.val_loss))

    def one_by_one() -> None:
        histories = [
            model.fit(
                scaled, labels, batch_size=BATCH_SIZE, epochs=epochs, validation_data=scaled_validation, verbose=0
            ).history
            for model in next(rounds)
        ]
        lowest["keras"] = float(np.nanmin([history["val_loss"] for history in histories]))

    seconds = interleaved({"here": at_once, "keras": one_by_one}, repeats)
    print(
        f"{name:<12} median of {repeats}: heads at once {seconds['here']:.3f} s, nine keras.Model.fit "
        f"{seconds['keras']:.2f} s, ratio {seconds['keras'] / seconds['here']:.0f}x; lowest validation loss "
        f"{lowest['here']:.4f} here, {lowest['keras']:.4f} with Keras",
        flush=True,
    )


if __name__ == "__main__":
    main()
