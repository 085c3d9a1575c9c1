"""Images without labels: a plain folder of them."""

from __future__ import annotations

import os
from pathlib import Path

from regraft.errors import InputError
from regraft.images._hashing import Candidate, hash_images
from regraft.images._printable import printable
from regraft.images.duplicates import drop_duplicates
from regraft.images.labelled import ImageCollection, SkippedFile
from regraft.images.walking import IMAGE_EXTENSIONS

NO_LABEL = ""
"""The label of an image that has none."""


def is_plain_folder(path: Path) -> bool:
    """Whether a folder has images directly inside and no folder beside them that could be that of a class."""
    if not path.is_dir():
        return False
    with os.scandir(path) as scan:
        seen = [entry for entry in scan if not entry.name.startswith(".")]
    return not any(entry.is_dir() for entry in seen) and any(_is_image(entry.name) for entry in seen)


def read_plain_folder(path: Path) -> ImageCollection:
    """The images directly inside a folder, each with the label `NO_LABEL`; no classes.

    What is no image by its extension, hidden, empty, a copy of another or cannot be read is in `skipped`.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise InputError(f"The folder {printable(str(path))} cannot be read.", received=str(error)) from error
    skipped, candidates = [], []
    for name in names:
        if name.startswith("."):
            skipped.append(SkippedFile(printable(name), "a hidden file"))
        elif not _is_image(name):
            skipped.append(SkippedFile(printable(name), "not an image, by its extension"))
        else:
            candidates.append(Candidate(printable(name), NO_LABEL, path / name))
    found, unread = hash_images(candidates)
    stay, copies = drop_duplicates(found)
    skipped += [*unread, *copies]
    return ImageCollection(
        name=printable(path.resolve().name) or "images",
        images=tuple(stay),
        skipped=tuple(sorted(skipped, key=lambda file: (file.name, file.reason))),
    )


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_EXTENSIONS
