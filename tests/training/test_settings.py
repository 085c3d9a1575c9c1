from __future__ import annotations

import math
from typing import Any

import pytest

from regraft.errors import InputError
from regraft.training.settings import (
    HeadSettings,
    default_grid,
    default_learning_rates,
    default_momentum,
    default_weight_decay,
    grid,
)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": -0.1}, "learning rate"),
        ({"learning_rate": math.nan}, "learning rate"),
        ({"learning_rate": math.inf}, "learning rate"),
        ({"learning_rate": "0.1"}, "learning rate"),
        ({"learning_rate": 0.1, "momentum": 1.0}, "momentum"),
        ({"learning_rate": 0.1, "momentum": -0.1}, "momentum"),
        ({"learning_rate": 0.1, "momentum": math.nan}, "momentum"),
        ({"learning_rate": 0.1, "nesterov": True}, "Nesterov"),
        ({"learning_rate": 0.1, "momentum": 0.9, "nesterov": 1}, "Nesterov"),
        ({"learning_rate": 0.1, "weight_decay": -1e-4}, "weight decay"),
        ({"learning_rate": 0.1, "weight_decay": math.inf}, "weight decay"),
        ({"learning_rate": 0.1, "seed": -1}, "seed"),
        ({"learning_rate": 0.1, "seed": 0.5}, "seed"),
        ({"learning_rate": 0.1, "hidden": (0,)}, "no such head"),
        ({"learning_rate": 0.1, "hidden": (8,) * 11}, "no such head"),
        ({"learning_rate": 0.1, "hidden": (8,), "hidden_activation": "softplus"}, "activation of the hidden layers"),
        ({"learning_rate": 0.1, "hidden_activation": "tanh"}, "needs hidden layers"),
        ({"learning_rate": 0.1, "dropout": 1.0}, "dropout"),
        ({"learning_rate": 0.1, "dropout": math.nan}, "dropout"),
        ({"learning_rate": 0.1, "hidden": (5,), "feature_dropout": 1.0}, "dropout of the features"),
        ({"learning_rate": 0.1, "feature_dropout": 0.5}, "drops features by its dropout"),
        ({"learning_rate": 0.1, "label_smoothing": -0.1}, "label smoothing"),
        ({"learning_rate": 0.1, "optimizer": "rmsprop"}, "optimizer"),
        ({"learning_rate": 0.1, "optimizer": "adam", "momentum": 0.9}, "Momentum is a setting of SGD"),
    ],
)
def test_values_out_of_range_are_named_and_shown(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named) as error:
        HeadSettings(**wrong)  # type: ignore[arg-type]
    assert "Received" in str(error.value)


def test_label_is_readable_and_leaves_out_what_is_off_and_the_seed() -> None:
    assert HeadSettings(0.1).label == "lr 0.1"
    assert HeadSettings(0.1, 0.9, True, seed=4).label == "lr 0.1, momentum 0.9, Nesterov"
    assert HeadSettings(1e-3, 0.5, weight_decay=1e-4).label == "lr 0.001, momentum 0.5, weight decay 0.0001"
    deep = HeadSettings(1e-3, hidden=(128, 64), hidden_activation="swish", dropout=0.1, optimizer="adamw")
    assert deep.label == "lr 0.001, AdamW, hidden 128-64 swish, dropout 0.1"
    assert HeadSettings(0.1, hidden=(8,), label_smoothing=0.1).label == "lr 0.1, hidden 8, label smoothing 0.1"


def test_grid_is_the_product_of_its_axes_with_seeds_innermost() -> None:
    settings = grid((0.1, 0.01), (0.0, 0.9), seeds=(0, 1))
    assert [(s.learning_rate, s.momentum, s.seed) for s in settings] == [
        (rate, momentum, seed) for rate in (0.1, 0.01) for momentum in (0.0, 0.9) for seed in (0, 1)
    ]


def test_grid_holds_plain_descent_once_whatever_the_forms_of_momentum() -> None:
    settings = grid([0.1], (0.0, 0.9), (False, True))
    assert [(s.momentum, s.nesterov) for s in settings] == [(0.0, False), (0.9, False), (0.9, True)]
    assert [(s.momentum, s.nesterov) for s in grid([0.1], (0.0, 0.9), (True,))] == [(0.0, False), (0.9, True)]


def test_grid_takes_axes_that_can_be_read_only_once() -> None:
    assert len(grid(iter((0.1, 0.2)), iter((0.0, 0.9)), iter((False, True)), iter((0.0, 0.1)), iter((1, 2)))) == 24


@pytest.mark.parametrize("axes", [([],), ([0.1], []), ([0.1], [0.0], [True]), ([0.1], [0.0], [False], [0.0], [])])
def test_grid_without_a_setting_is_refused(axes: tuple[list[float], ...]) -> None:
    with pytest.raises(InputError):
        grid(*axes)  # type: ignore[arg-type]


def test_default_grid_is_small_and_repeats_with_the_seeds_it_is_given() -> None:
    assert len(default_grid()) <= 12
    repeated = default_grid(range(3, 5))
    assert {s.seed for s in repeated} == {3, 4}
    assert {s.without_seed() for s in repeated} == set(default_grid())


def test_hidden_layers_may_come_as_a_list_and_settings_stay_keys() -> None:
    assert HeadSettings(0.1, hidden=[8, 4]) == HeadSettings(0.1, hidden=(8, 4))  # type: ignore[arg-type]
    assert len({HeadSettings(0.1, hidden=[8, 4]), HeadSettings(0.1, hidden=(8, 4)), HeadSettings(0.1)}) == 2  # type: ignore[arg-type]


def test_facts_of_a_plain_linear_head_are_as_they_always_were() -> None:
    assert HeadSettings(0.1, 0.9, True, 0.01, 3).facts == {
        "learning_rate": 0.1,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 0.01,
        "seed": 3,
    }
    assert HeadSettings(0.1, hidden=(4,)).facts.keys() - HeadSettings(0.1).facts.keys() == {
        "hidden",
        "hidden_activation",
    }


def test_grid_leaves_out_what_means_nothing_in_a_combination() -> None:
    settings = grid(
        [0.1], (0.0, 0.9), hidden=((), [8]), hidden_activations=("relu", "tanh"), optimizers=("sgd", "adam")
    )
    assert [(s.hidden, s.hidden_activation, s.optimizer, s.momentum) for s in settings] == [
        ((), "relu", "sgd", 0.0),
        ((), "relu", "sgd", 0.9),
        ((), "relu", "adam", 0.0),
        *(((8,), kind, *rest) for kind in ("relu", "tanh") for rest in (("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0))),
    ]
    assert len(grid([0.1, 0.2], dropouts=(0.0, 0.1, 0.2), label_smoothings=(0.0, 0.1))) == 12


@pytest.mark.parametrize(
    "options", [{"momenta": (0.9,)}, {"momenta": (0.9,), "nesterov": (True,)}, {"nesterov": (True,)}]
)
def test_grid_of_adam_alone_refuses_a_momentum(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="Momentum is a setting of SGD"):
        grid([0.1], optimizers=("adam",), **options)


def test_defaults_are_those_of_the_optimizer() -> None:
    assert default_learning_rates("sgd") == tuple(s.learning_rate for s in default_grid())
    assert max(default_learning_rates("adam")) < max(default_learning_rates("sgd"))
    assert (default_momentum("sgd"), default_momentum("adam")) == (0.9, 0.0)
    assert [default_weight_decay(name) for name in ("sgd", "adam", "adamw")] == [0.0, 0.0, 0.004]
