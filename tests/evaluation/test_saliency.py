from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.evaluation.saliency import (
    Pooled,
    class_logit,
    evidence,
    log_odds,
    occluded,
    occlusion_evidence,
    summed,
)
from regraft.training.weights import HeadWeights

Floats = npt.NDArray[np.float32]


def drawn(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_the_logit_of_a_linear_head_has_its_kernel_as_the_gradient() -> None:
    weights = HeadWeights.linear(drawn(4, 3), drawn(3, seed=1))
    features = drawn(4, seed=2)
    logit, gradient = class_logit(weights, features, 2)
    assert logit == pytest.approx(float((features @ weights.kernel + weights.bias)[2]), abs=1e-6)
    assert gradient == pytest.approx(weights.kernel[:, 2])


def test_the_first_class_of_a_sigmoid_has_the_logit_turned_round() -> None:
    weights = HeadWeights.linear(drawn(4, 1), drawn(1, seed=1))
    features = drawn(4, seed=2)
    (first, towards_first), (second, towards_second) = (class_logit(weights, features, index) for index in (0, 1))
    assert first == -second
    assert towards_first == pytest.approx(-towards_second)
    second_of_two = weights.probabilities(features[None])[0, 1]
    assert second == pytest.approx(float(np.log(second_of_two / (1 - second_of_two))), abs=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "swish"])
@pytest.mark.parametrize("pooled", ["average", "max"])
def test_evidence_is_what_keras_gradients_give(activation: str, pooled: Pooled) -> None:
    """HiResCAM: maps × the gradient of the logit at the maps, from pixels of one network in Keras."""
    import keras
    import tensorflow as tf

    layers = [(drawn(5, 6), drawn(6, seed=1)), (drawn(6, 4, seed=2), drawn(4, seed=3)), (drawn(4, 3, seed=4), drawn(3))]
    maps = tf.constant(drawn(1, 3, 4, 5, seed=5))
    act = getattr(keras.activations, "silu" if activation == "swish" else activation)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        values = features = tf.reduce_mean(maps, (1, 2)) if pooled == "average" else tf.reduce_max(maps, (1, 2))
        for number, (kernel, bias) in enumerate(layers):
            values = values @ kernel + bias
            values = act(values) if number < 2 else values
        logit = values[0, 1]
    slopes = tape.gradient(logit, maps)
    expected = 12 * np.sum(np.asarray(slopes[0] * maps[0]), axis=-1)
    found, gradient = class_logit(HeadWeights(tuple(layers), activation), np.asarray(features)[0], 1)  # type: ignore[arg-type]
    assert found == pytest.approx(float(logit), abs=1e-5)
    assert evidence(np.asarray(maps)[0], gradient, pooled) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("pooled", ["average", "max"])
def test_the_mean_of_the_evidence_and_the_bias_are_the_logit(pooled: Pooled) -> None:
    maps, weights = drawn(7, 5, 8), HeadWeights.linear(drawn(8, 3, seed=1), drawn(3, seed=2))
    features = maps.mean(axis=(0, 1)) if pooled == "average" else maps.max(axis=(0, 1))
    logit, gradient = class_logit(weights, features, 0)
    assert evidence(maps, gradient, pooled).mean() + weights.bias[0] == pytest.approx(logit, abs=1e-5)


def test_places_that_share_a_maximum_share_its_evidence() -> None:
    maps = np.array([[[2.0], [1.0]], [[2.0], [0.0]]], np.float32)
    assert evidence(maps, np.array([3.0], np.float32), "max").tolist() == [[12, 0], [12, 0]]


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_evidence_on_several_grids_is_added_on_the_finest(rows: int, columns: int, high: int, wide: int) -> None:
    one, other = drawn(rows, columns), drawn(high, wide, seed=1)
    total = summed([one, other])
    assert total.shape == (max(rows, high), max(columns, wide))
    assert total.mean() == pytest.approx(one.mean() + other.mean(), abs=1e-4)


def test_a_coarse_grid_is_brought_to_a_fine_one_between_its_centres() -> None:
    coarse = np.array([[0.0, 4.0]], np.float32)
    assert summed([coarse, np.zeros((1, 4), np.float32)]).tolist() == [[0, 1, 3, 4]]
    even = np.full((2, 3), 5.0, np.float32)
    assert summed([even, np.zeros((6, 7), np.float32)]) == pytest.approx(np.full((6, 7), 5.0))


def test_each_part_is_hidden_once_with_half_of_its_neighbours() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 4:] = 200
    seen = list(occluded(pixels, 2, 4))
    assert len(seen) == 8
    hidden = [np.argwhere((image == 100).all(axis=2)) for image in seen]
    assert hidden[0].min(axis=0).tolist() == [0, 0]
    assert hidden[0].max(axis=0).tolist() == [2, 2]
    assert hidden[5].min(axis=0).tolist() == [1, 1]
    assert hidden[5].max(axis=0).tolist() == [3, 4]
    assert (pixels != 100).all()  # the image itself stays
    assert all(len(part) for part in map(np.argwhere, (image == 100 for image in occluded(pixels, 9, 9))))


def test_occlusion_finds_the_part_that_an_answer_hangs_on() -> None:
    whole = np.array([0.8, 0.1, 0.1], np.float32)
    hidden = np.array([[0.8, 0.1, 0.1], [0.2, 0.4, 0.4], [0.9, 0.05, 0.05], [0.8, 0.2, 0.0]], np.float32)
    found = occlusion_evidence(whole, hidden, 0, 2, 2)
    expected = np.log(4) - np.log([4, 0.25, 9, 4])
    assert found.ravel() == pytest.approx(expected, abs=1e-5)


def test_log_odds_of_certain_answers_are_finite() -> None:
    assert np.isfinite(log_odds(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), 0)).all()
