"""The IDX files MNIST comes in."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError

_UNSIGNED_BYTE = 8


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file, compressed by gzip or not.

    The format: two zero bytes, the type (8: unsigned byte), the number of dimensions, each dimension as a
    big-endian 32-bit integer, the values row by row (Y. LeCun, http://yann.lecun.com/exdb/mnist/).

    Args:
        path: the file.
        dimensions: how many the array must have.

    Raises:
        InputError: it is no such file, or not whole.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} cannot be read.", received=str(error), hint="delete it and fetch it again") from error
    header = 4 + 4 * dimensions
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], ">u4")) if len(content) >= header else ()
    if content[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)) or len(content) != header + int(np.prod(shape)):
        raise InputError(
            f"{path} is no IDX file of {dimensions} dimension{'s' if dimensions > 1 else ''}, or not whole.",
            expected=f"the bytes 00 00 08 0{dimensions}, the shape, and a byte for each value",
            received=f"{len(content):,} bytes that begin with {content[:4].hex(' ')}",
            hint="fetch it again",
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
