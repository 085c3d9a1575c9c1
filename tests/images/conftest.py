"""Small images made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NUMBER = iter(range(10**9))


def distinct_pixels(height: int = 6, width: int = 8) -> np.ndarray:
    """Pixels no other image of this test run has."""
    return np.random.default_rng(next(NUMBER)).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def make_image() -> Callable[[Path], Path]:
    """Writes an image of its own to a path, folders and all."""

    def make(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(distinct_pixels()).save(path, format="PNG")
        return path

    return make
