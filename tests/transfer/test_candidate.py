from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np

from regraft.transfer._candidate import milliseconds_an_image


class Sleeper:
    """Takes a millisecond an image, and now and then, when others have the machine, far longer."""

    name, precision, shape = "sleeper", "f32", (1,)

    def __init__(self) -> None:
        self.calls = 0

    def run(self, images: Iterable[np.ndarray]) -> np.ndarray:
        self.calls += 1
        count = sum(image.shape == (4, 6, 3) for image in images)
        time.sleep(0.001 * count + (0.1 if self.calls % 2 else 0))
        return np.zeros((count, 1), np.float32)


def test_the_fastest_burst_counts() -> None:
    assert 1.0 <= milliseconds_an_image(Sleeper(), (4, 6)) < 6.0
