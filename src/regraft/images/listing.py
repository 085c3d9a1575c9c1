"""The image files that a command was told to look at: by name, by folder, by pattern."""

from __future__ import annotations

import glob
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from regraft.images._hashing import why
from regraft.images._printable import printable
from regraft.images.labelled import SkippedFile
from regraft.images.walking import LOOP, identity, no_candidate, usable_entries


@dataclass(frozen=True)
class ListedImages:
    """What was found.

    Attributes:
        files: as the file system has them, in the order they were asked for, those of a folder by name; each once.
        skipped: what was left out, with the reason.
        repeated: how many were asked for again.
    """

    files: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    repeated: int = 0


def list_images(wanted: Iterable[str | Path]) -> ListedImages:
    """The image files that paths and patterns name.

    A file is taken whatever it is called: its content decides when it is read, and a file that does not exist is
    among `files` too. A folder is walked with all folders in it, by the rules of `scan_folder`: links are followed,
    loops are not; hidden files, what operating systems leave behind, folders of runs and what is no image by its
    extension are in `skipped`. What is no path and has `*`, `?` or `[` is a pattern as in a shell, `**` for any
    folders between; what it matches is taken like the content of a folder.
    """
    listing = _Listing()
    for given in wanted:
        name = os.fspath(given)
        if os.path.isdir(name):  # noqa: PTH112 - plain strings: there may be a hundred thousand
            listing.take(listing.below(name))
        elif glob.has_magic(name) and not os.path.lexists(name):
            listing.take(listing.matches(name))
        else:
            listing.take([name])
    skipped = [SkippedFile(name, reason) for name, reason in listing.reasons.items()]
    return ListedImages(listing.files, skipped, listing.repeated)


class _Listing:
    def __init__(self) -> None:
        self.files: list[str] = []
        self.reasons: dict[str, str] = {}
        self.repeated = 0
        self._known: set[str] = set()

    def take(self, files: Iterable[str]) -> None:
        """Notes what one argument gives."""
        own: set[str] = set()  # a pattern may match a folder and, with `**`, what is in it: nobody asked twice
        for file in files:
            where = os.path.abspath(file)  # noqa: PTH100
            if where not in self._known:
                self._known.add(where)
                self.files.append(file)
                own.add(where)
            elif where not in own:
                self.repeated += 1

    def below(self, folder: str, seen: set[tuple[int, int]] | None = None) -> Iterator[str]:
        """The images in a folder and in those inside it, without the folders `seen` already."""
        seen = set() if seen is None else seen
        waiting = deque([folder])
        while waiting:
            current = waiting.popleft()
            try:
                place = identity(current)
            except OSError as error:
                self._skip(current, why(error))
                continue
            if place in seen:
                self._skip(current, LOOP)
                continue
            seen.add(place)
            folders = []
            for name, path, is_folder in usable_entries(current, self._skip) or ():
                if is_folder and os.path.islink(path):  # noqa: PTH114
                    waiting.append(path)  # last: a real folder keeps its own name
                elif is_folder:
                    folders.append(path)
                elif reason := no_candidate(name):
                    self._skip(path, reason)
                else:
                    yield path
            waiting.extendleft(reversed(folders))

    def matches(self, pattern: str) -> Iterator[str]:
        """The images that a pattern matches, and those in the folders that it matches."""
        found = sorted(glob.iglob(pattern, recursive=True))  # noqa: PTH207 - its patterns may be absolute
        if not found:
            self._skip(pattern, "nothing matches this pattern")
        seen: set[tuple[int, int]] = set()
        for path in found:
            if os.path.isdir(path):  # noqa: PTH112
                if identity(path) not in seen:  # the folder above it may have matched as well
                    yield from self.below(path, seen)
            elif reason := no_candidate(os.path.basename(path)):  # noqa: PTH119
                self._skip(path, reason)
            else:
                yield path

    def _skip(self, path: str, reason: str) -> None:
        self.reasons.setdefault(printable(path), reason)
