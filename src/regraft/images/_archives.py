"""Archives unpacked with nothing written outside their folder, whole or not at all."""

from __future__ import annotations

import errno
import gzip
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from regraft.errors import InputError


def extract(archive: Path, top: str, target: Path, check: Callable[[Path], None]) -> None:
    """Unpacks the folder `top` of a .zip or a compressed .tar to `target`.

    Only plain files are written; a link, a device, or a name that leads out of the archive refuses the whole archive.
    Zip checks every file's CRC as it is read. `check` sees the folder before it gets its name, and may raise.

    Where `target` is made by another process in the meantime, that one stays.

    Raises:
        InputError: the archive is damaged, unsafe, or lacks the folder; `target` is then not there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=target.parent))
    try:
        for name, file in _files(archive):
            place = unfinished / _safe(name, archive)
            place.parent.mkdir(parents=True, exist_ok=True)
            with file, place.open("wb") as written:
                shutil.copyfileobj(file, written, 1 << 18)
        if not (unfinished / top).is_dir():
            raise InputError(f"{archive} does not hold the folder {top}/.", hint=f"delete {archive} and fetch it again")
        check(unfinished / top)
        try:
            (unfinished / top).rename(target)
        except OSError:
            if not target.is_dir():
                raise
            # Another process has unpacked the same archive in the meantime: that one stays.
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(
            f"{archive} is damaged.", received=str(error), hint="delete it and run the same command again"
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"The disk is full: {archive.name} does not fit unpacked in {target.parent}.",
            received=str(error),
            hint="free some space or set REGRAFT_CACHE to a folder on another disk, then run the same command again",
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _files(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise _unsafe(archive, info.filename)
                if not info.is_dir():
                    yield info.filename, bundle.open(info)
        return
    with tarfile.open(archive) as bundle:
        for member in bundle:
            file = bundle.extractfile(member) if member.isreg() else None
            if file is not None:
                yield member.name, file
            elif not member.isdir():
                raise _unsafe(archive, member.name)
        while bundle.fileobj and bundle.fileobj.read(1 << 18):
            pass  # gzip checks its CRC at the very end, behind the last member


def _safe(name: str, archive: Path) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\\" in name or ":" in name or "\0" in name:
        raise _unsafe(archive, name)
    return Path(*parts)


def _unsafe(archive: Path, name: str) -> InputError:
    return InputError(
        f"{archive} is refused: it would write where it must not, or holds more than plain files.",
        expected="plain files with names inside the archive's own folder",
        received=repr(name),
        hint=f"delete {archive} and fetch it from its official home",
    )
