from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from regraft.errors import InputError
from regraft.evaluation.power_laws import fit_power_laws

COUNTS = np.array([40.0, 80.0, 200.0, 400.0, 800.0])

laws = st.tuples(st.floats(0.02, 0.3), st.floats(0.1, 1.2), st.floats(0.0, 0.2))


@settings(max_examples=40)
@given(laws)
def test_a_law_without_noise_is_found_again(law: tuple[float, float, float]) -> None:
    scale, exponent, floor = law
    errors = scale * (COUNTS / 800) ** -exponent + floor
    found = fit_power_laws(COUNTS, errors[None], np.ones(5), floor=True)
    assert found.errors([1600, 3200])[0] == pytest.approx(scale * np.array([2.0, 4.0]) ** -exponent + floor, abs=2e-4)
    assert found.exponent[0] == pytest.approx(exponent, rel=0.03)
    pure = fit_power_laws(COUNTS, (errors - floor)[None], np.ones(5), floor=False)
    assert (pure.scale[0], pure.exponent[0], pure.floor[0]) == pytest.approx((scale, exponent, 0), rel=1e-3)
    half = pure.images_for(pure.errors([800])[:, 0] / 2)
    assert half[0] == pytest.approx(800 * 2 ** (1 / exponent), rel=0.01)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=5, max_size=5), st.booleans())
def test_no_law_rises_or_leaves_what_is_possible(errors: list[float], floor: bool) -> None:
    found = fit_power_laws(COUNTS, np.array([errors]), np.ones(5), floor=floor)
    along = found.errors(np.geomspace(40, 3200, 30))[0]
    assert (np.diff(along) <= 1e-12).all()
    assert (along >= 0).all()
    assert np.isfinite(along).all()


def test_the_fit_is_as_good_as_scipys() -> None:
    random = np.random.default_rng(2)
    weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    for _ in range(5):
        errors = 0.1 * (COUNTS / 800) ** -0.4 + 0.05 + random.normal(size=5) * 0.01
        found = fit_power_laws(COUNTS, errors[None], weights, floor=True)

        def residuals(values: npt.NDArray[np.float64], errors: npt.NDArray[np.float64] = errors) -> object:
            return np.sqrt(weights) * (values[0] * (COUNTS / 800) ** -values[1] + values[2] - errors)

        theirs = least_squares(residuals, [0.1, 0.5, 0.01], bounds=([0, 0.01, 0], [2, 4, 1]), xtol=1e-14, ftol=1e-14)
        ours = (weights * (found.errors(COUNTS)[0] - errors) ** 2).sum()
        assert ours <= 2 * theirs.cost * (1 + 1e-6)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(InputError, match="so few points"):
        fit_power_laws([1, 2, 3], np.zeros((1, 3)), np.ones(3), floor=True)
