"""How far a measured share may be from the true one."""

from __future__ import annotations

import math
from statistics import NormalDist

from regraft.errors import InputError


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval (low, high) of a share, such as an accuracy, both within 0 and 1.

    It stays within 0 and 1 and keeps its promise with few images and with shares near 0 and 1, where the usual
    "plus or minus 1.96 standard errors" does not.

    Args:
        successes: how many of the n, at least 0.
        n: at least 1.
        confidence: the probability with which such intervals hold the true share, above 0 and below 1.

    Raises:
        InputError: one of them is out of its range.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", without continuity
    correction.
    """
    if n < 1 or not 0 <= successes <= n:
        raise InputError(
            "There is no such share.", expected="0 up to n successes of n, n at least 1", received=f"{successes} of {n}"
        )
    if not 0 < confidence < 1:
        raise InputError("The confidence cannot be used.", expected="above 0 and below 1", received=str(confidence))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high
