"""Whether transfer helped: the verdict on a network and its control, from numbers to words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ALPHA = 0.05
"""A difference is shown where the paired test has a p-value below this."""


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        kind: `helps`, `hurts` (negative transfer), or `no difference`, which means none that can be shown.
        text: the same in a sentence or two, with the numbers.
    """

    kind: Literal["helps", "no difference", "hurts"]
    text: str


def transfer_verdict(
    images: int, transferred: float, scratch: float, difference: float, interval: tuple[float, float], p: float
) -> Verdict:
    """Judges a network with transferred weights against the same one trained from scratch.

    A difference is shown where the test says so at 95 % and the interval, another approximation, leaves out 0 too.

    Args:
        images: both were measured on, the same ones.
        transferred, scratch: their accuracies, 0 to 1.
        difference: `transferred` minus `scratch`.
        interval: its 95 % interval, (low, high).
        p: of the paired test.
    """
    low, high = (100 * bound for bound in interval)
    on = f"on the same {images:,} test image{'' if images == 1 else 's'}"
    against = f"{_percent(transferred)} with transfer, {_percent(scratch)} from scratch, {on}"
    if p < ALPHA and low > 0:
        return Verdict(
            "helps",
            f"Transfer helps here: {against}. That is {100 * difference:.1f} percentage points more "
            f"(95 % interval {low:.1f} to {high:.1f}; {_p_words(p)}).",
        )
    if p < ALPHA and high < 0:
        return Verdict(
            "hurts",
            f"Transfer hurts here (negative transfer): {against}. That is {-100 * difference:.1f} percentage points "
            f"less (95 % interval {-high:.1f} to {-low:.1f}; {_p_words(p)}).",
        )
    text = f"Transfer makes no difference that can be shown here: {against} ({_p_words(p)}). {_reach(low, high)}"
    if p >= ALPHA and (low > 0 or high < 0):
        text += " The interval alone leaves out 0; the test does not bear it out."
    elif p < ALPHA:
        text += " The test alone would call it a difference; the interval does not bear it out."
    return Verdict("no difference", text)


def _reach(low: float, high: float) -> str:
    if low < 0 < high:
        reach = f"anything from {-low:.1f} percentage points worse to {high:.1f} better"
    elif high > 0:
        reach = f"{abs(low):.1f} to {high:.1f} percentage points better"
    else:
        reach = f"{abs(high):.1f} to {-low:.1f} percentage points worse"
    return f"With transfer it may be {reach} (95 % interval); more test images would tell."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _p_words(p: float) -> str:
    """What is below 0.05 never looks as if it were not."""
    if p < 0.001:
        return "p < 0.001"
    return f"p < {ALPHA:.3f}" if p < ALPHA and round(p, 3) >= ALPHA else f"p = {p:.3f}"
