from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from regraft.training import _optimizers
from regraft.training._optimizers import StackedAdam, StackedSGD
from regraft.training.settings import HeadSettings

SGD = [
    HeadSettings(0.1),
    HeadSettings(0.05, 0.9),
    HeadSettings(0.05, 0.8, True, 0.02),
    HeadSettings(0.2, weight_decay=0.1),
]
ADAM = [
    HeadSettings(0.1, optimizer="adam"),
    HeadSettings(0.01, optimizer="adamw", weight_decay=0.1),
    HeadSettings(0.02, optimizer="adam", weight_decay=0.05),
]
SHAPES = [(5, 7), (5, 1)]


@pytest.fixture(scope="module")
def keras() -> Any:
    pytest.importorskip("tensorflow", reason="compares with Keras on TensorFlow, which is not installed")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    return keras


def keras_optimizer(keras: Any, setting: HeadSettings) -> Any:
    if setting.optimizer == "sgd":
        return keras.optimizers.SGD(
            setting.learning_rate,
            momentum=setting.momentum,
            nesterov=setting.nesterov,
            weight_decay=setting.weight_decay or None,
        )
    kind = keras.optimizers.Adam if setting.optimizer == "adam" else keras.optimizers.AdamW
    return kind(setting.learning_rate, weight_decay=setting.weight_decay)


def walked(settings: list[HeadSettings], steps: int = 6) -> tuple[list[Any], list[list[Any]]]:
    """Where the parameters start, and where they are after each step with gradients of all sizes."""
    rng = np.random.default_rng(0)
    count = len(settings)
    parameters = [rng.normal(size=(count, *shape)).astype(np.float32) for shape in SHAPES]
    start = [array.copy() for array in parameters]
    gradients = [np.empty_like(array) for array in parameters]
    kind = StackedSGD if settings[0].optimizer == "sgd" else StackedAdam
    optimizer = kind(settings, parameters, gradients)
    path = []
    for step in range(steps):
        for gradient, given in zip(gradients, gradients_of(step, count), strict=True):
            gradient[...] = given
        optimizer.update()
        path.append([array.copy() for array in parameters])
    return start, path


def gradients_of(step: int, count: int) -> list[Any]:
    rng = np.random.default_rng(100 + step)
    return [(rng.normal(size=(count, *s)) * 10.0 ** rng.integers(-6, 1, s)).astype(np.float32) for s in SHAPES]


@pytest.mark.parametrize("settings", [SGD, SGD[:1], SGD[:2], ADAM, ADAM[:1]])
def test_every_network_takes_the_steps_of_the_optimizer_of_keras(keras: Any, settings: list[HeadSettings]) -> None:
    start, path = walked(settings)
    for network, setting in enumerate(settings):
        optimizer = keras_optimizer(keras, setting)
        variables = [keras.Variable(array[network]) for array in start]
        for step, arrays in enumerate(path):
            given = [keras.ops.convert_to_tensor(g[network]) for g in gradients_of(step, len(settings))]
            optimizer.apply(given, variables)
            for array, variable in zip(arrays, variables, strict=True):
                np.testing.assert_allclose(array[network], np.asarray(variable), rtol=1e-5, atol=5e-6)


@pytest.mark.parametrize("settings", [SGD, ADAM])
def test_blocks_of_any_size_give_the_same_bits(settings: list[HeadSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = walked(settings)[1][-1]
    monkeypatch.setattr(_optimizers, "_AT_ONCE", 9)
    for one, other in zip(whole, walked(settings)[1][-1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_arrays_that_would_be_copied_are_refused() -> None:
    wrong = np.zeros((2, 3, 4), np.float32).transpose(0, 2, 1)
    with pytest.raises(ValueError, match="C order"):
        StackedSGD(SGD[:2], [wrong], [wrong])
