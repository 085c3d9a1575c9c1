from __future__ import annotations

from typing import Any

import pytest
from small_searches import searched

from regraft.errors import InputError
from regraft.studies._search_values import (
    SETTINGS,
    check_value,
    config_of,
    fixed_values,
    kind_of,
    listed_choices,
    named_settings,
)
from regraft.training.settings import HeadSettings

SOUND: dict[str, dict[str, Any]] = {
    "head": {
        "optimizer": "adamw",
        "hidden": [128, 64],
        "hidden_activation": "tanh",
        "learning_rate": 1,
        "momentum": 0.5,
        "nesterov": True,
        "weight_decay": 0,
        "dropout": 0,
        "label_smoothing": 0.1,
    },
    "finetune": {
        "blocks": 3,
        "optimizer": "sgd",
        "learning_rate": 1e-4,
        "layer_decay": 1,
        "l2_sp": 0.1,
        "weight_decay": 0,
        "schedule": "constant",
        "warmup": 0.5,
        "batch_size": 16,
        "batchnorm": "train",
        "staged": True,
        "label_smoothing": 0.1,
    },
}


def test_every_setting_has_values_it_can_have_and_others() -> None:
    for section, settings in SETTINGS.items():
        assert set(settings) == set(SOUND[section])
        for name in settings:
            check_value(section, name, SOUND[section][name])
            for wrong in (-1, "nonsense", None):
                with pytest.raises(InputError, match=f"{section}.{name}"):
                    check_value(section, name, wrong)
    assert kind_of("finetune", "blocks") == "whole"


def test_a_trial_has_one_head() -> None:
    config = config_of(
        searched(head={"dropout": [0.3]}),
        {"head.optimizer": "sgd", "head.hidden": (64,), "head.learning_rate": 0.5, "head.label_smoothing": 0.1},
    )
    about = {"dropout": 0.3, "hidden": (64,), "label_smoothing": 0.1}
    assert config.head_settings() == [HeadSettings(0.5, 0.9, True, **about)]
    assert config_of(config, {"head.hidden": [32]}).head_settings()[0].hidden == (32,)


def test_momentum_is_for_sgd_and_an_activation_for_hidden_layers() -> None:
    config = searched(head={"momentum": [0.5], "nesterov": [False], "hidden_activation": ["tanh"]})
    (adam,) = config_of(config, {"head.optimizer": "adamw", "head.learning_rate": 0.01}).head_settings()
    assert (adam.optimizer, adam.momentum, adam.hidden_activation) == ("adamw", 0.0, "relu")
    (sgd,) = config_of(config, {"head.learning_rate": 0.01, "head.hidden": (8,)}).head_settings()
    assert (sgd.momentum, sgd.nesterov, sgd.hidden_activation) == (0.5, False, "tanh")


def test_fine_tuning_takes_its_values_and_keeps_the_rest() -> None:
    config = config_of(
        searched(finetune={"epochs": 7}), {"finetune.blocks": 2, "finetune.l2_sp": 0.1, "head.learning_rate": 1.0}
    )
    assert config.finetune is not None
    assert (config.finetune.epochs, config.finetune.wish(), config.finetune.l2_sp) == (7, {"blocks": 2}, 0.1)


def test_seeds_are_repetitions() -> None:
    config = config_of(searched(head={"repeats": 3}, seed=5), {"head.learning_rate": 0.1})
    assert [setting.seed for setting in config.head_settings()] == [5, 6, 7]


def test_what_a_config_fixes_and_leaves_open() -> None:
    config = searched(
        head={"hidden": [64], "dropout": [0.1, 0.2], "optimizer": ["adamw"]}, finetune={"last": 3, "l2_sp": 0.1}
    )
    fixed = fixed_values(config)
    assert (fixed["head.hidden"], fixed["head.optimizer"], fixed["head.momentum"]) == ((64,), "adamw", 0.0)
    assert (fixed["finetune.l2_sp"], fixed["finetune.schedule"]) == (0.1, "cosine")
    assert listed_choices(config) == {"dropout": [0.1, 0.2]}
    assert named_settings(config) >= {"head.hidden", "head.dropout", "finetune.l2_sp", "finetune.blocks"}
    assert named_settings(searched()) == set()
    assert not any(key.startswith("finetune") for key in fixed_values(searched()))
