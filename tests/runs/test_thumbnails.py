from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.errors import UnreadableImageError
from regraft.images.labelled import LabelledImage, sha256_of_pixels
from regraft.runs.thumbnails import thumbnail


def stored(path: Path, size: tuple[int, int], orientation: int = 1) -> LabelledImage:
    """A file, red on the left and blue on the right as its pixels lie."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(path, quality=95, exif=exif)
    return LabelledImage(path.name, "roses", hashlib.sha256(path.read_bytes()).hexdigest(), path)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize(("size", "small"), [((640, 320), (160, 80)), ((100, 150), (100, 150)), ((2000, 2), (160, 1))])
def test_a_picture_is_at_most_160_pixels_wide_and_high(
    tmp_path: Path, suffix: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(thumbnail(stored(tmp_path / f"a.{suffix}", size)))) as picture:
        assert (picture.format, picture.size) == ("JPEG", small)
        red, _, blue = picture.getpixel((small[0] // 4, 0))  # type: ignore[misc]
        assert red > 200 > 60 > blue


def test_a_photo_stands_upright(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(thumbnail(stored(tmp_path / "a.jpg", (640, 320), orientation=6)))) as picture:
        assert picture.size == (80, 160)
        assert picture.getpixel((40, 20))[0] > 200  # type: ignore[index]
        assert picture.getpixel((40, 140))[2] > 200  # type: ignore[index]


def test_tiny_images_are_enlarged_pixel_by_pixel() -> None:
    pixels = np.zeros((8, 6), np.uint8)
    pixels[:, 3:] = 255
    content = thumbnail(LabelledImage("digits/1", "1", sha256_of_pixels(pixels), pixels))
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (72, 96)
        grey = np.asarray(picture.convert("L"))
        assert grey[:, :35].max() < 30
        assert grey[:, 37:].min() > 225


def test_what_has_changed_or_gone_has_no_picture(tmp_path: Path) -> None:
    image = stored(tmp_path / "a.jpg", (64, 64))
    image.source.write_bytes(b"another content")  # type: ignore[union-attr]
    with pytest.raises(UnreadableImageError, match="changed"):
        thumbnail(image)
    image.source.unlink()  # type: ignore[union-attr]
    with pytest.raises(FileNotFoundError):
        thumbnail(image)
