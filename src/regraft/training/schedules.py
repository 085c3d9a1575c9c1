"""How the learning rate changes from step to step, and from block to block."""

from __future__ import annotations

import math
from collections.abc import Sequence


def rate_at(step: int, steps: int, *, peak: float, warmup: float, schedule: str) -> float:
    """The learning rate of one step.

    A linear rise from near 0 to the peak over the first `warmup * steps` steps; then constant, or half a cosine from
    the peak to 0 at the end (Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts",
    equation 5 without restarts).

    Args:
        step: 0 to steps - 1.
        steps: in all.
        peak: the highest rate.
        warmup: part of the steps, 0 to below 1.
        schedule: `cosine` or `constant`.
    """
    rising = round(warmup * steps)
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    if schedule == "constant":
        return peak
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def block_factors(blocks: Sequence[str], decay: float) -> dict[str, float]:
    """By how much each block's learning rate is to be multiplied: 1 / decay for the last, 1 / decay² before it …

    Args:
        blocks: their names in order, the last one nearest to the head.
        decay: at least 1.
    """
    return {block: decay ** -(distance + 1) for distance, block in enumerate(reversed(blocks))}
