"""One process at a time, where two would write the same file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Holds the lock `PATH.lock` while the block runs; the lock of a killed process is free at once.

    Where another process holds it, one line on stderr says what is waited for, and the block starts when that one is
    done: look first whether the work is still to do.

    Raises:
        OSError: the lock cannot be written.
    """
    import fcntl

    lock = path.with_name(f"{path.name}.lock")
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if sys.stderr is not None:
                    sys.stderr.write(f"Waiting for another process that fetches {what} ({lock}).\n")
                    sys.stderr.flush()
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_still(lock, file.fileno()):
                continue  # its last holder removed it: what we hold guards nothing any more
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _is_still(lock: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
