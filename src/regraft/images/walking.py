"""What of a folder's content may be an image, and the reason of whatever may not."""

from __future__ import annotations

import os
from collections.abc import Callable

from regraft.images._hashing import why
from regraft.images._printable import printable

IMAGE_EXTENSIONS = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"]
)
"""What makes a file a candidate, in lower case; what it really is, its content decides."""

LOOP = "a link to a folder that is read already (a loop)"
"""The reason of a folder that is met again."""

_IF_PILLOW_CAN = {".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF"}
_RUN_FILES = ("environment.json", "config.toml")  # every run folder has both, from its first moment on
_LEFT_BY_SYSTEMS = frozenset(("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "$recycle.bin"))


def usable_entries(folder: str, skip: Callable[[str, str], object]) -> list[tuple[str, str, bool]] | None:
    """Name, path and whether it is a folder, of what a folder holds of use, by name; None if it cannot be read.

    Args:
        folder: its path.
        skip: is told path and reason of the rest, and of the folder if it cannot be read.
    """
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        skip(folder, why(error))
        return None
    usable = []
    for entry in entries:
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as error:  # a link to itself, for one
            skip(entry.path, why(error))
            continue
        if entry.name.startswith("."):
            skip(entry.path, "a hidden folder" if is_folder else "a hidden file")
        elif entry.name.lower() in _LEFT_BY_SYSTEMS:
            skip(entry.path, "left by the operating system")
        elif is_folder and (what := made_by_regraft(entry.path)):
            skip(entry.path, what)
        elif is_folder or is_file:
            usable.append((entry.name, entry.path, is_folder))
        elif entry.is_symlink():
            skip(entry.path, "a link to nothing")
        else:
            skip(entry.path, "not a regular file")
    return usable


def made_by_regraft(folder: str) -> str | None:
    """What a folder is, if regraft has written it: its figures and models are no images of a class."""
    if _is_run(folder):
        return "the folder of a run"
    try:
        with os.scandir(folder) as scan:
            runs = 0
            for entry in scan:
                if entry.name.startswith("."):
                    continue
                if not _is_run(entry.path):
                    return None
                runs += 1
    except OSError:
        return None  # whoever reads it will say so
    return "a folder of runs" if runs else None


def _is_run(folder: str) -> bool:
    return all(os.path.isfile(os.path.join(folder, name)) for name in _RUN_FILES)  # noqa: PTH113, PTH118


def identity(folder: str) -> tuple[int, int]:
    """What two paths of one folder share: its device and number."""
    status = os.stat(folder)  # noqa: PTH116 - a plain string: this is called for every folder
    return status.st_dev, status.st_ino


def no_candidate(name: str) -> str | None:
    """Why a file of that name is not taken for an image; None if it may be one."""
    extension = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a plain string: this is called for every file
    if extension in IMAGE_EXTENSIONS:
        return None
    if extension in _IF_PILLOW_CAN:
        from regraft.images._pillow import can_read

        if can_read(_IF_PILLOW_CAN[extension]):
            return None
        return f"{extension} is not supported here: convert it to JPEG or PNG"
    return f"not an image, by its extension ('{printable(extension)}')" if extension else "not an image: no extension"
