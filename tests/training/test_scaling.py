from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.training.heads import initial_heads, train_heads
from regraft.training.scaling import checked_scale, folded, rms_norm, source_scale, unfolded
from regraft.training.settings import HeadSettings
from regraft.training.weights import HeadWeights

RNG = np.random.default_rng(0)
FEATURES = np.concatenate([RNG.normal(1, 1, (20, 3)), RNG.normal(0, 100, (20, 4))], axis=1).astype(np.float32)
LABELS = np.arange(20) % 3
SETTINGS = [HeadSettings(0.3, 0.9, True), HeadSettings(0.1, hidden=(4,)), HeadSettings(0.01, optimizer="adam")]


def train(features: np.ndarray, **options: Any) -> Any:
    return train_heads(features, LABELS, SETTINGS, classes=3, epochs=3, order_seed=0, batch_size=8, **options)


def test_every_source_counts_alike() -> None:
    scale = source_scale(FEATURES, (3, 4))
    scaled = FEATURES / scale
    parts = scaled[:, :3], scaled[:, 3:]
    assert [(part**2).sum(axis=1).mean() for part in parts] == pytest.approx([0.5, 0.5], rel=1e-5)
    assert len(set(scale[:3])) == len(set(scale[3:])) == 1
    np.testing.assert_allclose(source_scale(FEATURES, (7,)), rms_norm(FEATURES), rtol=1e-6)
    silent = source_scale(np.zeros((2, 3), np.float32), (1, 2))
    np.testing.assert_allclose(silent, np.sqrt(2), rtol=1e-6)
    with pytest.raises(ValueError, match="add up to 7"):
        source_scale(FEATURES, (3, 3))


def test_heads_are_those_of_divided_features_with_the_divisors_folded_in() -> None:
    scale = source_scale(FEATURES, (3, 4))
    validation = FEATURES[:6], LABELS[:6]
    trained = train(FEATURES, scale=scale, validation=validation)
    plain = train(FEATURES / scale, validation=(FEATURES[:6] / scale, LABELS[:6]))
    np.testing.assert_array_equal(trained.loss, plain.loss)
    np.testing.assert_array_equal(trained.val_loss, plain.val_loss)
    assert trained.scale is not plain.scale
    for kept in ("weights", "best_weights"):
        for own, other in zip(getattr(trained, kept), getattr(plain, kept), strict=True):
            np.testing.assert_allclose(
                own.probabilities(FEATURES), other.probabilities(FEATURES / scale), rtol=1e-4, atol=1e-6
            )


def test_one_number_for_each_feature_is_as_one_number_where_all_are_equal() -> None:
    whole, each = train(FEATURES, scale=7.0), train(FEATURES, scale=np.full(7, 7.0))
    np.testing.assert_allclose(each.loss, whole.loss, rtol=1e-4)


def test_views_and_a_start_are_divided_as_well() -> None:
    scale = source_scale(FEATURES, (3, 4))
    start = initial_heads(SETTINGS, 7, 3, 5.0)
    views = np.stack([FEATURES, FEATURES + 1])
    trained = train(views, scale=scale, initial=start)
    plain = train(views / scale, initial=[unfolded(head, scale) for head in start])
    np.testing.assert_array_equal(trained.loss, plain.loss)


def test_folding_changes_no_answer_and_can_be_undone() -> None:
    scale = source_scale(FEATURES, (3, 4))
    head = HeadWeights(((RNG.normal(size=(7, 2)), np.ones(2)), (RNG.normal(size=(2, 3)), np.zeros(3))), "tanh")
    np.testing.assert_allclose(
        folded(head, scale).probabilities(FEATURES), head.probabilities(FEATURES / scale), rtol=1e-4
    )
    np.testing.assert_allclose(unfolded(folded(head, scale), scale).flat(), head.flat(), rtol=1e-6)


@pytest.mark.parametrize("scale", [np.ones(6), np.zeros(7), np.full(7, np.nan), -np.ones(7), np.ones((7, 1))])
def test_scales_that_cannot_be_used(scale: np.ndarray) -> None:
    with pytest.raises(InputError, match="scale cannot be used"):
        train(FEATURES, scale=scale)
    with pytest.raises(InputError, match="or 7 of them"):
        checked_scale(scale, 7)
