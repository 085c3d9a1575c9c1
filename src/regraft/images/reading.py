"""One image file, or the bytes of one, as the RGB pixels a person sees."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError, UnreadableImageError
from regraft.images._pillow import open_image, orientation_of, rgb_pixels, upright, without_pillow_warnings
from regraft.images.resizing import resize

MAX_PIXELS = 2 * (1024**3 // 4 // 3)
"""No image of more pixels is decoded (178,956,970, where Pillow raises its error against decompression bombs)."""

_JPEG_START = b"\xff\xd8\xff"
_METADATA = (b"Exif\0\0", b"http://ns.adobe.com/xap/")  # what EXIF and XMP segments begin with


def read_image(
    source: Path | str | bytes | npt.NDArray[np.uint8], size: int | tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """The image as the RGB a person sees.

    EXIF orientation is applied. Grey, palette, CMYK and 16-bit images become RGB in 8 bits, transparency lies on white,
    and of an animation or a multi-page file the first frame is taken. Colour profiles are not applied, nor does
    Keras apply them.

    With `size`, the image is squashed to it: its proportions are not kept. Where it is at least twice the target it is
    shrunk by whole factors with area averaging, then brought to the target by bilinear interpolation. JPEG
    files of at least twice the target are already decoded smaller, by a scaled inverse DCT (never below the target).

    Safe to call from many threads at once; decoding and resizing release the GIL.

    Args:
        source: a file, the bytes of a file, or pixels: uint8 (height, width) or (height, width, 3).
        size: of the result, in pixels: one number for a square, or (height, width); None leaves it as it is.

    Returns:
        uint8 (height, width, 3), contiguous, an array of its own.

    Raises:
        UnreadableImageError: it cannot be decoded; the message is the reason ("empty file", "truncated: …").
        InputError: `size` is no size, or the array is none of the above.
    """
    target = _height_and_width(size)
    if isinstance(source, np.ndarray):
        pixels = _pixels_of_array(source)
        return resize(pixels, *target) if target else pixels
    try:
        data = source if isinstance(source, bytes) else _content(Path(source))
        if not data:
            raise UnreadableImageError("empty file")
        with without_pillow_warnings():
            decoded = _decode_jpeg(data, target) if data.startswith(_JPEG_START) else None
            pixels, orientation = decoded or _decode_with_pillow(data)
    except UnreadableImageError as error:
        if not isinstance(source, bytes):
            error.add_note(f"File: {os.fspath(source)!r}")
        raise
    if target:
        # Resizing first and turning after moves the fewest bytes; the two commute.
        pixels = resize(pixels, *(target[::-1] if orientation >= 5 else target))
    return upright(pixels, orientation)


def _height_and_width(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise InputError("An image size is needed.", expected="one number, or (height, width)", received=repr(size))
    return height, width


def _pixels_of_array(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    has_shape = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not has_shape or not array.size:
        raise InputError(
            "The array is not an image.",
            expected="uint8, (height, width) or (height, width, 3)",
            received=f"{array.dtype}, {array.shape}",
        )
    return np.repeat(array[:, :, None], 3, axis=2) if array.ndim == 2 else array.copy(order="C")


def _content(path: Path) -> bytes:
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise UnreadableImageError("not a regular file: a folder")
        if not stat.S_ISREG(kind):  # opening a pipe nobody writes to would wait for ever, a device may never end
            raise UnreadableImageError("not a regular file")
        return path.read_bytes()
    except UnreadableImageError:
        raise
    except FileNotFoundError:
        raise UnreadableImageError("no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise UnreadableImageError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(f"{width}×{height} pixels, over the limit of {MAX_PIXELS:,}")


def _decode_jpeg(data: bytes, target: tuple[int, int] | None) -> tuple[npt.NDArray[np.uint8], int] | None:
    """Pixels not yet upright, and the orientation; None where Pillow is to decide."""
    import simplejpeg

    try:
        tall, wide, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:  # whatever is wrong with this header, Pillow's full reader gives the reason
        return None
    _check_pixels(wide, tall)
    if colours not in ("YCbCr", "Gray", "RGB"):
        return None
    orientation = _jpeg_orientation(data)
    height, width = target or (0, 0)
    if orientation >= 5:
        height, width = width, height
    try:
        # A factor of 2 or more pays; for less, the decoder has no fast way and the resizing is faster.
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width, min_factor=2, strict=True)
    except ValueError:
        return None
    return pixels, orientation


def _jpeg_orientation(data: bytes) -> int:
    """The orientation in a JPEG's metadata; Pillow is asked only where there is any that could hold one."""
    if not any(mark in data for mark in _METADATA):
        return 1
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        return orientation_of(JpegImageFile(io.BytesIO(data)))
    except Exception:  # broken metadata, in one of many ways, is no reason to lose the picture
        return 1


def _decode_with_pillow(data: bytes) -> tuple[npt.NDArray[np.uint8], int]:
    from PIL import Image, UnidentifiedImageError

    try:
        image = open_image(data)
        _check_pixels(*image.size)
        image.load()
        # Only now: a TIFF has turned itself while loading, a PNG may carry its EXIF behind its pixels.
        return rgb_pixels(image), orientation_of(image)
    except (UnreadableImageError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImageError(_what_it_is(data)) from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(f"over the limit of {MAX_PIXELS:,} pixels: {error}") from error
    except Exception as error:  # decoders of broken files raise nearly everything, from EOFError to struct.error
        broken = isinstance(error, EOFError) or "truncated" in str(error).lower()
        what = "truncated" if broken else "damaged"
        raise UnreadableImageError(f"{what}: {str(error) or type(error).__name__}") from error


def _what_it_is(data: bytes) -> str:
    """Why bytes that no decoder knows are no image, as far as a look at their start tells."""
    start = data[:512]
    if start.startswith((_JPEG_START, b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")) or start[8:12] == b"WEBP":
        return "truncated or damaged: its first bytes are an image's, the rest is not"
    if start[4:8] == b"ftyp":
        return "not supported here (HEIC, AVIF or a video): convert it to JPEG or PNG"
    if start.startswith(b"%PDF"):
        return "not an image (a PDF document)"
    if not any(start):
        return "not an image (zeros)"
    text = start.decode("utf-8", errors="ignore")
    if b"\0" not in start and len(text.encode()) >= len(start) - 3:  # the last character may be cut
        return "not an image (an SVG drawing)" if "<svg" in text else "not an image (text?)"
    return "not an image, or of a format that is not supported"
