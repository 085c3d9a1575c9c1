from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regraft.errors import InputError
from regraft.transfer.scratch_settings import ScratchSettings, default_rates

TWO = ScratchSettings(epochs=4, learning_rates=(1e-5, 0.01), trial_epochs=2, batch_size=8, patience=3, seed=5)


def test_a_training_has_the_rate_and_the_epochs_it_is_asked_for_and_no_weight_decay() -> None:
    one = TWO.of(0.01, 2)
    assert (one.learning_rate, one.epochs, one.batch_size, one.patience, one.seed) == (0.01, 2, 8, 3, 5)
    assert (one.optimizer, one.batchnorm, one.weight_decay, one.layer_decay) == ("adam", "train", 0.0, 1.0)


def test_trials_count_only_where_there_is_a_choice() -> None:
    assert (TWO.tries, TWO.all_epochs) == (True, 4 + 2 * 2)
    one = replace(TWO, learning_rates=(0.01,))
    assert (one.tries, one.all_epochs) == (False, 4)


def test_rates_are_lower_without_batchnorm() -> None:
    for batchnorm in (False, True):
        assert list(default_rates(batchnorm)) == sorted(set(default_rates(batchnorm)))
    assert max(default_rates(False)) < max(default_rates(True))


@pytest.mark.parametrize(
    "changed", [{"learning_rates": ()}, {"learning_rates": (0.0,)}, {"epochs": 0}, {"trial_epochs": 0}, {"seed": -1}]
)
def test_settings_out_of_range_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        replace(TWO, **changed)
