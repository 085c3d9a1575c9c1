from __future__ import annotations

import pytest

from regraft.runs import _time_left
from regraft.runs._time_left import time_left


def told_after(monkeypatch: pytest.MonkeyPatch, updates: list[tuple[float, float]], total: int) -> list[str]:
    """What is said of updates, each of so many images and after so many seconds."""
    now, told = [100.0], []
    monkeypatch.setattr(_time_left.time, "perf_counter", lambda: now[0])
    count = time_left("Control", total, 32, told.append)
    for images, seconds in updates:
        now[0] += seconds
        count(images)
    return told


def test_the_first_slow_update_and_short_batches_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    updates = [(0, 0), (32, 30), *[(32, 2)] * 4, (8, 25), *[(32, 2)] * 10]
    # Told after the fifth whole batch: 5 × 32 images of 3200 are done, 95 updates of 2 s are left.
    assert told_after(monkeypatch, updates, 3200) == ["Control: 16 images a second, about 3 min to go"]


def test_what_was_kept_is_done_and_took_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    updates = [(1600, 0), *[(32, 3)] * 5]
    assert told_after(monkeypatch, updates, 3200) == ["Control: 11 images a second, about 2 min to go"]


def test_nothing_is_said_of_what_is_soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_after(monkeypatch, [(32, 1)] * 9, 320) == []
    assert told_after(monkeypatch, [(32, 3)] * 6, 192) == []


@pytest.mark.parametrize(("seconds", "words"), [(42, "42 s"), (89.6, "90 s"), (90, "2 min"), (5399, "1.5 h")])
def test_lengths(seconds: float, words: str) -> None:
    assert _time_left._length(seconds) == words
