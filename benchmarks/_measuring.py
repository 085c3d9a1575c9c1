"""What the benchmarks share: the images, interleaved repeats, medians."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def image_folder(parser: argparse.ArgumentParser) -> Path:
    """The folder given with --images, or the small flowers under $REGRAFT_TEST_DATA."""
    given = parser.parse_known_args()[0].images
    data = os.environ.get("REGRAFT_TEST_DATA")
    folder = given or (Path(data) / "small_flower_dataset" if data else None)
    if folder is None or not folder.is_dir():
        parser.error("name a folder of class folders with --images, or set REGRAFT_TEST_DATA")
    return folder


def interleaved(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Runs each work in turn, `repeats` rounds, and gives the median seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def machine() -> str:
    """A line about the machine, for the table's caption."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"
