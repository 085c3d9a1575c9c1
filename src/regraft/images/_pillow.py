"""What Pillow decodes, as the RGB a person sees."""

from __future__ import annotations

import importlib
import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

# Bitmaps only. Pillow knows more formats; some start other programs (EPS), some have no signature to be told by.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "AVIF", "HEIF")

_ORIENTATION, _PHOTOMETRIC, _BITS_PER_SAMPLE = 0x0112, 262, 258

# `warnings.catch_warnings` swaps the whole filter list and is not made for threads. One entry put into the list, and
# taken out by the last thread that needed it, disturbs nobody.
_IGNORE_PILLOW = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_lock = threading.Lock()
_users = 0
_touched: list[list[Any]] = []


@contextmanager
def without_pillow_warnings() -> Iterator[None]:
    """No warning of Pillow's gets out while the block runs: what is wrong with a file is our own message to give."""
    global _users
    filters: Any = warnings.filters
    with _lock:
        _users += 1
        if not filters or filters[0] is not _IGNORE_PILLOW:
            filters.insert(0, _IGNORE_PILLOW)
            _touched.append(filters)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            while _users == 0 and _touched:
                with suppress(ValueError):
                    _touched.pop().remove(_IGNORE_PILLOW)


@cache
def _load_plugins() -> None:
    # Pillow's own `init` imports all 45 (0.3 s).
    from PIL import Image

    Image.preinit()
    for name in ("Tiff", "WebP", "Avif"):
        with suppress(ImportError):
            importlib.import_module(f"PIL.{name}ImagePlugin")


def can_read(format_name: str) -> bool:
    """Whether Pillow, as installed here, decodes `AVIF`, `HEIF` (by its plug-in, if the program registered it), …"""
    from PIL import Image

    _load_plugins()
    return format_name in Image.OPEN


def open_image(data: bytes) -> Any:
    """The image with its header read and its pixels not yet decoded."""
    from PIL import Image

    _load_plugins()
    return Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN])


def orientation_of(image: Any) -> int:
    """The EXIF (or XMP) orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken metadata, in one of many ways, is no reason to lose the picture
        return 1
    return int(value) if value in range(1, 9) else 1


def upright(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """The image turned and mirrored as its EXIF orientation asks (Exif 2.32, tag 274): uint8 (height, width, 3)."""
    match orientation:
        case 2:
            pixels = pixels[:, ::-1]
        case 3:
            pixels = pixels[::-1, ::-1]
        case 4:
            pixels = pixels[::-1]
        case 5:
            pixels = pixels.swapaxes(0, 1)
        case 6:
            pixels = np.rot90(pixels, -1)
        case 7:
            pixels = pixels[::-1, ::-1].swapaxes(0, 1)
        case 8:
            pixels = np.rot90(pixels, 1)
    return np.ascontiguousarray(pixels)


def rgb_pixels(image: Any) -> npt.NDArray[np.uint8]:
    """The first frame as uint8 (height, width, 3), transparency on white.

    More than 8 bits of grey are scaled by their range, never clipped: 0…65535 for 16 bits; 32-bit integers and
    floats, which name no white, by 65535, 255 or 1, whichever is the least that holds them all, and from their least to
    their greatest value where some are negative or above 65535.
    """
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return np.repeat(_grey_in_eight_bits(image)[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGB", layer.size, "white")
        paper.paste(layer, mask=layer.getchannel("A"))
        return np.array(paper)
    return np.array(image.convert("RGB"))


def _grey_in_eight_bits(image: Any) -> npt.NDArray[np.uint8]:
    values = np.nan_to_num(np.asarray(image), posinf=0, neginf=0).astype(np.float64)
    tags = getattr(image, "tag_v2", {})
    low, high = 0.0, 65535.0
    if image.mode.startswith("I;16") and tags.get(_BITS_PER_SAMPLE, (16,))[0] < 16:
        high = 2.0 ** tags[_BITS_PER_SAMPLE][0] - 1
    elif values.min() < 0 or values.max() > high:
        low, high = float(values.min()), float(values.max())
    elif image.mode == "F":
        high = next(white for white in (1.0, 255.0, 65535.0) if values.max() <= white)
    grey = np.rint((values - low) * (255 / (high - low or 1))).astype(np.uint8)
    if tags.get(_PHOTOMETRIC) == 0:  # TIFF's "white is zero", which Pillow undoes only up to 8 bits
        grey = 255 - grey
    if isinstance(transparent := image.info.get("transparency"), int):
        grey[values == transparent] = 255
    return np.asarray(grey, dtype=np.uint8)
