"""What the settings of a head may be; each check refuses one kind of value and says what was expected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from regraft.errors import InputError

MOST_LAYERS = 10
MOST_UNITS = 65_536


def learning_rate(rate: Any) -> None:
    """Finite, above 0."""
    if not (_is_number(rate) and math.isfinite(rate) and rate > 0):
        raise InputError("The learning rate cannot be used.", expected="a finite number above 0", received=repr(rate))


def momentum(value: Any, nesterov: Any, optimizer: str) -> None:
    """From 0 up to 1; Nesterov's form only with one, and either only for `sgd`."""
    if not (_is_number(value) and 0 <= value < 1):
        raise InputError(
            "The momentum cannot be used.", expected="a number from 0 up to, but not, 1", received=repr(value)
        )
    if not isinstance(nesterov, bool):
        raise InputError("Nesterov is switched on or off.", expected="true or false", received=repr(nesterov))
    if optimizer != "sgd" and (value or nesterov):
        raise InputError(
            "Momentum is a setting of SGD; Adam has its own.",
            expected="no momentum, or the optimizer sgd",
            received=f"momentum {value!r} with {optimizer}" if value else f"Nesterov with {optimizer}",
        )
    if nesterov and value == 0:
        raise InputError(
            "Nesterov's momentum needs a momentum.",
            expected="a momentum above 0",
            received=repr(value),
            hint="set a momentum, such as 0.9, or leave Nesterov out",
        )


def weight_decay(decay: Any) -> None:
    """Finite, at least 0."""
    if not (_is_number(decay) and math.isfinite(decay) and decay >= 0):
        raise InputError(
            "The weight decay cannot be used.", expected="a finite number of at least 0", received=repr(decay)
        )


def seed(value: Any) -> None:
    """A whole number of at least 0."""
    if not _is_whole(value) or value < 0:
        raise InputError("The seed cannot be used.", expected="a whole number of at least 0", received=repr(value))


def share(name: str, value: Any) -> None:
    """From 0 up to, but not, 1."""
    if not (_is_number(value) and 0 <= value < 1):
        raise InputError(
            f"The {name} cannot be used.", expected="a number from 0 up to, but not, 1", received=repr(value)
        )


def known(what: str, name: Any, names: Sequence[str]) -> None:
    """One of some names."""
    if name not in names:
        raise InputError(f"The {what} is not known.", expected=" or ".join(names), received=repr(name))


def hidden_layers(units: Any) -> tuple[int, ...]:
    """The units of each hidden layer as a tuple of whole numbers, none of them 0 and not too many of them."""
    expected = f"the units of at most {MOST_LAYERS} hidden layers, whole numbers from 1 to {MOST_UNITS:,}, such as 128"
    if not isinstance(units, list | tuple):
        raise InputError("There is no such head.", expected=expected, received=repr(units))
    if len(units) > MOST_LAYERS:
        raise InputError("There is no such head.", expected=expected, received=f"{len(units)} hidden layers")
    for number in units:
        if not _is_whole(number) or not 1 <= number <= MOST_UNITS:
            raise InputError("There is no such head.", expected=expected, received=f"a layer of {number!r} units")
    return tuple(int(number) for number in units)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
