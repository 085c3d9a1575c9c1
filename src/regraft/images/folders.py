"""A folder of images, one folder per class, as a collection."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path

from regraft.errors import InputError
from regraft.images._assembly import assemble, check_asked
from regraft.images._hashing import Candidate, hash_images, why
from regraft.images._printable import printable
from regraft.images.labelled import ImageCollection, SkippedFile, Split
from regraft.images.walking import LOOP, identity, no_candidate, usable_entries

SPLIT_WORDS: dict[str, Split] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""How people call the splits in folders and manifests, in lower case."""

LAYOUT = "a folder for each class, the images inside: FOLDER/daisy/1.jpg, FOLDER/roses/2.jpg, …"
"""What `scan_folder` reads, for messages."""

OUTSIDE = "not in the folder of a class"
"""The reason of files that lie beside the class folders."""


def scan_folder(path: Path, classes: Collection[str] | None = None, *, name: str | None = None) -> ImageCollection:
    """The images under a folder, each labelled by the folder it lies in.

    The first level names the classes; images may lie deeper. Where the folder holds `train` and besides it nothing but
    `val` (`valid`, `validation`) and `test`, in any case, those give the split, and the classes lie one level down.
    Links to folders are followed, loops are not. What looks like an image by its extension is hashed; whether it can be
    decoded is seen when it is read.

    Whatever is left out is in `skipped` with the reason: hidden files and folders, what operating systems leave
    behind, folders of runs (what regraft itself has written), files outside the class folders or without an image's
    extension, class folders without images, empty files, files and folders that cannot be read, duplicates (see
    `drop_duplicates`). Bytes in names that are no UTF-8 show as `\\udcff`.

    Args:
        path: the folder.
        classes: read only the folders of these classes; None for all.
        name: of the collection; None takes the folder's.

    Raises:
        InputError: the folder is missing or cannot be read, it mixes folders of splits with others, or it has no folder
            of one of `classes`.
    """
    name = name or printable(Path(path).resolve().name) or "images"
    scan = _Scan(os.fspath(path), classes)
    candidates = sorted(scan.candidates(), key=lambda candidate: candidate.name)
    check_asked(name, classes, scan.labels)  # before the long work
    found, unread = hash_images(candidates)
    return assemble(name, found, (*scan.skipped, *unread), scan.labels, classes)


class _Scan:
    """One walk through a folder, which notes what it leaves out."""

    def __init__(self, root: str, classes: Collection[str] | None) -> None:
        self.root = root
        self.classes = classes
        self.labels: set[str] = set()  # of every class folder, asked for or not
        self.skipped: list[SkippedFile] = []

    def candidates(self) -> Iterator[Candidate]:
        self._check_root()
        folders = self._folders(self.root)
        splits = {name: SPLIT_WORDS.get(name.lower()) for name in folders}
        if "train" not in splits.values():
            for name, folder in folders.items():
                yield from self._class_folder(name, folder, None, [self.root])
        elif None not in splits.values():
            for split_name, split_folder in folders.items():
                for name, folder in self._folders(split_folder).items():
                    yield from self._class_folder(name, folder, splits[split_name], [self.root, split_folder])
        elif len({split for split in splits.values() if split}) > 1:
            others = ", ".join(sorted(f"{printable(name)}/" for name, split in splits.items() if not split))
            raise InputError(
                f"{printable(self.root)} mixes the folders of splits with others.",
                expected="either only train/, val/ and test/, or only a folder for each class",
                received=", ".join(sorted(f"{printable(name)}/" for name in splits)),
                hint=f"move {others} elsewhere, or list the images in a manifest: file_name,label,split",
            )
        else:  # a class that happens to be called "train"
            for name, folder in folders.items():
                yield from self._class_folder(name, folder, None, [self.root])

    def _check_root(self) -> None:
        try:
            with os.scandir(self.root):
                return
        except OSError as error:
            raise InputError(
                f"The folder {printable(self.root)} {why(error)}.",
                expected=LAYOUT,
                hint="check its name and rights",
            ) from error

    def _name(self, path: str) -> str:
        return printable(os.path.relpath(path, self.root).replace(os.sep, "/"))

    def _skip(self, path: str, reason: str) -> None:
        self.skipped.append(SkippedFile(self._name(path), reason))

    def _folders(self, parent: str) -> dict[str, str]:
        """Name and path of the folders in one that holds nothing else of use."""
        folders = {}
        for name, path, is_folder in usable_entries(parent, self._skip) or ():
            if is_folder:
                folders[name] = path
            else:
                self._skip(path, OUTSIDE)
        return folders

    def _class_folder(self, name: str, folder: str, split: Split | None, above: list[str]) -> Iterator[Candidate]:
        label = printable(name)
        if self.classes is not None and label not in self.classes:
            self.labels.add(label)
            return
        # Each folder once in a class: a link back up would never end, and a few links among each other last for ages.
        seen = {identity(upper) for upper in above}
        waiting = deque([folder])
        found = refused = False
        while waiting:
            current = waiting.popleft()
            try:
                found_at = identity(current)
            except OSError as error:
                self._skip(current, why(error))
                refused = refused or current == folder
                continue
            if found_at in seen:
                self._skip(current, LOOP)
                if current == folder:
                    return  # the link of a loop names no class
                continue
            seen.add(found_at)
            entries = usable_entries(current, self._skip)
            refused = refused or (entries is None and current == folder)
            for entry_name, path, is_folder in entries or ():
                if is_folder and os.path.islink(path):  # noqa: PTH114
                    waiting.append(path)  # last: a real folder keeps its own name
                elif is_folder:
                    waiting.appendleft(path)
                elif reason := no_candidate(entry_name):
                    self._skip(path, reason)
                else:
                    found = True
                    yield Candidate(self._name(path), label, Path(path), split)
        self.labels.add(label)
        if not found and not refused:  # else the reason is noted already
            self._skip(folder, "class folder without images")
