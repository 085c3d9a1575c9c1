"""The digits study on MNIST against the same study written as plain Keras loops.

python benchmarks/digits.py [--images mnist] [--path FOLDER] [--part 3000] [--repeats 3]

A plain loop is what a Keras user writes: for each training a new network, `fit` on the next 1,000 images in batches of
100, `evaluate` on all test images, and so on; fixed convolutions are layers that are not trainable. Each kind of
training is measured on so many images (`--part`), both ways in turn; the whole study is then counted out from the
medians: seconds for each 1,000 images times how many of them the plan has. What happens once, building and compiling
networks and computing features, is measured apart and counted in.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _measuring import interleaved, machine

from regraft.images.opening import open_images
from regraft.studies.digit_networks import (
    CONVOLUTIONS,
    LEARNING_RATE,
    DigitTrainer,
    Effort,
    digit_network,
    fixed_features,
    train_top,
)
from regraft.studies.digit_tasks import DigitTask, digit_tasks
from regraft.studies.digits_study import PLANS


@dataclass(frozen=True)
class Kind:
    """A kind of training.

    Attributes:
        task: what is learnt.
        fixed: whether the convolutions are.
        measurements: how many the plan has of it, without dropout; with dropout as many.
        trainings: likewise.
    """

    task: DigitTask
    fixed: bool
    measurements: int
    trainings: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="mnist")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--part", type=int, default=3000, help="images of each training that are measured")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    data = os.environ.get("REGRAFT_TEST_DATA")
    path = options.path or (Path(data) / "mnist" if data and options.images == "mnist" else None)
    source, target = digit_tasks(open_images(options.images, path=path))
    plan = PLANS["mnist"]
    effort = Effort(plan.batch_size, plan.every, options.part // plan.every)
    print(f"# {machine()}\n# {effort.measurements} × {plan.every:,} images of each training, {options.repeats} repeats")
    print("# seconds for 1,000 images and a measurement, without dropout and with it")
    row("", "plain Keras", "regraft")
    whole, begun = {"keras": 0.0, "regraft": 0.0}, {"keras": 0.0, "regraft": 0.0}
    points, settings = plan.repeats * sum(plan.target), plan.repeats * len(plan.target)
    for name, kind in {
        "source task, all layers": Kind(source, False, plan.repeats * plan.source, plan.repeats),
        "target task, all layers": Kind(target, False, 2 * points, 2 * settings),
        "target task, convolutions fixed": Kind(target, True, points, settings),
    }.items():
        works, starts = measured_works(kind, effort)
        interleaved(works, 1)
        seconds = {way: value / effort.measurements for way, value in interleaved(works, options.repeats).items()}
        for way, each in seconds.items():
            whole[way] += each * kind.measurements + starts[way] * kind.trainings
            begun[way] += starts[way] * kind.trainings
        row(name, f"{seconds['keras']:.3f}", f"{seconds['regraft']:.3f}", seconds["keras"] / seconds["regraft"])
    minutes = {way: f"{value / 60:.1f}" for way, value in whole.items()}
    row("the whole study, counted out, min", minutes["keras"], minutes["regraft"], whole["keras"] / whole["regraft"])
    row("of that, before the first images", *(f"{value / 60:.1f}" for value in begun.values()))


def row(name: str, keras: str, regraft: str, ratio: float | None = None) -> None:
    """Prints a line of the table."""
    print(f"{name:<34} {keras:>11} {regraft:>9}" + (f" {ratio:>6.1f}×" if ratio else ""), flush=True)


def measured_works(kind: Kind, effort: Effort) -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    """A part of the trainings both ways, and the seconds it takes each to begin them."""
    begun = time.perf_counter()
    loops = [KerasLoop(kind, effort, dropout) for dropout in (False, True)]
    starts = {"keras": time.perf_counter() - begun}
    begin = fixed_trainings if kind.fixed else whole_trainings
    trainings, starts["regraft"] = begin(kind, effort)
    return {
        "keras": lambda: [loop.run() for loop in loops],
        "regraft": lambda: [training() for training in trainings],
    }, starts


def fixed_trainings(kind: Kind, effort: Effort) -> tuple[list[Callable[[], object]], float]:
    """Fully connected layers on cached features, without dropout and with it; the features serve all proportions."""
    task = kind.task
    begun = time.perf_counter()
    networks = [digit_network(task.size, len(task.classes), dropout=dropout, seed=1) for dropout in (False, True)]
    features = [[fixed_features(network, pixels) for pixels in (task.pixels, task.test_pixels)] for network in networks]
    seconds = (time.perf_counter() - begun) / len(PLANS["mnist"].target)

    def training(dropout: bool) -> object:
        learnt, tested = features[dropout]
        return train_top(
            learnt, task.labels, (tested, task.test_labels), len(task.classes), effort,
            dropout=dropout, seed=0, order_seed=0, advance=lambda images: None,
        )  # fmt: skip

    return [partial(training, False), partial(training, True)], seconds


def whole_trainings(kind: Kind, effort: Effort) -> tuple[list[Callable[[], object]], float]:
    """All layers, without dropout and with it."""
    task = kind.task
    test = task.test_pixels, task.test_labels
    begun = time.perf_counter()
    trainers = [DigitTrainer(task.size, len(task.classes), dropout=dropout) for dropout in (False, True)]
    one = replace(effort, measurements=1)
    for trainer in trainers:
        trainer.train(task.pixels, task.labels, test, one, 0, lambda images: None)  # which builds the graph
    once = time.perf_counter() - begun
    begun = time.perf_counter()
    for trainer in trainers:
        trainer.begin(0)
    seconds = once / kind.trainings + time.perf_counter() - begun
    return [
        partial(trainer.train, task.pixels, task.labels, test, effort, 0, lambda images: None) for trainer in trainers
    ], seconds


class KerasLoop:
    """What a Keras user writes for one training; the part that comes before the first image is done at once."""

    def __init__(self, kind: Kind, effort: Effort, dropout: bool) -> None:
        import keras

        task = kind.task
        self._effort = effort
        self._pixels, self._labels = task.pixels[..., None].astype(np.float32), task.labels
        self._test: tuple[Any, Any] = task.test_pixels[..., None].astype(np.float32), task.test_labels
        self._network = digit_network(task.size, len(task.classes), dropout=dropout, seed=0)
        for name in CONVOLUTIONS if kind.fixed else ():
            self._network.get_layer(name).trainable = False
        self._network.compile(
            keras.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        # Keras traces its functions with the first batch.
        self._network.fit(self._pixels[:1], self._labels[:1], verbose=0)
        self._network.evaluate(self._test[0][:1], self._test[1][:1], verbose=0)

    def run(self) -> None:
        """Trains and measures."""
        for part in range(self._effort.measurements):
            rows = slice(part * self._effort.every, (part + 1) * self._effort.every)
            self._network.fit(
                self._pixels[rows], self._labels[rows], batch_size=self._effort.batch_size, epochs=1, verbose=0
            )
            self._network.evaluate(*self._test, verbose=0)


if __name__ == "__main__":
    main()
