from __future__ import annotations

import pytest

from regraft.errors import InputError
from regraft.transfer import time_budget
from regraft.transfer.time_budget import Budget, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("2m", 120), ("45", 45), ("1.5 min", 90), (" 1H ", 3600), ("0.5s", 0.5)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-3s", "soon", "3 days", "1e3", "nan", "inf", "٣s", "3s4", "9" * 400])
def test_no_durations(text: str) -> None:
    with pytest.raises(InputError, match="time cannot be read"):
        parse_duration(text)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time_budget.time, "perf_counter", lambda: now[0])
    return now


def test_what_still_fits(clock: list[float]) -> None:
    budget = Budget(30.0, _start=clock[0])
    assert budget.fits(1e15)  # the first is always begun
    clock[0] += 8
    budget.done(1e9, passes=5, besides=3)
    assert budget.estimate(2e9) == pytest.approx(13)
    assert budget.fits(2e9)
    assert not budget.fits(4e9)  # 23 s, and 22 are left
    assert budget.estimate(0) == 3  # all in the cache
    assert budget.estimate(None) == 8  # as long as any so far
    clock[0] += 13
    budget.done(2e9, passes=8, besides=5)
    assert budget.estimate(1e9) == pytest.approx(4 + 4)  # at the rate of the last one
    assert budget.fits(1e9)
    clock[0] += 1.5
    assert not budget.fits(1e9)


def test_without_a_limit_everything_fits() -> None:
    budget = Budget()
    budget.done(1.0, passes=1e9, besides=0)
    assert budget.fits(1e9)
