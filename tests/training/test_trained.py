from __future__ import annotations

import json

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.training.heads import TrainedHeads, train_heads
from regraft.training.settings import HeadSettings

SETTINGS = [
    HeadSettings(0.1, 0.9, True, 0.01, 2),
    HeadSettings(0.01, optimizer="adam", hidden=(5, 4), hidden_activation="tanh", dropout=0.1, label_smoothing=0.2),
]


@pytest.fixture(scope="module")
def trained() -> TrainedHeads:
    rng = np.random.default_rng(0)
    return train_heads(
        rng.normal(size=(30, 6)).astype(np.float32), rng.integers(0, 3, 30), SETTINGS, classes=3, epochs=2, order_seed=0
    )


def test_history_rows_name_what_is_not_the_default(trained: TrainedHeads) -> None:
    rows = trained.history_rows()
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert list(rows[0]) == [
        *("head", "learning_rate", "momentum", "nesterov", "weight_decay", "seed", "epoch", "loss", "accuracy"),
        *("val_loss", "val_accuracy", "val_precision", "val_recall", "seconds"),
    ]
    assert {name: value for name, value in rows[-1].items() if name not in rows[0]} == {
        "hidden": [5, 4],
        "hidden_activation": "tanh",
        "dropout": 0.1,
        "optimizer": "adam",
        "label_smoothing": 0.2,
    }


def test_arrays_of_kernels_are_for_linear_heads(trained: TrainedHeads) -> None:
    linear = trained.select([0])
    assert linear.kernel.shape == linear.best_kernel.shape == (1, 6, 3)
    assert linear.bias.shape == linear.best_bias.shape == (1, 3)
    np.testing.assert_array_equal(linear.kernel[0], trained.weights[0].kernel)
    for name in ("kernel", "bias", "best_kernel", "best_bias"):
        with pytest.raises(InputError, match="hidden layers"):
            getattr(trained, name)


def test_selected_heads_have_weights_of_their_own(trained: TrainedHeads) -> None:
    chosen = trained.select([1])
    assert chosen.settings == (SETTINGS[1],)
    before = trained.weights[1].flat()
    np.testing.assert_array_equal(chosen.weights[0].flat(), before)
    for kernel, _ in chosen.weights[0].layers:
        kernel[:] = 0
    np.testing.assert_array_equal(trained.weights[1].flat(), before)
