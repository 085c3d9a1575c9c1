from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.training import _setting_checks as checks


@pytest.mark.parametrize(
    ("units", "received"),
    [
        ((0,), "a layer of 0 units"),
        ((128, -1), "a layer of -1 units"),
        ((1.5,), "a layer of 1.5 units"),
        ((True,), "a layer of True units"),
        ((float("nan"),), "a layer of nan units"),
        (("128",), "a layer of '128' units"),
        ((1_000_000,), "a layer of 1000000 units"),
        ([8] * 11, "11 hidden layers"),
        (128, "128"),
        ("128", "'128'"),
    ],
)
def test_a_head_that_cannot_be_is_refused(units: Any, received: str) -> None:
    with pytest.raises(InputError, match="no such head") as error:
        checks.hidden_layers(units)
    assert f"Received: {received}" in str(error.value)


def test_layers_become_a_tuple_of_plain_numbers() -> None:
    layers = checks.hidden_layers([np.int64(3), 4])
    assert layers == (3, 4)
    assert {type(units) for units in layers} == {int}
    assert checks.hidden_layers([]) == ()


def test_only_sgd_has_a_momentum() -> None:
    checks.momentum(0.9, True, "sgd")
    checks.momentum(0.0, False, "adam")
    for value, nesterov in ((0.9, False), (0.9, True), (0.0, True)):
        with pytest.raises(InputError, match="Momentum is a setting of SGD"):
            checks.momentum(value, nesterov, "adamw")


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan"), float("inf"), "0.1", True, None])
def test_a_share_is_from_0_up_to_1(value: Any) -> None:
    with pytest.raises(InputError, match="The dropout cannot be used"):
        checks.share("dropout", value)
    checks.share("dropout", 0)
    checks.share("dropout", 0.999)


def test_an_unknown_name_is_shown_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"(?s)optimizer is not known.*sgd or adam.*'lamb'"):
        checks.known("optimizer", "lamb", ("sgd", "adam"))
