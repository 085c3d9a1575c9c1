"""Small pictures of images that are found by their hash."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft.errors import UnreadableImageError
from regraft.images._pillow import open_image, orientation_of
from regraft.images.labelled import LabelledImage
from regraft.images.reading import read_image
from regraft.images.resizing import resize

THUMBNAIL = 160
"""Pixels of a small picture's longer side, at most."""

_TINY = 96  # pixels: a picture is enlarged by whole factors up to here


def thumbnail(image: LabelledImage) -> bytes:
    """A picture of an image in at most `THUMBNAIL` pixels a side, as JPEG; tiny ones pixel by pixel, larger.

    Raises:
        OSError: the file is gone or cannot be read.
        UnreadableImageError: it is not what its hash says, or cannot be decoded.
    """
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(_small(image)).save(content, "JPEG", quality=85)
    return content.getvalue()


def _small(image: LabelledImage) -> npt.NDArray[np.uint8]:
    if isinstance(image.source, Path):
        source = image.source.read_bytes()
        if hashlib.sha256(source).hexdigest() != image.sha256:
            raise UnreadableImageError("its content changed after it was found")
        pixels = read_image(source, _jpeg_size(source))
    else:
        pixels = read_image(image.source)
    height, width = pixels.shape[:2]
    if (times := _TINY // max(height, width)) > 1:
        return np.repeat(np.repeat(pixels, times, axis=0), times, axis=1)
    return resize(pixels, *_fitted(height, width))


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width a JPEG is decoded to, upright, which is quick; None for all else, which is decoded as it is."""
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    try:
        header = open_image(data)
    except Exception:  # the reader has the words for it
        return None
    width, height = header.size
    return _fitted(width, height) if orientation_of(header) >= 5 else _fitted(height, width)


def _fitted(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, THUMBNAIL / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
