"""The words of the images folder: an image with its label, and a collection of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image: where its pixels are, and its label, tied together by the hash of its content.

    Attributes:
        name: how messages and tables call it: its path inside the collection with `/`, or `digits/0012`.
        label: its class.
        sha256: of the file's bytes (of shape and pixels, for an image that is no file), 64 hexadecimal digits.
        source: the file, or the pixels: uint8 (height, width) or (height, width, 3).
        split: where the user put it; None where regraft is to draw it.
        group: images of one group (a person, a burst, a patient) never go to different splits.
    """

    name: str
    label: str
    sha256: str
    source: Path | npt.NDArray[np.uint8] = field(repr=False)
    split: Split | None = None
    group: str | None = None


@dataclass(frozen=True)
class SkippedFile:
    """A file that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class ImageCollection:
    """What was found: the images in the order of their names, the classes, and what was left out.

    Attributes:
        name: a short name for messages and the report (`photos`, `digits`).
        skipped: what was left out, and why.
        classes: sorted class names; the position of a name is the class index everywhere.
        lost_classes: sorted labels that were found, as class folders or in a manifest, and have no usable image; why,
            is in `skipped`.
    """

    name: str
    images: tuple[LabelledImage, ...]
    skipped: tuple[SkippedFile, ...] = ()
    classes: tuple[str, ...] = ()
    lost_classes: tuple[str, ...] = ()


def sha256_of_pixels(pixels: npt.NDArray[np.uint8]) -> str:
    """The content hash of an image that is no file, 64 hexadecimal digits.

    SHA-256 of the ASCII text `uint8 HEIGHTxWIDTH` or `uint8 HEIGHTxWIDTHx3`, a line feed, and the pixels row by row.
    """
    header = f"uint8 {'x'.join(map(str, pixels.shape))}\n".encode()
    return hashlib.sha256(header + pixels.tobytes()).hexdigest()
