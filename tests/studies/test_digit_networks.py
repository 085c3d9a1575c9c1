from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.studies.digit_networks import (
    CONVOLUTIONS,
    LEARNING_RATE,
    DigitTrainer,
    Effort,
    digit_network,
    fixed_features,
    train_top,
)
from regraft.training._order import EpochOrder
from regraft.training.heads import initial_heads
from regraft.training.settings import HeadSettings

SIZE = (8, 8)
EFFORT = Effort(batch_size=5, every=15, measurements=3)


def made(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with a bright quarter, and which one it is."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, count)
    pixels = random.integers(0, 120, (count, *SIZE))
    for image, label in zip(pixels, labels, strict=True):
        image[4 * (label // 2) :][:4, 4 * (label % 2) :][:, :4] += 60
    return pixels.astype(np.uint8), labels


LEARN, TEST = made(20, 0), made(30, 1)


@pytest.fixture(scope="module")
def trainer() -> DigitTrainer:
    return DigitTrainer(SIZE, 4, dropout=False)


def inputs(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., None].astype(np.float32)


def trained_by_keras(network: Any, frozen: tuple[str, ...] = ()) -> list[float]:
    """The same training in the way of the handbooks; the accuracies on the test images."""
    import keras

    for name in frozen:
        network.get_layer(name).trainable = False
    network.compile(keras.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy")
    order, found = EpochOrder(LEARN[1], 7, size=EFFORT.every), []
    for _ in range(EFFORT.measurements):
        rows, _ = order.next_epoch()
        for batch in rows.reshape(-1, EFFORT.batch_size):
            network.train_on_batch(inputs(LEARN[0])[batch], LEARN[1][batch])
        found.append(float((network.predict(inputs(TEST[0]), verbose=0).argmax(1) == TEST[1]).mean()))
    return found


def test_the_network_is_that_of_the_assignment() -> None:
    """Of MNIST: 26 × 26, 24 × 24, 12 × 12 maps; parameters by hand."""
    network = digit_network((28, 28), 6, dropout=True, seed=0)
    counts = {layer.name: layer.count_params() for layer in network.layers if layer.weights}
    assert counts == {
        "convolution1": (9 + 1) * 32,
        "convolution2": (9 * 32 + 1) * 32,
        "hidden": (12 * 12 * 32 + 1) * 128,
        "classes": (128 + 1) * 6,
    }
    assert [layer.rate for layer in network.layers if "dropout" in layer.name] == [0.5, 0.5]
    assert "dropout" not in " ".join(layer.name for layer in digit_network(SIZE, 4, dropout=False, seed=0).layers)


def test_many_updates_in_one_call_are_those_of_keras(trainer: DigitTrainer) -> None:
    trainer.begin(3)
    course = trainer.train(*LEARN, TEST, EFFORT, 7, lambda images: None)
    network = digit_network(SIZE, 4, dropout=False, seed=3)
    assert course.accuracies == pytest.approx(trained_by_keras(network))
    for found, expected in zip(trainer.network.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_a_training_does_not_depend_on_those_before_it() -> None:
    trainer = DigitTrainer(SIZE, 4, dropout=True)
    weights = []
    for _ in range(2):
        trainer.begin(3)
        trainer.train(*LEARN, TEST, EFFORT, 7, lambda images: None)
        weights.append(trainer.network.get_weights())
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_fixed_convolutions_on_cached_features_are_frozen_layers_of_keras(trainer: DigitTrainer) -> None:
    source = digit_network(SIZE, 6, dropout=False, seed=1)
    setting = HeadSettings(LEARNING_RATE, optimizer="adam", hidden=(128,), seed=5)
    network = digit_network(SIZE, 4, dropout=False, seed=0)
    for name in CONVOLUTIONS:
        network.get_layer(name).set_weights(source.get_layer(name).get_weights())
    features, tested = (fixed_features(source, part[0]) for part in (LEARN, TEST))
    (start,) = initial_heads([setting], features.shape[1], 4)
    for name, layer in zip(("hidden", "classes"), start.layers, strict=True):
        network.get_layer(name).set_weights(list(layer))
    course = train_top(
        features,
        LEARN[1],
        (tested, TEST[1]),
        4,
        EFFORT,
        dropout=False,
        seed=5,
        order_seed=7,
        advance=lambda images: None,
    )
    assert course.accuracies == pytest.approx(trained_by_keras(network, CONVOLUTIONS))


def test_a_source_gives_all_but_the_layer_of_the_classes(trainer: DigitTrainer) -> None:
    source = digit_network(SIZE, 6, dropout=False, seed=1)
    trainer.begin(3, source)
    fresh = digit_network(SIZE, 4, dropout=False, seed=3)
    for name in (*CONVOLUTIONS, "hidden"):
        for found, expected in zip(
            trainer.network.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        trainer.network.get_layer("classes").get_weights()[0], fresh.get_layer("classes").get_weights()[0]
    )
