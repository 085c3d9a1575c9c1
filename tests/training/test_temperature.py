import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from regraft.training.temperature import fitted_temperature, softened


def loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


def answers(seed: int, sharpness: float, images: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logits = sharpness * generator.normal(size=(images, 4))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32), generator.integers(4, size=images)


def test_four_images_by_hand() -> None:
    """Three right and one wrong, all with odds of 9 to 1: odds of 3 to 1 were honest."""
    sure = np.array([[0.9, 0.1]] * 4, np.float32)
    labels = np.array([0, 0, 0, 1])
    temperature = fitted_temperature(sure, labels)
    assert temperature == pytest.approx(np.log(9) / np.log(3))
    assert softened(sure, temperature) == pytest.approx(np.array([[0.75, 0.25]] * 4))


@given(st.integers(0, 1000), st.floats(0.5, 6))
def test_it_is_where_scipy_finds_it(seed: int, sharpness: float) -> None:
    probabilities, labels = answers(seed, sharpness)
    found = fitted_temperature(probabilities, labels)
    assert found >= 1
    least = minimize_scalar(lambda log: loss(softened(probabilities, np.exp(log)), labels), bounds=(0, np.log(10)))
    assert loss(softened(probabilities, found), labels) <= least.fun + 1e-6


def test_underconfident_answers_are_left_alone() -> None:
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7]], np.float32)
    assert fitted_temperature(probabilities, np.array([0, 1])) == 1


def test_answers_that_are_no_numbers_have_none() -> None:
    assert fitted_temperature(np.full((2, 3), np.nan, np.float32), np.array([0, 1])) == 1


@given(st.integers(0, 1000), st.floats(1, 50))
def test_no_answer_changes(seed: int, temperature: float) -> None:
    probabilities, _ = answers(seed, 2.0)
    soft = softened(probabilities, temperature)
    assert (soft.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert soft.sum(axis=1) == pytest.approx(np.ones(len(soft)))
    assert softened(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-6)
