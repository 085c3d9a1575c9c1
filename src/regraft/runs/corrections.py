"""Images that somebody has labelled by hand after a wrong answer, in a folder that `regraft train` reads."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regraft._files import atomic_path, explained_disk_errors, write_bytes, write_text
from regraft.errors import InputError, UnreadableImageError
from regraft.images._pillow import open_image
from regraft.images._printable import printable
from regraft.images.folders import SPLIT_WORDS
from regraft.images.reading import read_image

MANIFEST = "corrections.jsonl"
"""The list of all images and their labels beside the class folders."""

_NAMELESS = ".by-label"  # holds the folders of classes that no folder can be called after
_LABEL = "label.json"  # in each of those: which class it is
_SUFFIXES = {
    "JPEG": "jpg", "MPO": "jpg", "PNG": "png", "GIF": "gif", "BMP": "bmp", "DIB": "bmp", "TIFF": "tif", "WEBP": "webp",
    "PPM": "ppm", "AVIF": "avif", "HEIF": "heic",
}  # fmt: skip
_FILE = re.compile(rf"([0-9a-f]{{64}})\.({'|'.join(sorted(set(_SUFFIXES.values())))})")
# What folders of images may not be called, as `images.folders` reads them or as Windows has reserved it.
_RESERVED = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "con", "prn", "aux", "nul"}


@dataclass(frozen=True)
class Correction:
    """One image and the label it has now.

    Attributes:
        sha256: of the image's bytes.
        label: the class.
        path: where it lies.
        previous: the label it had before in this folder; None where it is new.
    """

    sha256: str
    label: str
    path: Path
    previous: str | None = None


class Corrections:
    """A folder of labelled images, `CLASS/SHA256.jpg`, the bytes as they came.

    `regraft train FOLDER` reads it. What belongs to a class that no folder can be called after (`a/b`, `..`, `train`,
    `.hidden`) lies in a hidden folder, which `train` skips and says so; all images with their labels are listed in
    `FOLDER/corrections.jsonl`, which `train` reads as well. `source` is which of the two to train on. Safe to use from
    many threads of one process.

    Args:
        folder: made when the first image comes.
        most: images it may hold.
        most_bytes: bytes it may hold.
    """

    def __init__(self, folder: Path, *, most: int = 10_000, most_bytes: int = 4_000_000_000) -> None:
        self.folder = Path(folder)
        self._most, self._most_bytes = most, most_bytes
        self._lock = threading.Lock()
        self._known = {correction.sha256: correction for correction in self._there()}
        self._bytes = sum(correction.path.stat().st_size for correction in self._known.values())

    def __len__(self) -> int:
        return len(self._known)

    @property
    def source(self) -> Path:
        """What to train on: the folder, or the manifest in it where some class has no folder of its name."""
        hidden = any(_NAMELESS in correction.path.parts for correction in self._known.values())
        return self.folder / MANIFEST if hidden else self.folder

    def label_of(self, sha256: str) -> str | None:
        """The label of an image that was corrected, by its hash."""
        found = self._known.get(sha256)
        return found.label if found else None

    def add(self, content: bytes, label: str) -> Correction:
        """Keeps an image under a label; one that is there already gets the new label and moves.

        Args:
            content: the bytes of an image file.
            label: one of the run's classes; which those are, the caller knows.

        Raises:
            UnreadableImageError: it is no image that can be read.
            InputError: the folder is full, the disk is, or the label is one that would not be read back.
        """
        suffix = _suffix(content)
        sha256 = hashlib.sha256(content).hexdigest()
        with self._lock, explained_disk_errors(self.folder):
            before = self._known.get(sha256)
            if before and before.label == label:
                return Correction(sha256, label, before.path, label)
            self._check_room(0 if before else len(content), new=before is None)
            place = self._class_folder(label) / f"{sha256}.{suffix}"
            if before:
                before.path.replace(place)
                _remove_empty(before.path.parent)
            else:
                write_bytes(place, content)
                self._bytes += len(content)
            self._known[sha256] = Correction(sha256, label, place)
            self._write_manifest()
            return Correction(sha256, label, place, before.label if before else None)

    def remove(self, sha256: str) -> bool:
        """Takes a correction back; whether there was one."""
        with self._lock, explained_disk_errors(self.folder):
            correction = self._known.pop(sha256, None)
            if correction is None:
                return False
            with suppress(FileNotFoundError):
                self._bytes -= correction.path.stat().st_size
                correction.path.unlink()
            _remove_empty(correction.path.parent)
            self._write_manifest()
            return True

    def _check_room(self, size: int, *, new: bool) -> None:
        if new and (len(self._known) >= self._most or self._bytes + size > self._most_bytes):
            raise InputError(
                "The folder of corrections is full.",
                expected=f"at most {self._most:,} images and {self._most_bytes / 1e9:.1f} GB",
                received=f"{len(self._known):,} images, {self._bytes / 1e9:.1f} GB",
                hint=f"train on {printable(str(self.folder))} and begin another folder",
            )

    def _class_folder(self, label: str) -> Path:
        """The folder of a class, made if it is not there; by its name where that is read back as it is."""
        if _is_folder_name(label):
            folder = self.folder / label
            with suppress(OSError, ValueError):  # too long for this file system, or a sign it has no room for
                folder.mkdir(parents=True, exist_ok=True)
                if folder in self.folder.iterdir():  # else the file system takes "Rose" for "rose"
                    return folder
        if label != printable(label).strip() or not label:
            raise InputError(
                "Images cannot be kept under this label.",
                expected="a name that a folder can have, or one without blanks around it",
                received=repr(label),
            )
        folder = self.folder / _NAMELESS / hashlib.sha256(label.encode()).hexdigest()[:16]
        if not (folder / _LABEL).is_file():
            write_text(folder / _LABEL, json.dumps(label))
        return folder

    def _there(self) -> Iterator[Correction]:
        """What earlier processes have left in the folder."""
        if not self.folder.is_dir():
            return
        for folder in sorted(self.folder.iterdir()):
            if folder.is_dir() and not folder.name.startswith("."):
                yield from _images_in(folder, printable(folder.name))
        nameless = self.folder / _NAMELESS
        for folder in sorted(nameless.iterdir()) if nameless.is_dir() else ():
            with suppress(OSError, ValueError):
                yield from _images_in(folder, str(json.loads((folder / _LABEL).read_text(encoding="utf-8"))))

    def _write_manifest(self) -> None:
        """Writes the list; a label with blanks around it, which a list cannot have, is only in its folder."""
        rows = (
            json.dumps({"file_name": known.path.relative_to(self.folder).as_posix(), "label": known.label})
            for known in sorted(self._known.values(), key=lambda known: (known.label, known.sha256))
            if known.label == known.label.strip()
        )
        with atomic_path(self.folder / MANIFEST) as temporary:
            temporary.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def _suffix(content: bytes) -> str:
    """How a file of these bytes ends.

    Raises:
        UnreadableImageError: they are no image that can be read.
    """
    read_image(content)
    try:
        return _SUFFIXES[open_image(content).format]
    except Exception as error:  # it was read a moment ago, so by another decoder than this one
        raise UnreadableImageError("not an image, or of a format that is not supported") from error


def _is_folder_name(label: str) -> bool:
    """Whether `images.folders` gives this label to what lies in a folder called so, here and on other systems."""
    plain = label.lower()
    return (
        bool(label)
        and label == printable(label)
        and not label.startswith(".")
        and not label.endswith((".", " "))
        and not re.search(r'[\x00-\x1f\x7f/\\:*?"<>|]', label)
        and plain not in (*SPLIT_WORDS, MANIFEST)
        and plain.split(".")[0] not in _RESERVED
        and plain not in _RESERVED
        and len(label.encode()) <= 255
    )


def _images_in(folder: Path, label: str) -> Iterator[Correction]:
    for path in sorted(folder.iterdir()):
        if (match := _FILE.fullmatch(path.name)) and path.is_file():
            yield Correction(match[1], label, path)


def _remove_empty(folder: Path) -> None:
    """Removes a class folder without images: `train` would name it as a class that is lost."""
    with suppress(OSError):
        if [path.name for path in folder.iterdir()] == [_LABEL]:
            (folder / _LABEL).unlink()
        folder.rmdir()
