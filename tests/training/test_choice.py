from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.training.choice import choose, refit
from regraft.training.heads import HeadWeights, TrainedHeads, head_probabilities, rms_norm, train_heads
from regraft.training.settings import DEFAULT_EPOCHS, HeadSettings, default_grid, grid


def trained_with(settings: list[HeadSettings], val_loss: list[list[float]], diverged: list[bool]) -> TrainedHeads:
    heads = len(settings)
    empty = (HeadWeights.linear(np.zeros((1, 2), np.float32), np.zeros(2, np.float32)),) * heads
    losses = np.array(val_loss)
    return TrainedHeads(
        settings=tuple(settings),
        activation="softmax",
        classes=2,
        order_seed=0,
        batch_size=32,
        scale=1.0,
        weights=empty,
        best_weights=empty,
        best_epoch=losses.argmin(axis=1) + 1,
        loss=losses,
        accuracy=losses,
        val_loss=losses,
        val_accuracy=losses,
        val_precision=losses,
        val_recall=losses,
        seconds=losses,
        diverged=np.array(diverged),
    )


def test_the_lowest_validation_loss_of_any_epoch_is_chosen_and_the_first_of_equals() -> None:
    settings = grid((0.1, 0.2, 0.3))
    assert choose(trained_with(settings, [[0.5, 0.4], [0.3, 0.9], [0.35, 0.32]], [False] * 3)) == 1
    assert choose(trained_with(settings, [[0.5, 0.4], [0.4, 0.9], [0.4, 0.5]], [False] * 3)) == 0


def test_a_diverged_head_is_never_chosen_however_good_it_was_before() -> None:
    settings = grid((0.1, 0.2))
    assert choose(trained_with(settings, [[0.5, 0.4], [0.1, np.nan]], [False, True])) == 0


def test_seeds_are_averaged_and_the_first_head_stands_for_the_setting() -> None:
    settings = grid((0.1, 0.2), seeds=(7, 8))
    losses = [[0.1], [0.9], [0.4], [0.3]]  # the luckiest head belongs to the worse setting
    assert choose(trained_with(settings, losses, [False] * 4)) == 2
    assert choose(trained_with(settings, losses, [False, False, False, True])) == 0


def test_nothing_to_choose_from_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InputError, match="smaller learning rates"):
        choose(trained_with(grid((0.1, 0.2)), [[np.nan], [np.nan]], [True, True]))
    with pytest.raises(InputError, match="without validation"):
        choose(trained_with(grid((0.1, 0.2)), [[np.nan], [np.nan]], [False, False]))


def test_refit_trains_the_chosen_setting_for_its_best_epoch_on_all_rows() -> None:
    trained = trained_with(grid((0.1, 0.2)), [[0.5, 0.4, 0.3], [0.5, 0.2, 0.4]], [False, False])
    calls: list[dict[str, Any]] = []
    features = np.random.default_rng(0).random((12, 3), dtype=np.float32)
    labels = np.arange(12) % 2

    def fit(**options: Any) -> TrainedHeads:
        calls.append(options)
        return train_heads(features, labels, classes=2, order_seed=0, **options)

    again = refit(trained, 1, fit)
    assert calls == [{"settings": [trained.settings[1]], "epochs": 2}]
    assert again.kernel.shape == (1, 3, 2)


def test_refit_refuses_a_head_that_never_had_a_loss_and_one_that_diverges() -> None:
    trained = trained_with(grid((0.1,)), [[0.5]], [False])
    trained.best_epoch[0] = 0
    with pytest.raises(InputError, match="no best epoch"):
        refit(trained, 0, lambda **options: trained)
    wild = trained_with(grid((0.1,)), [[0.5]], [True])
    with pytest.raises(InputError, match="diverged"):
        refit(wild, 0, lambda **options: wild)


@pytest.mark.parametrize("size", [0.01, 1.0, 50.0])
def test_the_default_procedure_learns_whatever_the_size_of_the_features(size: float) -> None:
    rng = np.random.default_rng(1)
    centres = rng.uniform(0, 1, (3, 30))
    labels = rng.integers(0, 3, 360)
    features = (np.maximum(centres[labels] + rng.normal(0, 0.35, (360, 30)), 0) * size).astype(np.float32)
    held = (features[180:240], labels[180:240])
    common: Any = {"classes": 3, "order_seed": 0, "scale": rms_norm(features[:180])}
    trained = train_heads(
        features[:180], labels[:180], default_grid(), epochs=DEFAULT_EPOCHS, validation=held, **common
    )
    final = refit(
        trained, choose(trained), lambda **options: train_heads(features[:240], labels[:240], **common, **options)
    )
    answers = head_probabilities(features[240:], final.kernel[0], final.bias[0]).argmax(axis=1)
    assert not trained.diverged.any()
    assert (answers == labels[240:]).mean() > 0.95
