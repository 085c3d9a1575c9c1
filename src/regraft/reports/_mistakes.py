"""The worst mistakes: the wrong answers the classifier was surest of, with a picture of each where there is one."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import UnreadableImageError
from regraft.images.labelled import LabelledImage
from regraft.images.reading import read_image

_SIDE = 320  # pixels of a picture's longer side
_LARGE = 4_000_000  # pixels: from here on a JPEG is decoded smaller, which is worth the import it takes
_TINY = 64  # up to here a picture is kept pixel by pixel, and shown with hard edges


@dataclass(frozen=True)
class Picture:
    """A small picture that lies inside the page, or what stands in its place.

    Attributes:
        uri: `data:image/…`, empty where there is no picture.
        width, height: in pixels.
        tiny: whether it has so few pixels that each should be seen.
        missing: why there is no picture.
    """

    uri: str = ""
    width: int = 0
    height: int = 0
    tiny: bool = False
    missing: str = ""


@dataclass(frozen=True)
class Mistake:
    """One test image that was answered wrongly; `probability` is that of the wrong answer."""

    name: str
    label: str
    predicted: str
    probability: float
    picture: Picture


def worst_mistakes(
    predictions: Any, images: Mapping[str, LabelledImage] | None, most: int = 12
) -> tuple[list[Mistake], int]:
    """The wrong answers on test images, the most probable ones first.

    Args:
        predictions: the table `predictions.parquet`.
        images: by content hash; None where they are not at hand.
        most: how many to give at most.

    Returns:
        The mistakes, and how many there are in all.
    """
    columns = ["image", "sha256", "split", "label", "predicted", "probability"]
    rows: Sequence[dict[str, Any]] = predictions.select(columns).to_pylist()
    wrong = [row for row in rows if row["split"] == "test" and row["label"] != row["predicted"]]
    wrong.sort(key=lambda row: (-row["probability"], row["image"]))
    mistakes = [
        Mistake(row["image"], row["label"], row["predicted"], row["probability"], _picture(row["sha256"], images))
        for row in wrong[:most]
    ]
    return mistakes, len(wrong)


def _picture(sha256: str, images: Mapping[str, LabelledImage] | None) -> Picture:
    if images is None or sha256 not in images:
        return Picture(missing="picture not at hand")
    source = images[sha256].source
    if isinstance(source, np.ndarray):
        return _packed(read_image(source))
    try:
        data = Path(source).read_bytes()
    except FileNotFoundError:
        return Picture(missing="the file is gone")
    except (OSError, ValueError):
        return Picture(missing="the file cannot be read")
    if hashlib.sha256(data).hexdigest() != sha256:
        return Picture(missing="the file has changed since")
    try:
        return _packed(read_image(data, _decoded_size(data)))
    except UnreadableImageError:
        return Picture(missing="the file cannot be decoded")


def _decoded_size(data: bytes) -> tuple[int, int] | None:
    """Height and width a large JPEG is decoded to, upright; None for all else, which is decoded as it is."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            width, height = image.size
            if width * height < _LARGE:
                return None
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):
                width, height = height, width
            return _fitted(height, width)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None  # not a JPEG, or one whose reader will say what is wrong


def _fitted(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, _SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _packed(pixels: npt.NDArray[np.uint8]) -> Picture:
    from PIL import Image

    height, width = _fitted(*pixels.shape[:2])
    picture = Image.fromarray(pixels)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    tiny = max(height, width) <= _TINY
    content = io.BytesIO()
    if tiny:
        picture.save(content, "PNG", optimize=True)
    else:
        picture.save(content, "JPEG", quality=80)
    encoded = base64.b64encode(content.getvalue()).decode()
    return Picture(f"data:image/{'png' if tiny else 'jpeg'};base64,{encoded}", width, height, tiny)
