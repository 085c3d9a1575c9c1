"""How fast exports answer, each in its own runtime, beside the run itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import numpy as np

from regraft.deployment.export_format import Images

Answer = Callable[[Images], object]

RUN = "regraft"
"""The name of the run itself among what is measured."""

BATCH = 8

_PAUSE = 0.05  # seconds: threads of the runtime before go on looking for work for a while, on the same cores


def benchmark(
    answers: Mapping[str, Answer], size: tuple[int, int], *, rounds: int = 15, seconds: float = 20.0
) -> dict[str, dict[str, Any]]:
    """Measures what takes images to answers, in turn, so that whatever else the machine does strikes all alike.

    Args:
        answers: by name; each takes uint8 (n, height, width, 3). One of them may be `RUN`, the others' peer.
        size: height and width of the images, in pixels: what a network reads, so no resizing is measured.
        rounds: how many times each is called, of which the median is taken; after a first call that is not measured.
        seconds: after so long no further round begins (there are at least three).

    Returns:
        For each name `ms_an_image` (one image at a time), `images_a_second` (in batches of 8), with `cores` and
        `rounds`, and where `RUN` is there the ratios to it: `speed_one` and `speed_batch`, more than 1 where faster.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, *size, 3), np.uint8)
    sizes = (1, BATCH)
    taken: dict[tuple[str, int], list[float]] = {(name, count): [] for name in answers for count in sizes}
    done = rounds
    # One size after the other: a graph for any number of images makes itself ready anew whenever the number changes.
    for count in sizes:
        for answer in answers.values():
            answer(pixels[:count])  # the first of a size takes longest
        start = time.perf_counter()
        for number in range(rounds):
            if number >= 3 and time.perf_counter() - start > seconds / len(sizes):
                done = min(done, number)
                break
            for name, answer in answers.items():
                time.sleep(_PAUSE)
                answer(pixels[:count])
                before = time.perf_counter()
                answer(pixels[:count])
                taken[name, count].append(time.perf_counter() - before)
    one = {name: median(taken[name, 1]) for name in answers}
    batch = {name: median(taken[name, BATCH]) / BATCH for name in answers}
    found: dict[str, dict[str, Any]] = {}
    for name in answers:
        found[name] = {
            "ms_an_image": 1000 * one[name],
            "images_a_second": 1 / batch[name],
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "rounds": done,
        }
        if RUN in answers:
            found[name] |= {"speed_one": one[RUN] / one[name], "speed_batch": batch[RUN] / batch[name]}
    return found
