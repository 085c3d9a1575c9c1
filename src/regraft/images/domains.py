"""The same photos as another camera would give them: by night, or drawn with a pencil. Made, to study domain shift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft._files import atomic_folder
from regraft._progress import progress
from regraft.errors import InputError, UnreadableImageError
from regraft.images.labelled import LabelledImage, SkippedFile
from regraft.images.reading import read_image

Pixels = npt.NDArray[np.uint8]

_GAMMA = 2.2  # of sRGB, nearly: light adds up in linear light, not in stored values
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_NIGHT_TINT = np.array([0.55, 0.75, 1.25])  # red, green, blue: eyes and cameras see the night blue
_QUALITY = 92


def night(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The photo as if taken at night: dark, bluish, darker towards its corners, with the noise of a short exposure.

    In linear light: 4 to 10 % of the light, half of the colour gone, a tint towards blue, a vignette that leaves
    30 to 60 % in the corners, noise whose variance has a part that grows with the light and one that does not.

    Args:
        pixels: uint8 (height, width, 3), RGB.
        rng: draws the exposure, the vignette and the noise.

    Returns:
        uint8 (height, width, 3).

    Raises:
        InputError: the array is no such image.
    """
    _check(pixels)
    height, width = pixels.shape[:2]
    exposure, corner = rng.uniform(0.04, 0.10), rng.uniform(0.3, 0.6)
    light = (pixels / 255.0) ** _GAMMA
    grey = light @ _LUMA
    light = (0.5 * light + 0.5 * grey[..., None]) * _NIGHT_TINT * exposure
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    light *= (1 - (1 - corner) * (down**2 + across**2) / 2)[..., None]
    light += rng.normal(0, 1, light.shape) * np.sqrt(0.0012 * light + 0.002**2)
    taken: Pixels = np.rint(255 * np.clip(light, 0, 1) ** (1 / _GAMMA)).astype(np.uint8)
    return taken


def sketch(pixels: Pixels) -> Pixels:
    """The photo as a pencil drawing: its grey values colour-dodged with their blurred inverse.

    What is as bright as its surroundings turns white; edges and texture stay as grey strokes.

    Args:
        pixels: uint8 (height, width, 3), RGB.

    Returns:
        uint8 (height, width, 3), the three channels the same.

    Raises:
        InputError: the array is no such image.
    """
    import cv2

    _check(pixels)
    grey = pixels @ _LUMA
    sigma = max(1.0, 0.015 * max(pixels.shape[:2]))  # strokes as wide in a small photo as in a large one
    blurred = cv2.GaussianBlur(255.0 - grey, (0, 0), sigma)
    # No brighter than white; the 1 keeps black from being divided by nothing where all around is black, too.
    drawn = np.minimum(255.0, 255.0 * (grey + 1) / (256.0 - blurred))
    return np.repeat(np.rint(drawn).astype(np.uint8)[..., None], 3, axis=2)


def _night_of(pixels: Pixels, sha256: str) -> Pixels:
    return night(pixels, np.random.default_rng(int(sha256[:16], 16)))


def _sketch_of(pixels: Pixels, sha256: str) -> Pixels:
    return sketch(pixels)


VERSIONS: dict[str, Callable[[Pixels, str], Pixels]] = {"night": _night_of, "sketch": _sketch_of}
"""By name: what makes the version of an image from its pixels and its content hash, always the same one."""


def version_of(pixels: Pixels, version: str, sha256: str) -> Pixels:
    """One version of an image; what is random in it is drawn from the image's content hash.

    Args:
        pixels: uint8 (height, width, 3), RGB.
        version: one of `VERSIONS`.
        sha256: the content hash of the image, hexadecimal.

    Raises:
        InputError: there is no such version, or the array is no such image.
    """
    if version not in VERSIONS:
        raise InputError("There is no such version of an image.", expected=", ".join(VERSIONS), received=version)
    return VERSIONS[version](pixels, sha256)


def write_versions(
    images: Sequence[LabelledImage], version: str, folder: Path, *, size: int | None = None, labelled: bool = True
) -> list[SkippedFile]:
    """Writes one version of every image, a folder for each class, whole or not at all.

    Args:
        images: with their labels and hashes. Take other photographs than those of the source: a night-time copy of a
            photo that was trained on says nothing about night.
        version: one of `VERSIONS`.
        folder: where; it must not be there yet. Files are `CLASS/HASH.jpg`.
        size: of the squares that are written, in pixels; None leaves each image its own size.
        labelled: False puts all files into the folder itself, without classes.

    Returns:
        The images that could not be read.

    Raises:
        InputError: the folder is there already, a label cannot be the name of a folder, or the disk is full.
    """
    if folder.exists():
        raise InputError(f"{folder} exists already; nothing in it was touched.", expected="a new folder")
    for label in sorted({image.label for image in images} if labelled else ()):
        if label in ("", ".", "..") or "/" in label or "\\" in label or "\0" in label:
            raise InputError("A class cannot be the name of a folder.", received=repr(label))
    from PIL import Image

    skipped: list[SkippedFile] = []
    with atomic_folder(folder) as temporary, progress(f"Writing {version}", len(images)) as advance:
        for image in images:
            try:
                pixels = version_of(read_image(image.source, size), version, image.sha256)
            except UnreadableImageError as error:
                skipped.append(SkippedFile(image.name, str(error)))
            else:
                path = (temporary / image.label if labelled else temporary) / f"{image.sha256[:16]}.jpg"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(pixels).save(path, quality=_QUALITY)
            advance(1)
    return skipped


def _check(pixels: Pixels) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(
            "The array is not an image.",
            expected="uint8 (height, width, 3)",
            received=f"{pixels.dtype} {pixels.shape}",
        )
