"""The images the tests of the engines run on."""

from __future__ import annotations

import numpy as np

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 32, 40, 3), dtype=np.uint8)
