from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.training.schedules import block_factors, rate_at


def rates(steps: int, *, peak: float = 1.0, warmup: float = 0.0, schedule: str = "cosine") -> list[float]:
    return [rate_at(step, steps, peak=peak, warmup=warmup, schedule=schedule) for step in range(steps)]


@pytest.mark.parametrize(
    ("warmup", "schedule", "expected"),
    [
        (0.0, "constant", [2, 2, 2, 2, 2, 2]),
        (0.5, "constant", [0.5, 1, 1.5, 2, 2, 2]),
        (0.0, "cosine", [2, 1 + math.sqrt(3) / 2, 1.5, 1, 0.5, 1 - math.sqrt(3) / 2]),
        (0.5, "cosine", [0.5, 1, 1.5, 2, 1.5, 0.5]),
        (0.99, "cosine", [2 / 7, 4 / 7, 6 / 7, 8 / 7, 10 / 7, 12 / 7]),  # no step is left for the cosine
    ],
)
def test_rates_of_six_steps_by_hand(warmup: float, schedule: str, expected: list[float]) -> None:
    assert rates(6, peak=2.0, warmup=warmup, schedule=schedule) == pytest.approx(expected)


@given(
    steps=st.integers(1, 300),
    peak=st.floats(1e-8, 1e3),
    warmup=st.floats(0, 0.99),
    schedule=st.sampled_from(["cosine", "constant"]),
)
def test_the_rate_rises_to_the_peak_and_never_above(steps: int, peak: float, warmup: float, schedule: str) -> None:
    found = rates(steps, peak=peak, warmup=warmup, schedule=schedule)
    rising = round(warmup * steps)
    assert all(0 < rate <= peak for rate in found)
    assert found[:rising] == sorted(set(found[:rising]))
    if rising < steps:
        assert found[rising] == peak
        assert found[rising:] == sorted(found[rising:], reverse=True)


@given(warmup=st.floats(0, 0.5), steps=st.integers(100, 1000))
def test_a_cosine_ends_near_zero(warmup: float, steps: int) -> None:
    assert rate_at(steps - 1, steps, peak=1.0, warmup=warmup, schedule="cosine") < 0.001


def test_each_block_is_slower_than_the_one_after_it() -> None:
    assert block_factors(["stem", "middle", "last"], 10) == pytest.approx({"stem": 1e-3, "middle": 1e-2, "last": 0.1})
    assert block_factors(["stem", "last"], 1.0) == {"stem": 1, "last": 1}
    assert block_factors([], 3.0) == {}
    assert block_factors([str(block) for block in range(400)], 1e300)["0"] == 0  # and no overflow
