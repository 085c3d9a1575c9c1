from __future__ import annotations

import numpy as np
import pytest

from regraft.transfer.adaptation.linear import answers, fit_linear, probabilities

RNG = np.random.default_rng(3)
FEATURES, LABELS = RNG.normal(size=(60, 4)), np.arange(60) % 3
FEATURES[LABELS == 1] += 0.8


def test_it_is_scikit_learns_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    weights = RNG.uniform(0.1, 2, 60)
    theirs = LogisticRegression(C=1 / (0.05 * weights.sum()), tol=1e-9, max_iter=1000)
    theirs.fit(FEATURES, LABELS, sample_weight=weights)
    ours = fit_linear(FEATURES, LABELS, 3, weights=weights, penalty=0.05)
    np.testing.assert_allclose(probabilities(ours, FEATURES), theirs.predict_proba(FEATURES), atol=2e-3)
    np.testing.assert_array_equal(answers(ours, FEATURES), theirs.predict(FEATURES))


def test_only_the_proportions_of_weights_count_and_an_image_of_weight_two_is_two_images() -> None:
    twice = np.concatenate([FEATURES, FEATURES[:10]]), np.concatenate([LABELS, LABELS[:10]])
    weights = np.where(np.arange(60) < 10, 2.0, 1.0)
    repeated = probabilities(fit_linear(*twice, 3), FEATURES)
    for factor in (1, 7):
        weighted = probabilities(fit_linear(FEATURES, LABELS, 3, weights=factor * weights), FEATURES)
        np.testing.assert_allclose(weighted, repeated, atol=5e-3)


def test_a_class_without_images_is_hardly_ever_answered() -> None:
    two = LABELS < 2
    shares = probabilities(fit_linear(FEATURES[two], LABELS[two], 3), FEATURES)
    assert shares[:, 2].max() < 0.05
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_kept_near_a_head_it_goes_from_free_to_that_head() -> None:
    near = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    distances = []
    for penalty in (1e-3, 1e-1, 100.0, np.inf):
        kernel, bias = fit_linear(FEATURES, LABELS, 3, penalty=penalty, near=near)
        distances.append(float(((kernel - near[0]) ** 2).sum() + ((bias - near[1]) ** 2).sum()))
    assert distances == sorted(distances, reverse=True)
    assert distances[-2] < 1e-3
    assert distances[-1] == 0


def test_the_head_to_stay_near_is_not_changed() -> None:
    near = np.zeros((4, 3)), np.zeros(3)
    fit_linear(FEATURES, LABELS, 3, penalty=np.inf, near=near)[0][:] = 5
    assert not near[0].any()


def test_huge_logits_are_no_trouble() -> None:
    assert probabilities((np.array([[1e4, -1e4]]), np.zeros(2)), np.array([[1.0]])) == pytest.approx(
        np.array([[1.0, 0.0]])
    )
