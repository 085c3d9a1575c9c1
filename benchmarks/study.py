"""The flower grid on cached features against the plain Keras script: seconds of training, and equal results.

    python benchmarks/study.py --images FOLDER [--backbone MobileNetV2] [--epochs 2] [--repeats 3]

The plain script is what a student writes: `image_dataset_from_directory` with prefetching, the network's own
preprocessing, the frozen base, a Dense layer, `model.fit` with SGD. It trains one setting for `--epochs` epochs in each
round, after one that is not counted (so that compiling and the first reading of the files are not counted either); its
time for the whole grid is extrapolated from the median seconds of an epoch: settings × repetitions × epochs. Ours is
the grid of the flower study, measured whole: all heads, and the features computed from nothing.

That both give the same heads is what `regraft study flowers` reports: it trains settings both ways, from the same
start on the same batches.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from _measuring import image_folder, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--backbone", default="MobileNetV2")
    parser.add_argument("--epochs", type=int, default=2, help="epochs of the plain script that are counted")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    folder = image_folder(parser)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    plain = PlainScript(folder, options.backbone)
    plain.epoch()
    epochs, trainings, features = [], [], []
    cells = grid_epochs = 0
    for _ in range(options.repeats):
        epochs += [plain.epoch() for _ in range(options.epochs)]
        seconds, cells, grid_epochs = ours(folder, options.backbone)
        trainings.append(seconds["training"])
        features.append(seconds["features"])
    epoch, training, feature = map(statistics.median, (epochs, trainings, features))
    whole = epoch * cells * grid_epochs
    print(f"# {machine()}; medians of {options.repeats} interleaved rounds")
    print(f"plain Keras script: {epoch:.1f} s an epoch of {plain.images} images ({plain.images / epoch:.0f} images/s)")
    print(
        f"the grid: {cells} trainings of {grid_epochs} epochs; by the plain script {whole / 3600:.1f} h (extrapolated)"
    )
    print(f"on cached features: {training:.1f} s, recorded as runs; features from nothing {feature:.1f} s")
    print(f"ratio: {whole / training:,.0f}x for the training, {whole / (training + feature):,.0f}x with the features")


class PlainScript:
    """A frozen network and a Dense layer, trained by `model.fit` on 640 images and validated on 160."""

    def __init__(self, folder: Path, backbone: str) -> None:
        import keras

        from regraft.backbones.base import open_base
        from regraft.backbones.networks import base_model

        base = base_model(open_base(backbone))
        common: dict[str, Any] = {
            "image_size": base.input_shape[1:3],
            "batch_size": 32,
            "validation_split": 0.2,
            "seed": 0,
            "verbose": False,
        }
        train = keras.utils.image_dataset_from_directory(folder, subset="training", **common)
        validation = keras.utils.image_dataset_from_directory(folder, subset="validation", **common)
        # As many images as one training of the study has: 640 and 160 of the 1,000.
        self._train, self._validation = train.take(20).prefetch(2), validation.take(5).prefetch(2)
        self.images = 25 * 32
        classes = len(train.class_names)
        output = keras.layers.Dense(classes, activation="softmax")(base.output)
        self._model = keras.Model(base.input, output)
        self._model.compile(keras.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    def epoch(self) -> float:
        """Seconds of one epoch of training and validation."""
        start = time.perf_counter()
        self._model.fit(self._train, validation_data=self._validation, epochs=1, shuffle=False, verbose=0)
        return time.perf_counter() - start


def ours(folder: Path, backbone: str) -> tuple[dict[str, float], int, int]:
    """Seconds of features and training of the flower study's grid in a cache of its own; its trainings and epochs."""
    from regraft.studies.flower_study import FlowerStudy

    before = os.environ.get("REGRAFT_CACHE")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["REGRAFT_CACHE"] = f"{scratch}/cache"
        try:
            study = FlowerStudy(folder, Path(scratch) / "study", backbone=backbone, standard_epochs=0)
            grid = study.grid
            seconds = {"training": study.seconds["training"], "features": study.folder.facts()["features"]["seconds"]}
            return seconds, grid.accuracy.size, grid.curves["loss"].shape[-1]
        finally:
            os.environ.pop("REGRAFT_CACHE") if before is None else os.environ.update(REGRAFT_CACHE=before)


if __name__ == "__main__":
    main()
