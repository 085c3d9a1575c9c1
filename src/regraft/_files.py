"""Files that are whole or absent, hashes, and where regraft keeps things."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from regraft.errors import InputError, RegraftError


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


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_PLACE = (errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)


@contextmanager
def explained_disk_errors(path: Path) -> Iterator[None]:
    """Turns a full disk or a place that cannot be written into an `InputError` that says what to do.

    Also where a library reports the system's error by its number in a text of its own (h5py, safetensors).
    """
    try:
        yield
    except RegraftError:
        raise
    except Exception as error:
        if explanation := _explanation(error, path):
            raise explanation from error
        raise


def _explanation(error: Exception, path: Path) -> InputError | None:
    code = error_number(error)
    cached = path.is_relative_to(cache_folder())
    if code in _FULL:
        room = (
            "free some space (`regraft cache --prune` empties the cache) or set REGRAFT_CACHE to a folder on another "
            "disk"
            if cached
            else "free some space or choose another --output"
        )
        return InputError(
            f"The disk is full: {path} could not be written.",
            received=str(error),
            hint=f"{room}, then run the same command again: finished work is kept",
        )
    elsewhere = "set REGRAFT_CACHE to a folder that can be written" if cached else "choose another --output"
    if code in _REFUSED:
        return InputError(f"No permission to write {path}.", received=str(error), hint=elsewhere)
    if code in _NO_PLACE or (code == errno.ENOENT and _folder_is_missing(error, path)):
        return InputError(f"{path} cannot be made there.", received=str(error), hint=elsewhere)
    return None


def error_number(error: BaseException) -> int | None:
    """The system's number of an error (`errno`), also where a library gives it only within its text."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    found = re.search(r"\b(?:os error|errno =|Errno) (\d+)", str(error))
    return int(found[1]) if found else None


def is_disk_error(error: BaseException) -> bool:
    """Whether the disk is full or the place must not be written, rather than anything else having gone wrong."""
    return error_number(error) in (*_FULL, *_REFUSED)


def _folder_is_missing(error: Exception, path: Path) -> bool:
    """Whether it is a folder above `path` that could not be made; other missing files are somebody else's matter."""
    name = getattr(error, "filename", None)
    return name is not None and not path.parent.is_dir() and Path(os.fsdecode(name)) in (path, *path.parents)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file or none."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes a whole UTF-8 file or none; bytes of file names that are no text (lone surrogates) become `\\udcff`."""
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
