"""Files that are whole or absent, hashes, and where regraft keeps things."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from regraft.errors import InputError


def cache_folder() -> Path:
    """`$REGRAFT_CACHE`, else `$XDG_CACHE_HOME/regraft`, else `~/.cache/regraft` (not created here)."""
    if chosen := os.environ.get("REGRAFT_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "regraft"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path` for a file, renamed to it on success and removed on failure.

    The name keeps the suffixes of `path` (Keras looks at them) and starts with a dot, so that no reader takes an
    unfinished file for a finished one.

    Raises:
        InputError: the disk is full or the place cannot be written; nothing is left behind.
    """
    temporary = _temporary_name(path)
    try:
        with explained_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):  # gone after a success; in a folder that cannot be entered, never there
            temporary.unlink()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `path`, renamed to it on success and removed on failure.

    Where another process has made `path` in the meantime, that one stays and this one is dropped: use it for folders
    whose name decides their content.

    Raises:
        InputError: the disk is full or the place cannot be written; nothing is left behind.
    """
    temporary = _temporary_name(path)
    try:
        with explained_disk_errors(path):
            temporary.mkdir(parents=True)
            yield temporary
            try:
                temporary.replace(path)
            except OSError:
                if not path.is_dir():
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".unfinished-{uuid.uuid4().hex[:12]}-{path.name}")


@contextmanager
def explained_disk_errors(path: Path) -> Iterator[None]:
    """Turns a full disk or a place that cannot be written into an `InputError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise InputError(
                f"The disk is full: {path} could not be written.",
                received=str(error),
                hint="free some space (`regraft cache` shows what the cache takes) or set REGRAFT_CACHE to a "
                "folder on another disk, then run the same command again: finished work is kept",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise InputError(
                f"No permission to write {path}.", received=str(error), hint="choose a folder that can be written"
            ) from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file or none."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes a whole UTF-8 file or none."""
    write_bytes(path, content.encode())


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
