"""A time to be done in: how it is written, and whether the next piece of work still fits."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field

from regraft.errors import InputError

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds from `30s`, `2m`, `1.5 min`, `1h` or a plain number of seconds.

    Raises:
        InputError: it is none of these, or no time at all.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = float(found[1]) * _UNITS[found[2] or ""] if found else 0.0
    if not 0 < seconds < math.inf:
        raise InputError(
            "The time cannot be read.",
            expected="seconds, minutes or hours above 0, such as 30s, 2m, 1h or 45",
            received=repr(text[:40]),
        )
    return seconds


@dataclass
class Budget:
    """Learns from what has been done how long the next piece takes.

    A piece costs its forward passes, which take time by the multiply-accumulate, and what every piece costs besides.

    Args:
        seconds: to be done in, from now; None for no limit.
    """

    seconds: float | None = None
    _start: float = field(default_factory=time.perf_counter)
    _rates: list[float] = field(default_factory=list)  # seconds a forward unit
    _passes: list[float] = field(default_factory=list)  # seconds of forward passes of pieces of unknown cost, too
    _besides: list[float] = field(default_factory=list)

    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    def done(self, units: float | None, passes: float, besides: float) -> None:
        """Learns from a piece.

        Args:
            units: of its forward passes: images × multiply-accumulates; None where not known, 0 for none.
            passes: seconds that these took.
            besides: seconds that the rest took.
        """
        self._besides.append(besides)
        if units != 0:
            self._passes.append(passes)
        if units:
            self._rates.append(passes / units)

    def estimate(self, units: float | None) -> float | None:
        """Seconds that a piece will take; None before anything has been measured."""
        if not self._besides:
            return None
        besides = sum(self._besides) / len(self._besides)
        if units == 0:
            return besides
        if units and self._rates:
            return besides + units * self._rates[-1]  # the one before is the nearest in cost
        return besides + max(self._passes, default=0.0)

    def fits(self, units: float | None) -> bool:
        """Whether a piece can be done in the time that is left; the first one is always begun."""
        estimate = self.estimate(units)
        return self.seconds is None or estimate is None or self.spent() + estimate <= self.seconds
