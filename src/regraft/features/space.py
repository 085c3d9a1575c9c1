"""How much room features take on the disk, and whether there is so much."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from regraft._files import cache_folder
from regraft.errors import InputError

_ROW = 64  # bytes a row takes beside its values: its hash, and its part of the file's own books
_MARGIN = 0.1  # of what is needed, to be left for others
_LEAST = 16_000_000  # bytes to be left in any case


def bytes_needed(images: int, views: int, shape: Sequence[int], dtype: str = "float32") -> int:
    """Bytes that features take in the cache.

    Args:
        images: how many.
        views: of each, the plain one counted.
        shape: of one image's features.
        dtype: `float32` or `float16`.
    """
    return images * views * (math.prod(shape) * np.dtype(dtype).itemsize + _ROW)


def size_text(size: int) -> str:
    """Bytes in words: `351 MB`, `1.2 GB`; in powers of ten, as disks are sold."""
    units = (("kB", 1e3), ("MB", 1e6))
    unit, power = next((pair for pair in units if size < 999.5 * pair[1]), ("GB", 1e9))
    value = size / power
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"


def free_bytes(folder: Path) -> int:
    """What the disk that holds a folder, there already or not, has room for."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_disk(needed: int) -> None:
    """Refuses to begin what the cache's disk has no room for.

    Args:
        needed: bytes that are to be written.

    Raises:
        InputError: there is less room than that and a tenth; says how much is needed, and how much there is.
    """
    folder = cache_folder()
    free = free_bytes(folder)
    wanted = needed + max(_LEAST, math.ceil(needed * _MARGIN))
    if needed and free < wanted:
        raise InputError(
            f"The disk has no room for the features: they take {size_text(needed)}.",
            expected=f"{size_text(wanted)} free where the cache is, {folder}",
            received=f"{size_text(free)} free",
            hint="take fewer views or a later cut, make room (`regraft cache --prune` empties the cache), or set "
            "REGRAFT_CACHE to a folder on another disk",
        )


def check_memory(needed: int) -> None:
    """Refuses to begin what the memory has no room for.

    Args:
        needed: bytes that are to be held at once.

    Raises:
        InputError: less than that and a fifth is free. Where the system does not say, nothing is refused.
    """
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        free = max(free, _available())
    except (ValueError, OSError, AttributeError):
        return
    if needed > 0.8 * free:
        raise InputError(
            f"The memory has no room for the activations: they take {size_text(needed)}.",
            expected=f"{size_text(round(needed / 0.8))} free",
            received=f"{size_text(free)} free",
            hint="take fewer views, a later cut or a smaller input size",
        )


def _available() -> int:
    """What Linux says can be had without swapping; 0 elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), 0)
