"""Augmented versions of an image (views): a declared policy, drawn the same anywhere and in whatever order."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import InputError
from regraft.images._warping import Draw, Pixels, decoded_size, warped
from regraft.images.reading import read_image
from regraft.images.resizing import resize

_REVISION = 1  # changes when the same policy and number would give other pixels
_ASPECT = 4 / 3  # of a crop, wide or tall, at most


@dataclass(frozen=True)
class Augmentation:
    """What may be done to an image, each time drawn anew: first the geometry, then the colours.

    Everything happens to the picture squashed to the network's input, as behind Keras'
    `image_dataset_from_directory`. What lies outside the picture is its mirror image.

    Attributes:
        horizontal_flip, vertical_flip: mirrored, in one view of two.
        rotation: degrees; turned by an angle evenly between so much clockwise and so much the other way.
        zoom: lowest and highest part of each side that is seen, around the middle: 0.8 shows 80 % of the width and 80 %
            of the height, so things look 1.25 times as large; 1.1 shows the picture a little smaller, with a rim.
        crop: lowest and highest share of the area that is seen, anywhere in the picture, by a window between 3:4 and
            4:3 (Szegedy et al. 2015, "Going deeper with convolutions", section 6); None for the whole picture.
        brightness: 0.2 multiplies the pixels by 0.8 to 1.2.
        contrast: 0.2 brings them nearer to the picture's mean grey, or away from it, by the same factors.
        colour: 0.2 brings them nearer to their own greys, or away from them, likewise; 1 reaches down to no colour.
        seed: another seed, other views.

    Raises:
        InputError: a value that cannot be.
    """

    horizontal_flip: bool = False
    vertical_flip: bool = False
    rotation: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    crop: tuple[float, float] | None = None
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("horizontal_flip", "vertical_flip"):
            if not isinstance(getattr(self, name), bool):
                raise _refused(name, "true or false", getattr(self, name))
        for name, most in (("rotation", 180.0), ("brightness", 1.0), ("contrast", 1.0), ("colour", 1.0)):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= most:
                raise _refused(name, f"a number from 0 to {most:g}", value)
            object.__setattr__(self, name, abs(float(value)))  # no negative zero
        for name, most in (("zoom", 4.0), ("crop", 1.0)):
            pair = getattr(self, name)
            if name == "crop" and pair is None:
                continue
            if not _is_range(pair, most):
                raise _refused(name, f"lowest and highest, above 0 and up to {most:g}", pair)
            object.__setattr__(self, name, (float(pair[0]), float(pair[1])))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise _refused("seed", "a whole number from 0 on", self.seed)

    @property
    def changes_nothing(self) -> bool:
        """Whether every view is the plain image."""
        crop = None if self.crop == (1.0, 1.0) else self.crop  # the whole area is the whole picture
        return replace(self, crop=crop, seed=0) == Augmentation()

    @cached_property
    def identity(self) -> str:
        """16 hexadecimal digits that name exactly these views, the seed among them."""
        about = json.dumps({"revision": _REVISION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(about.encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """In words: `horizontal flip, rotation ±10°, crop 50–100 % of the area, brightness ±20 %`."""
        parts = ["horizontal flip"] * self.horizontal_flip + ["vertical flip"] * self.vertical_flip
        if self.rotation:
            parts.append(f"rotation ±{self.rotation:g}°")
        if self.zoom != (1.0, 1.0):
            parts.append(f"zoom {_percents(self.zoom)} of the side")
        if self.crop:
            parts.append(f"crop {_percents(self.crop)} of the area")
        strengths = (("brightness", self.brightness), ("contrast", self.contrast), ("colour", self.colour))
        parts += [f"{name} ±{100 * strength:g} %" for name, strength in strengths if strength]
        return ", ".join(parts) or "none"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for TOML and JSON; no `crop` where there is none, for TOML has no word for nothing."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Augmentation:
        """The policy that `as_dict` wrote; what is left out has its default.

        Raises:
            InputError: an unknown name, or a value that cannot be.
        """
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in values if name not in known]:
            raise InputError(
                f"An augmentation has no {', '.join(map(repr, unknown))}.",
                expected=", ".join(known),
                received=", ".join(map(str, values)),
            )
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**given)


def draw(augmentation: Augmentation, sha256: str, number: int) -> Draw:
    """What the view of that number does to the image of that content.

    The random numbers are the output of SHAKE-256 over the policy's identity (its seed is in there), the content hash
    and the number: the same on every machine, with every version of NumPy, whatever was drawn before.
    """
    stream = hashlib.shake_256(f"{augmentation.identity}/{sha256}/{number}".encode()).digest(8 * 11)
    uniform = ((np.frombuffer(stream, "<u8") >> np.uint64(11)) * 2.0**-53).tolist()  # each in [0, 1)
    flip, upset, turn, zoom, area, aspect, across, down, light, contrast, colour = uniform
    wide = tall = 1.0
    if augmentation.crop is not None:
        share = _between(augmentation.crop, area)
        # The logarithm of the aspect is drawn evenly, from where both sides fit into the picture.
        most = math.log(min(_ASPECT, 1 / share))
        ratio = math.exp(_between((-most, most), aspect))
        wide, tall = min(1.0, math.sqrt(share * ratio)), min(1.0, math.sqrt(share / ratio))
    seen = _between(augmentation.zoom, zoom)
    return Draw(
        augmentation.horizontal_flip and flip < 0.5,
        augmentation.vertical_flip and upset < 0.5,
        augmentation.rotation * (2 * turn - 1),
        (wide / 2 + across * (1 - wide), tall / 2 + down * (1 - tall)),
        (seen * wide, seen * tall),
        1 + augmentation.brightness * (2 * light - 1),
        1 + augmentation.contrast * (2 * contrast - 1),
        1 + augmentation.colour * (2 * colour - 1),
    )


def read_view(
    source: Path | str | bytes | Pixels,
    size: int | tuple[int, int],
    augmentation: Augmentation,
    sha256: str,
    number: int,
) -> Pixels:
    """One view of an image, read like `read_image`.

    Safe to call from many threads at once; nearly all the time is spent without the GIL.

    Args:
        source: a file, the bytes of a file, or pixels: uint8 (height, width) or (height, width, 3).
        size: of the result, in pixels: one number for a square, or (height, width).
        augmentation: the policy.
        sha256: the image's content hash.
        number: which view; 0 is the plain image, equal to `read_image(source, size)`.

    Returns:
        uint8 (height, width, 3), contiguous, an array of its own.

    Raises:
        UnreadableImageError: it cannot be decoded.
        InputError: the size or the number cannot be.
    """
    if isinstance(source, np.ndarray):
        return view_pixels(augmentation, source, size, sha256, number)
    if _is_plain(number):
        return read_image(source, size)
    drawn = draw(augmentation, sha256, number)
    target = _height_and_width(size)
    return warped(drawn, read_image(source, decoded_size(drawn, target)), target)


def view_pixels(
    augmentation: Augmentation, pixels: Pixels, size: int | tuple[int, int], sha256: str, number: int
) -> Pixels:
    """One view of an image that is decoded already: see `read_view`.

    For crops as sharp as those of `read_view`, the pixels should be more than `size`, up to twice as many each way.
    """
    if _is_plain(number):
        return read_image(pixels, size)
    drawn = draw(augmentation, sha256, number)
    target = _height_and_width(size)
    pixels = read_image(pixels)  # checked, and grey turned to RGB
    decoded = decoded_size(drawn, target)
    if any(have >= 2 * need for have, need in zip(pixels.shape[:2], decoded, strict=True)):
        pixels = resize(pixels, *decoded)  # the warp looks at four pixels for each new one: no more may be left out
    return warped(drawn, pixels, target)


def default_augmentation(name: str, classes: Sequence[str] = (), *, seed: int = 0) -> Augmentation:
    """A mild policy that keeps the label of what a data set shows.

    Written characters are turned and zoomed a little and never flipped: a mirrored 2 is no 2. All else is taken for
    photos, whose label a mirror, a closer look and another light do not change.

    Args:
        name: of the collection: `digits` and `mnist` are known to be characters.
        classes: its classes; characters, too, where each is one letter or figure, or a figure's English name.
        seed: of the policy.
    """
    if name in ("digits", "mnist") or _are_characters(classes):
        return Augmentation(rotation=10, zoom=(0.9, 1.1), seed=seed)
    return Augmentation(
        horizontal_flip=True, rotation=10, crop=(0.5, 1.0), brightness=0.2, contrast=0.2, colour=0.2, seed=seed
    )


_FIGURES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _are_characters(classes: Iterable[str]) -> bool:
    names = [name.strip().lower() for name in classes]
    return bool(names) and all((len(name) == 1 and name.isalnum()) or name in _FIGURES for name in names)


def _is_plain(number: int) -> bool:
    if number < 0:
        raise InputError("There is no such view.", expected="0 (the plain image) or more", received=str(number))
    return number == 0


def _height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _between(ends: tuple[float, float], part: float) -> float:
    return ends[0] + part * (ends[1] - ends[0])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_range(pair: object, most: float) -> bool:
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(map(_is_number, pair)):
        return False
    return bool(0 < pair[0] <= pair[1] <= most)


def _percents(ends: tuple[float, float]) -> str:
    low, high = (f"{100 * end:.4g}" for end in ends)
    return f"{low} %" if low == high else f"{low}–{high} %"


def _refused(name: str, expected: str, received: object) -> InputError:
    return InputError(f"The augmentation's {name} cannot be.", expected=expected, received=repr(received))
