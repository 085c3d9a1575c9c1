"""Small networks to fine-tune, and images for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from regraft.backbones import graph
from regraft.backbones.cuts import cut
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.finetuning import Finetuned, Top, build_top, finetune
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import CachedActivations
from regraft.training.weights import initial_heads

SIZE, CLASSES = 8, 3
ROWS, VALIDATION = np.arange(20), np.arange(20, 30)


@contextmanager
def eagerly(whether: bool = True) -> Iterator[None]:
    """Keras computes step by step: for a few small steps that is faster than making a graph first, and the same."""
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(whether)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextmanager
def graphs_here() -> Iterator[None]:
    """Graphs of saved models are built in this process, where another one would import TensorFlow first.

    Those of the catalogue, which need Keras with another backend, are built elsewhere as ever.
    """
    elsewhere = graph.export_graph

    def built(network: Any, weights: Path, preprocessing: Any, target: Path, **options: Any) -> None:
        if network is not None:
            elsewhere(network, weights, preprocessing, target, **options)
            return
        facts = {"network": None, "weights": str(weights), "preprocessing": preprocessing.as_dict()}
        graph._write_graph({**facts, **options, "data_format": "channels_last", "target": str(target)})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph, "export_graph", built)
        yield


def small_network() -> Any:
    """Pixels → six features; two residual blocks, `a_add` and `b_add`, and names as in EfficientNet-Lite."""
    import keras
    from keras import layers

    def normalised(maps: Any, name: str, *, active: bool = True) -> Any:
        maps = layers.BatchNormalization(name=f"{name}_bn")(maps)
        return layers.ReLU(6.0, name=f"{name}_relu")(maps) if active else maps

    pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    maps = layers.Rescaling(1 / 64, name="preprocessing")(pixels)
    maps = layers.Conv2D(4, 3, 2, padding="same", use_bias=False, name="stem")(maps)
    maps = normalised(maps, "stem")
    for block in "ab":
        side = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{block}_depthwise")(maps)
        side = normalised(side, f"{block}_depthwise")
        side = layers.Conv2D(4, 1, use_bias=False, name=f"{block}_project")(side)
        maps = layers.Add(name=f"{block}_add")([maps, normalised(side, f"{block}_project", active=False)])
    maps = layers.Conv2D(6, 1, use_bias=False, name="head_conv")(maps)
    maps = normalised(maps, "head")
    network = keras.Model(pixels, layers.GlobalAveragePooling2D(name="pooling")(maps))
    randomise(network)
    return network


def randomise(model: Any, seed: int = 0) -> None:
    """Weights and statistics that are not 0 and 1, so that one left out or mixed up is noticed."""
    draw = np.random.default_rng(seed)
    for layer in model.layers:
        for variable in layer.weights:
            if len(variable.shape) > 1:
                inputs = np.prod(variable.shape[:2]) if variable.shape[-1] == 1 else np.prod(variable.shape[:-1])
                variable.assign(draw.normal(0, np.sqrt(2 / inputs), variable.shape))
            else:
                low, high = (0.5, 1.5) if variable.name in ("gamma", "moving_variance") else (-0.3, 0.3)
                variable.assign(draw.uniform(low, high, variable.shape))


def small_top(*, outputs: int = CLASSES, dropout: float = 0.0, **where: Any) -> Top:
    """A small network with an untrained head, cut as told, after `a_add` if not.

    There is one for each cut, as building takes time; it is given with the weights it had at first.
    """
    top, start = _built(outputs, dropout, tuple(where.items()) or (("at", "a_add"),))
    top.whole.set_weights(start)
    return top


@cache
def _built(outputs: int, dropout: float, where: tuple[tuple[str, Any], ...]) -> tuple[Top, list[npt.NDArray[Any]]]:
    parts = cut(small_network(), **dict(where))
    (head,) = initial_heads([HeadSettings(0.1)], 6, outputs)
    top = build_top(parts, head, "sigmoid" if outputs == 1 else "softmax", dropout=dropout)
    return top, [np.array(array) for array in top.whole.get_weights()]


def small_pixels(count: int = 30) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Noise (count, 8, 8, 3) that is brighter in the colour of its class, and the classes."""
    draw = np.random.default_rng(1)
    labels = draw.integers(0, CLASSES, count)
    pixels = draw.integers(0, 130, (count, SIZE, SIZE, 3))
    pixels[np.arange(count), :, :, labels] += 60
    return pixels.astype(np.uint8), labels


def small_inputs(top: Top, views: int = 1) -> tuple[CachedActivations, npt.NDArray[np.int64]]:
    """What reaches the cut, of the pixels and of so many views altogether, each a little darker; and the classes."""
    pixels, labels = small_pixels()
    darker = [(pixels * (1 - 0.1 * view)).astype(np.uint8) for view in range(views)]
    return CachedActivations(np.stack([activations(top, values) for values in darker])), labels


def activations(top: Top, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(n, ...) at the cut."""
    return np.asarray(top.parts.base(pixels, training=False), np.float32)


def weights_of(top: Top) -> dict[str, list[npt.NDArray[Any]]]:
    """Copies of all weights and statistics, by layer."""
    return {layer.name: [np.array(w) for w in layer.get_weights()] for layer in top.whole.layers if layer.weights}


def moved(before: dict[str, list[npt.NDArray[Any]]], after: dict[str, list[npt.NDArray[Any]]]) -> set[str]:
    """The layers of which not every bit is the same."""
    return {
        name
        for name, old in before.items()
        if any(one.tobytes() != other.tobytes() for one, other in zip(old, after[name], strict=True))
    }


def small_settings(**changed: Any) -> FinetuneSettings:
    given = {"epochs": 2, "learning_rate": 0.01, "optimizer": "sgd", "batch_size": 10, "warmup": 0.0, **changed}
    return FinetuneSettings(**given)


def trained_small(top: Top, about: FinetuneSettings | None = None, **changed: Any) -> Finetuned:
    """Fine-tunes on the small images."""
    inputs, labels = small_inputs(top)
    given = {"inputs": inputs, "labels": labels, "settings": about or small_settings(), "rows": ROWS, **changed}
    return finetune(top, **given)


def without_seconds(done: Finetuned) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in done.history]
