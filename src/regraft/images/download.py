"""Files fetched once from their official homes: resumed where they broke off, checked, whole or absent."""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regraft._files import sha256_of_file
from regraft._progress import progress
from regraft.errors import InputError
from regraft.images._locking import locked

_CHUNK = 1 << 18
_TRIES = 3
_SECONDS_OF_SILENCE = 30


def download(
    url: str, path: Path, *, size: int | None = None, sha256: str | None = None, md5: str | None = None, what: str
) -> Path:
    """The file at `path`, fetched from `url` unless it is there.

    What has arrived lies in `PATH.part` until it is whole, so that a broken download goes on where it stopped, within
    this call and in the next; a server that cannot resume sends all of it again. The file gets its name
    only when its size and its hash are right. Of several processes that want the same file, one fetches it and the
    others wait for it.

    Args:
        url: http or https.
        path: where the file is to be; its folder is made.
        size: bytes the file has; None where only the server knows.
        sha256: 64 hexadecimal digits; None where it is not known.
        md5: 32 hexadecimal digits, for files whose publisher gives no better hash; None where it is not known.
        what: what messages and the progress bar call it.

    Raises:
        InputError: the server cannot be reached or sends something else, or the disk is full; the message says how to
            put the file there by hand.
    """
    if path.exists():
        return path
    part = path.with_name(f"{path.name}.part")
    try:
        with locked(path, what):
            if path.exists():  # another process has fetched it while this one waited
                return path
            size = _size_on_server(url) if size is None else size
            with progress(f"Downloading {what}", size, unit="bytes") as advance:
                _fetch_all(url, part, size, advance)
            try:
                hint = f"run the same command again; if that does not help, {by_hand(url, path)}"
                check_file(part, size=size, sha256=sha256, md5=md5, hint=hint)
            except InputError:
                part.unlink()
                raise
            part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        raise _cannot_fetch(error, url, path, part, what) from error
    return path


def check_file(path: Path, *, size: int, sha256: str | None, md5: str | None = None, hint: str) -> None:
    """Raises InputError, with the hint, where a file has not this size or not this hash."""
    received = path.stat().st_size
    name, expected, digest = "SHA-256", sha256, sha256_of_file(path)
    if md5 and not sha256:
        name, expected, digest = "MD5", md5, _md5_of_file(path)
    if received != size or (expected and digest != expected):
        raise InputError(
            f"{path} is not the file it should be.",
            expected=f"{size:,} bytes" + (f", {name} {expected}" if expected else ""),
            received=f"{received:,} bytes, {name} {digest}",
            hint=hint,
        )


def _md5_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def by_hand(url: str, path: Path) -> str:
    """The sentence that tells how to do without the download."""
    return f"fetch {url} on a machine that can and copy it to {path}"


def _size_on_server(url: str) -> int:
    # Asked with GET, because some servers refuse HEAD; nothing but the header is read.
    with _opened(url) as response:
        length = response.headers.get("Content-Length", "")
    if not length.isdecimal():
        raise http.client.HTTPException("the server does not say how long the file is")
    return int(length)


def _opened(url: str, start: int = 0) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "regraft"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    return urllib.request.urlopen(request, timeout=_SECONDS_OF_SILENCE)


def _fetch_all(url: str, part: Path, size: int, advance: Callable[[int], None]) -> None:
    failures = 0
    furthest = _size(part)
    shown = 0

    def show() -> None:
        nonlocal shown
        now = _size(part)
        advance(now - shown)
        shown = now

    show()
    while (before := _size(part)) < size:
        try:
            _fetch_rest(url, part, before, size, show)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 416 or before == 0:
                raise
            part.unlink()  # the server has nothing at this position: what we hold is not the beginning of its file
        except urllib.error.URLError:
            raise
        except (ConnectionError, TimeoutError, http.client.IncompleteRead):
            pass  # cut off; what arrived is kept
        if _size(part) > furthest:
            furthest, failures = _size(part), 0
            continue
        failures += 1
        if failures == _TRIES:
            raise ConnectionError(f"the connection broke off after {_size(part):,} of {size:,} bytes")


def _fetch_rest(url: str, part: Path, start: int, size: int, show: Callable[[], None]) -> None:
    with _opened(url, start) as response:
        resumed = response.status == 206 and _first_byte(response) == start
        with part.open("ab" if resumed else "wb") as file:
            while file.tell() <= size and (block := response.read(_CHUNK)):  # a wrong file is not read to its end
                file.write(block)
                file.flush()
                show()


def _first_byte(response: Any) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _cannot_fetch(error: Exception, url: str, path: Path, part: Path, what: str) -> InputError:
    code = getattr(error, "errno", None)
    if code in (errno.ENOSPC, errno.EDQUOT):
        return InputError(
            f"The disk is full: {what} does not fit in {path.parent}.",
            received=str(error),
            hint="free some space or set REGRAFT_CACHE to a folder on another disk, then run the same command again",
        )
    if isinstance(error, PermissionError):
        return InputError(
            f"No permission to write {path.parent}.",
            received=str(error),
            hint="set REGRAFT_CACHE to a folder that can be written",
        )
    kept = (
        f"; the {_size(part):,} bytes that arrived are kept, the same command goes on from there" if _size(part) else ""
    )
    return InputError(
        f"{what} is not on this machine and could not be downloaded.",
        expected=f"the file {path}, or the network to fetch it from {url}",
        received=str(error),
        hint=f"{by_hand(url, path)}{kept}",
    )
