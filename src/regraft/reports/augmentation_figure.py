"""The preview of an augmentation: one image and nine augmented versions of it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import UnreadableImageError
from regraft.images.augmentation import Augmentation, read_view
from regraft.images.labelled import sha256_of_pixels
from regraft.images.reading import read_image
from regraft.reports._drawing import FULL_WIDTH, SMALL, Drawn, axes_at, drawn, new_figure
from regraft.reports._svg import COLOURS, figure_style
from regraft.reports._words import THIN

VIEWS = 9
"""So many augmented versions are shown beside the image itself."""

_COLUMNS = 5
_GAP = 0.09  # inches between pictures
_TITLE = 0.17  # inches above each for its name
_SIDE = 240  # pixels of a picture's longer side, at most: 200 an inch
_PNG = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")


def preview_augmentation(
    image: Path | str | bytes | npt.NDArray[np.uint8], augmentation: Augmentation, size: int | tuple[int, int] = 224
) -> Drawn:
    """Draws an image as a network sees it, and the first nine of the views it is trained on.

    Args:
        image: a file, the bytes of a file, or pixels: uint8 (height, width) or (height, width, 3).
        augmentation: the policy.
        size: of the network's input, in pixels: one number for a square, or (height, width).

    Raises:
        UnreadableImageError: the image cannot be decoded.
    """
    source, sha256 = _content(image)
    pictures = [read_view(source, size, augmentation, sha256, number) for number in range(VIEWS + 1)]
    rows = (VIEWS + 1) // _COLUMNS
    wide = (FULL_WIDTH - (_COLUMNS - 1) * _GAP) / _COLUMNS
    high = wide * pictures[0].shape[0] / pictures[0].shape[1]
    full_high = rows * (_TITLE + high) + (rows - 1) * _GAP
    with figure_style():
        figure = new_figure(FULL_WIDTH, full_high)
        for number, pixels in enumerate(pictures):
            row, column = divmod(number, _COLUMNS)
            bottom = full_high - (row + 1) * (_TITLE + high) - row * _GAP
            axes = axes_at(figure, column * (wide + _GAP), bottom, wide, high)
            _show(axes, pixels, f"view {number}" if number else "the image")
        return _in_jpeg(drawn(figure, f"An image and nine augmented versions of it: {_words(augmentation)}."))


def preview_caption(augmentation: Augmentation) -> str:
    """What stands below the preview: what was done, and how to get the same again."""
    return (
        "An image, squashed to the network’s input, and nine augmented versions of it. "
        f"The policy: {_words(augmentation)} (seed {augmentation.seed})."
    )


def _words(augmentation: Augmentation) -> str:
    if augmentation.changes_nothing:
        return "nothing is changed"
    return augmentation.label.replace(" %", f"{THIN}%")


def _content(image: Path | str | bytes | npt.NDArray[np.uint8]) -> tuple[bytes | npt.NDArray[np.uint8], str]:
    """What is decoded, and its content hash, which decides what the views do."""
    if isinstance(image, np.ndarray):
        return image, sha256_of_pixels(image)
    if isinstance(image, bytes):
        return image, hashlib.sha256(image).hexdigest()
    try:
        content = Path(image).read_bytes()
    except (OSError, ValueError):
        read_image(image)  # has the words for it
        raise UnreadableImageError("cannot be read") from None
    return content, hashlib.sha256(content).hexdigest()


def _show(axes: Any, pixels: npt.NDArray[np.uint8], title: str) -> None:
    from PIL import Image

    longer = max(pixels.shape[:2])
    if longer > _SIDE:
        height, width = (max(1, round(side * _SIDE / longer)) for side in pixels.shape[:2])
        pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    axes.imshow(pixels, interpolation="none", aspect="auto")
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize=SMALL, color=COLOURS["muted"], pad=2.5)


def _in_jpeg(figure: Drawn) -> Drawn:
    """The figure with its pictures as JPEG, a tenth of the size; matplotlib writes nothing but PNG into SVG.

    It also asks for hard-edged pixels, which does a photo no good.
    """
    svg = _PNG.sub(lambda found: _jpeg_uri(base64.b64decode(found[1])), figure.svg)
    return figure._replace(svg=re.sub(r' style="image-rendering:[^"]*"', "", svg))


def _jpeg_uri(png: bytes) -> str:
    from PIL import Image

    content = io.BytesIO()
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        picture.convert("RGB").save(content, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
