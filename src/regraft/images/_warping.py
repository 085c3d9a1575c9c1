"""What one augmented view does to the pixels: one affine warp, then one mixture of the colours."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from regraft.images.resizing import _opencv

Pixels = npt.NDArray[np.uint8]

_SHARPEST = 2.0  # an image is decoded at so many times the target's sides at most
_GREY = (0.299, 0.587, 0.114)  # luma of red, green and blue (ITU-R BT.601)


class Draw(NamedTuple):
    """What one view of one image does.

    Attributes:
        mirrored, upside_down: flipped horizontally, vertically, after all else.
        angle: degrees the picture is turned, counterclockwise.
        centre: of the window that is seen, x and y as shares of width and height.
        sides: of that window, likewise.
        brightness, contrast, colour: factors; 1 changes nothing.
    """

    mirrored: bool
    upside_down: bool
    angle: float
    centre: tuple[float, float]
    sides: tuple[float, float]
    brightness: float
    contrast: float
    colour: float

    @property
    def geometry_is_plain(self) -> bool:
        """Whether no pixel moves."""
        return self[:5] == (False, False, 0.0, (0.5, 0.5), (1.0, 1.0))


def decoded_size(drawn: Draw, target: tuple[int, int]) -> tuple[int, int]:
    """The size to decode at: so large that the window that is seen has about the target's pixels."""
    scale = min(_SHARPEST, max(1.0, 1 / min(drawn.sides)))
    return math.ceil(target[0] * scale), math.ceil(target[1] * scale)


def warped(drawn: Draw, pixels: Pixels, target: tuple[int, int]) -> Pixels:
    """The view: one affine warp by bilinear interpolation, then the colours.

    Args:
        drawn: what is done.
        pixels: uint8 (height, width, 3).
        target: height and width of the view.

    Returns:
        uint8 (*target, 3), contiguous; the same array where nothing changes.
    """
    height, width = target
    if not (drawn.geometry_is_plain and pixels.shape[:2] == target):
        cv2 = _opencv()
        matrix = sampling_matrix(drawn, pixels.shape[:2], target)
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        pixels = cv2.warpAffine(pixels, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REFLECT)
    return _recoloured(drawn, pixels)


def sampling_matrix(drawn: Draw, size: tuple[int, int], target: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Where each pixel of a view comes from: (2, 3), times (column, row, 1) of the view gives column and row.

    A view's pixel, seen from the view's middle, is mirrored, shrunk to the window that is seen, turned, and moved to
    that window's middle; both pictures have their pixels' centres at whole numbers.

    Args:
        drawn: what is done.
        size: height and width of the picture that is warped.
        target: of the view. The picture is turned in these proportions.
    """
    (tall, wide), (height, width) = size, target
    cos, sin = math.cos(math.radians(drawn.angle)), math.sin(math.radians(drawn.angle))
    across = drawn.sides[0] * (-1 if drawn.mirrored else 1)
    down = drawn.sides[1] * (-1 if drawn.upside_down else 1)
    linear = np.array([[cos * across, -sin * down], [sin * across, cos * down]])
    centre = np.array([drawn.centre[0] * width, drawn.centre[1] * height])
    shift = centre + linear @ [0.5 - width / 2, 0.5 - height / 2]
    matrix = np.concatenate([linear, shift[:, None]], axis=1) * [[wide / width], [tall / height]]
    matrix[:, 2] -= 0.5
    return matrix


def _recoloured(drawn: Draw, pixels: Pixels) -> Pixels:
    """Brightness, then contrast about the mean grey, then colour about each pixel's grey, rounded once at the end."""
    light, contrast, colour = drawn.brightness, drawn.contrast, drawn.colour
    if light == contrast == colour == 1:
        return pixels
    cv2 = _opencv()
    mean = light * float(np.dot(cv2.mean(pixels)[:3], _GREY))
    mix = light * contrast * (colour * np.eye(3) + (1 - colour) * np.array([_GREY] * 3))
    matrix = np.concatenate([mix, np.full((3, 1), (1 - contrast) * mean)], axis=1)
    changed: Pixels = cv2.transform(pixels, matrix.astype(np.float32))
    return changed
