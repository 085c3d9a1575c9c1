from __future__ import annotations

import math

import pytest

from regraft.errors import InputError
from regraft.training.settings import HeadSettings, default_grid, grid


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
