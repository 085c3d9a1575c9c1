from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from regraft.training._activations import activated, activated_with_slope

FORMULAS: dict[str, Callable[[float], float]] = {
    "relu": lambda x: max(x, 0.0),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "swish": lambda x: x / (1 + math.exp(-x)),
}
POINTS = [-5.0, -1.3, -0.2, 0.4, 2.0, 6.0]


@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_slopes_are_those_of_the_formula(name: str) -> None:
    formula = FORMULAS[name]
    given = np.array(POINTS, np.float32)
    values, slopes = activated_with_slope(name, given.copy())
    np.testing.assert_allclose(values, [formula(x) for x in POINTS], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        slopes.astype(float), [(formula(x + 1e-5) - formula(x - 1e-5)) / 2e-5 for x in POINTS], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(activated(name, given), values, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_replaced_in_place_and_none_overflows(name: str) -> None:
    values = np.array([[-1e4, 0], [0, 1e4]], np.float32)
    with np.errstate(all="raise"):
        result, slopes = activated_with_slope(name, values)
    assert result is values
    assert np.isfinite(values).all()
    assert slopes[1, 1] == (1 if name in ("relu", "swish") else 0)


def test_the_slope_of_relu_at_zero_is_zero_as_in_keras() -> None:
    assert not activated_with_slope("relu", np.zeros(1, np.float32))[1][0]


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="softplus"):
        activated("softplus", np.zeros(1, np.float32))
