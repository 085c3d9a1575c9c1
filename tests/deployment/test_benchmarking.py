from __future__ import annotations

import time

import numpy as np
import pytest

from regraft.deployment.benchmarking import RUN, benchmark


def test_what_takes_twice_as_long_is_half_as_fast() -> None:
    calls: list[str] = []

    def answers_after(name: str, seconds: float):  # type: ignore[no-untyped-def]
        def answer(images: np.ndarray) -> None:
            assert images.dtype == np.uint8
            assert images.shape[1:] == (4, 6, 3)
            calls.append(name)
            time.sleep(seconds * len(images))

        return answer

    found = benchmark({RUN: answers_after(RUN, 0.004), "other": answers_after("other", 0.008)}, (4, 6), rounds=3)
    assert found[RUN]["ms_an_image"] == pytest.approx(4, rel=0.5)
    assert found["other"]["images_a_second"] == pytest.approx(125, rel=0.5)
    assert found["other"]["speed_one"] == pytest.approx(0.5, rel=0.4)
    assert found[RUN]["speed_batch"] == 1
    assert found[RUN]["rounds"] == 3
    assert found[RUN]["cores"] >= 1
    assert calls[4:] == [RUN, RUN, "other", "other"] * 3  # in turn


def test_it_ends_in_time_and_needs_no_peer() -> None:
    found = benchmark({"one": lambda images: time.sleep(0.001)}, (1, 1), rounds=1000, seconds=0.0)
    assert found["one"]["rounds"] == 3
    assert "speed_one" not in found["one"]
