"""Candidate files read once for their SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from regraft._files import sha256_of_file
from regraft._progress import progress
from regraft.images.labelled import LabelledImage, SkippedFile, Split

_EMPTY = hashlib.sha256(b"").hexdigest()
_BATCH = 256


class Candidate(NamedTuple):
    """A file that may become a `LabelledImage`; the fields are that class's."""

    name: str
    label: str
    path: Path
    split: Split | None = None
    group: str | None = None


def hash_images(candidates: Sequence[Candidate]) -> tuple[list[LabelledImage], list[SkippedFile]]:
    """The candidates with their content hash, in the order given, and those that are empty or cannot be read."""
    images: list[LabelledImage] = []
    skipped: list[SkippedFile] = []
    # Hashing and reading release the GIL. More threads than this only make a spinning disk seek.
    threads = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool, progress("Finding images", len(candidates)) as advance:
        for start in range(0, len(candidates), _BATCH):  # so that 100,000 files are not 100,000 futures
            batch = candidates[start : start + _BATCH]
            for candidate, (digest, reason) in zip(batch, pool.map(_hash_or_reason, batch), strict=True):
                if digest is None:
                    skipped.append(SkippedFile(candidate.name, reason))
                else:
                    name, label, path, split, group = candidate
                    images.append(LabelledImage(name, label, digest, path, split, group))
            advance(len(batch))
    return images, skipped


def _hash_or_reason(candidate: Candidate) -> tuple[str | None, str]:
    try:
        if not candidate.path.is_file() and candidate.path.exists():
            return None, "not a regular file"  # reading a pipe would wait for ever
        digest = sha256_of_file(candidate.path)
    except FileNotFoundError:
        return None, "no such file"
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        return None, why(error)
    return (None, "empty file") if digest == _EMPTY else (digest, "")


def why(error: OSError | ValueError) -> str:
    """The reason a file or folder cannot be read, as the system gives it."""
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"
