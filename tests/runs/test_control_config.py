from __future__ import annotations

import pytest

from regraft.errors import InputError
from regraft.runs.config import config_text, make_config
from regraft.runs.control_config import ControlConfig
from regraft.transfer.scratch_settings import default_rates


def test_by_default_it_has_the_budget_of_the_run_and_rates_that_suit_the_network() -> None:
    settings = ControlConfig().settings(100, 7, batchnorm=True)
    assert (settings.epochs, settings.trial_epochs, settings.seed, settings.patience) == (100, 20, 7, None)
    assert settings.learning_rates == default_rates(True)
    assert ControlConfig().settings(100, 7, batchnorm=False).learning_rates == default_rates(False)


def test_what_is_given_counts_and_a_trial_is_an_epoch_at_least() -> None:
    config = ControlConfig(epochs=4, learning_rates=(0.1,), trial=0.1, batch_size=8)
    settings = config.settings(100, 0, batchnorm=True)
    assert (settings.epochs, settings.trial_epochs, settings.batch_size) == (4, 1, 8)
    assert settings.learning_rates == (0.1,)


def test_a_config_has_no_control_unless_it_is_asked_for_and_survives_being_written() -> None:
    import tomllib

    plain = {"images": {"source": "digits"}}
    assert make_config(plain).control is None
    for section in ({}, {"epochs": 3, "learning_rates": [0.1, 0.2], "trial": 0.5}):
        config = make_config({**plain, "control": section})
        assert make_config(tomllib.loads(config_text(config))) == config


@pytest.mark.parametrize(
    "section", [{"epochs": 0}, {"trial": 0}, {"trial": 1.5}, {"batch_size": 0}, {"learning_rates": []}, {"epoch": 3}]
)
def test_what_cannot_be_is_refused(section: dict[str, object]) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        make_config({"images": {"source": "digits"}, "control": section})
