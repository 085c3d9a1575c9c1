"""Images squashed to a network's input size."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt


@cache
def _opencv() -> Any:
    """OpenCV, imported once (0.2 s) and told to stay in the calling thread: images are read in many threads at once."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


def resize(pixels: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """The image at exactly the given size; its proportions are not kept.

    Where both axes are at least twice their targets, or one at least three times, each is shrunk by the whole factor
    it holds, each new pixel the mean of those it covers; the rest of the way is bilinear interpolation between pixel
    centres. So hardly a pixel is left out, as by plain bilinear interpolation, and a scaled JPEG decoding takes
    the place of the first step well. (One axis between two and three times its target is left to the interpolation:
    the mean over pairs along one axis alone takes OpenCV as long as decoding the picture.)

    Args:
        pixels: uint8 (height, width, 3).
        height: of the result, in pixels, at least 1.
        width: of the result, in pixels, at least 1.

    Returns:
        uint8 (height, width, 3), contiguous; the same array where the size is right already.
    """
    cv2 = _opencv()
    old_height, old_width = pixels.shape[:2]
    if (old_height, old_width) == (height, width):
        return np.ascontiguousarray(pixels)
    down, across = max(1, old_height // height), max(1, old_width // width)
    if min(down, across) > 1 or max(down, across) > 2:
        pixels = cv2.resize(pixels, (old_width // across, old_height // down), interpolation=cv2.INTER_AREA)
    if pixels.shape[:2] != (height, width):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels
