from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from regraft.deployment import benchmarking
from regraft.deployment.benchmarking import RUN, benchmark


class Clock:
    """Goes on only while an answer is computed."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, int]] = []

    def answers_after(self, name: str, seconds: float) -> Callable[[np.ndarray], None]:
        def answer(images: np.ndarray) -> None:
            assert images.dtype == np.uint8
            assert images.shape[1:] == (4, 6, 3)
            self.calls.append((name, len(images)))
            self.now += seconds * len(images)

        return answer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    fake = SimpleNamespace(perf_counter=lambda: made.now, sleep=lambda seconds: None)
    monkeypatch.setattr(benchmarking, "time", fake)
    return made


def test_what_takes_twice_as_long_is_half_as_fast(clock: Clock) -> None:
    answers = {RUN: clock.answers_after(RUN, 0.004), "other": clock.answers_after("other", 0.008)}
    found = benchmark(answers, (4, 6), rounds=3)
    assert found[RUN]["ms_an_image"] == pytest.approx(4)
    assert found["other"]["images_a_second"] == pytest.approx(125)
    assert found["other"]["speed_one"] == pytest.approx(0.5)
    assert found[RUN]["speed_batch"] == 1
    assert found[RUN]["rounds"] == 3
    assert found[RUN]["cores"] >= 1
    # In turn, each measured call after one that is not; one size after the other.
    for count in (1, 8):
        calls = [name for name, images in clock.calls if images == count]
        assert calls == [RUN, "other"] + [RUN, RUN, "other", "other"] * 3
    assert [images for _, images in clock.calls] == sorted(images for _, images in clock.calls)


def test_it_ends_in_time_and_needs_no_peer(clock: Clock) -> None:
    found = benchmark({"one": clock.answers_after("one", 1.0)}, (4, 6), rounds=1000, seconds=10.0)
    assert found["one"]["rounds"] == 3
    assert "speed_one" not in found["one"]
    assert len([call for call in clock.calls if call[1] == 1]) == 1 + 2 * 3
