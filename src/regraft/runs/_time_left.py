"""How long a training will take, in words, from its first updates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median

_TELL_AFTER = 10.0  # seconds of training
_UPDATES = 5  # at least


def time_left(name: str, total: int, batch: int, tell: Callable[[str], object] | None) -> Callable[[float], None]:
    """Says once how long a training will take, when some updates of it are known; nothing of one that is soon over.

    The median time of a whole batch counts: the first of a kind builds the graph and takes much longer.

    Args:
        name: of the training.
        total: images that it works through.
        batch: the images of one update; what is more was done before, in no time.
        tell: told; None for nobody.

    Returns:
        To be called with the images of each update.
    """
    done, told = 0.0, tell is None
    begun = last = time.perf_counter()
    times: list[float] = []

    def count(images: float) -> None:
        nonlocal done, told, last
        now = time.perf_counter()
        done += images
        if images == batch:
            times.append(now - last)
        last = now
        if told or tell is None or len(times) < _UPDATES or now - begun < _TELL_AFTER:
            return
        told = True
        update = median(times)
        left = math.ceil((total - done) / batch) * update
        if left > _TELL_AFTER:
            tell(f"{name}: {batch / update:,.0f} images a second, about {_length(left)} to go")

    return count


def _length(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{seconds / 3600:.1f} h"
