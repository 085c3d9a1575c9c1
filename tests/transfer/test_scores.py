from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.transfer.scores import h_score, h_scores, log_me, regularised_h_score

SCORES = (log_me, h_score, regularised_h_score)


def made(images: int, width: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Features without a random number, as of a layer behind a ReLU, and labels that they tell something of."""
    i, j = np.arange(images)[:, None], np.arange(width)
    labels = np.arange(images) % classes
    waves = np.sin(1.0 + 0.7 * i * (j + 1) + 0.3 * j) + 0.5 * np.cos(2.1 * labels[:, None] + j)
    return np.maximum(waves, 0), labels


# What the authors' own programs give for `made`: `_fit_fixed_point` of https://github.com/thuml/LogME (3a089508) where
# there are more images than features, else `_fit_icml`, which it agrees with there; `h_score` and `regularized_h_score`
# of the Transfer Learning Library, https://github.com/thuml/Transfer-Learning-Library (29a228d1).
PUBLISHED = {
    (60, 8, 3): (-0.0010030173940169067, 1.877876990260433, 1.3712282269276241),
    (200, 30, 5): (-0.3935685293871652, 1.4710615172559156, 1.2899367048473895),
    (24, 24, 2): (-0.5987050260230693, 0.9999999999999418, 0.7200566666065055),
    (40, 90, 4): (-0.49480759470159635, 3.0, 2.096377546473206),
}


@pytest.mark.parametrize("shape", PUBLISHED, ids=str)
def test_what_the_authors_programs_give(shape: tuple[int, int, int]) -> None:
    features, labels = made(*shape)
    evidence, plain, regularised = PUBLISHED[shape]
    # They stop once alpha/beta changes by less than a thousandth (a hundredth), here it goes on.
    assert log_me(features, labels) == pytest.approx(evidence, abs=2e-4 if shape[1] >= shape[0] else 1e-7)
    assert h_score(features, labels) == pytest.approx(plain, rel=1e-9)
    assert regularised_h_score(features, labels) == pytest.approx(regularised, rel=1e-9)
    assert h_scores(features, labels) == (h_score(features, labels), regularised_h_score(features, labels))


@pytest.mark.parametrize("width", [2, 9])
def test_log_me_is_the_largest_evidence(width: int) -> None:
    """Labels of a class are normal with covariance I/beta + F F'/alpha: that density, maximised without any trick."""
    from scipy.optimize import minimize
    from scipy.stats import multivariate_normal

    features, labels = made(7, width, 2)

    def least(target: np.ndarray) -> float:
        def negative(logs: np.ndarray) -> float:
            alpha, beta = np.exp(logs)
            covariance = np.eye(7) / beta + features @ features.T / alpha
            return -float(multivariate_normal(np.zeros(7), covariance).logpdf(target))

        return float(minimize(negative, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).fun)

    expected = -np.mean([least((labels == label).astype(float)) for label in (0, 1)]) / 7
    assert log_me(features, labels) == pytest.approx(expected, abs=5e-6)  # one grows without bound


def test_h_score_by_hand() -> None:
    """One feature: the variance between the classes over the whole one, (4 · 1²) / (2 · 0² + 2 · 1² …)."""
    features, labels = np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    # Means 1 and 5 about 3: spread between 4 · 4 = 16, whole 9 + 1 + 1 + 9 = 20.
    assert h_score(features, labels) == pytest.approx(16 / 20)


def test_h_score_says_nothing_with_few_images() -> None:
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(12, 20)), np.repeat([0, 1, 2], 4)  # unrelated
    assert h_score(features, labels) == pytest.approx(2)
    assert regularised_h_score(features, labels) < 0.7


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1), images=st.integers(4, 14), width=st.integers(1, 18), score=st.sampled_from(SCORES)
)
def test_rotation_order_and_names_of_classes_change_nothing(
    seed: int, images: int, width: int, score: Callable[..., float]
) -> None:
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(images, width)) + 0.5
    labels = np.arange(images) % 3
    expected = score(features, labels)
    turn = np.linalg.qr(generator.normal(size=(width, width)))[0]
    order = generator.permutation(images)
    assert score(features @ turn, labels) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert score(features[order], labels[order]) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert score(features, np.array([7, 40, 3])[labels]) == pytest.approx(expected, rel=1e-9)
    assert score(1000 * features, labels) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_better_features_score_higher(score: Callable[..., float]) -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(60) % 3
    centres = generator.normal(size=(3, 10))
    noise = generator.normal(size=(60, 10))
    values = [score(centres[labels] + width * noise, labels) for width in (0.1, 0.5, 2.0)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("features", [np.zeros((6, 2)), np.ones((6, 2)), np.repeat(np.eye(2), 3, axis=0)])
def test_features_of_no_or_full_use_give_a_number(score: Callable[..., float], features: np.ndarray) -> None:
    assert np.isfinite(score(features, np.array([0, 0, 0, 1, 1, 1])))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        (np.ones((3, 2)), np.array([0, 1]), "cannot be scored"),
        (np.ones(3), np.array([0, 1, 0]), "cannot be scored"),
        (np.ones((2, 2)), np.array([1, 1]), "nothing to tell apart"),
        (np.array([[0.0], [np.nan]]), np.array([0, 1]), "finite"),
    ],
)
def test_what_cannot_be_scored(score: Callable[..., float], features: Any, labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        score(features, labels)
