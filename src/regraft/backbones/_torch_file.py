"""Reads tensors from PyTorch's file format of before version 1.6, without torch and without running code.

The format (torch/serialization.py, `_legacy_save`) is a row of pickles: a magic number, a protocol number, facts about
the machine that wrote it, the object itself, and the list of storage keys; then every storage as an int64 count and its
raw little-endian numbers. The object refers to storages by "persistent ids". The unpickler here knows four names only;
anything else in the file, and so any code, is refused.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


@dataclass
class _Storage:
    """A flat run of numbers, filled in after the object that refers to it has been read."""

    dtype: np.dtype[Any]
    count: int
    values: npt.NDArray[Any] | None = None


@dataclass
class _Tensor:
    """A view of a storage, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> npt.NDArray[Any]:
        values = self.storage.values
        if values is None:
            raise ValueError("a tensor refers to a storage that the file does not hold")
        if not all(type(number) is int and number >= 0 for number in (self.offset, *self.shape, *self.strides)):
            raise ValueError("a tensor has a shape, strides or an offset that are no whole numbers from zero")
        if 0 in self.shape:
            return np.empty(self.shape, values.dtype)
        last = self.offset + sum((length - 1) * stride for length, stride in zip(self.shape, self.strides, strict=True))
        if last >= len(values):
            raise ValueError("a tensor reaches outside its storage")
        if math.prod(self.shape) > len(values):  # else a few bytes of file could ask for any amount of memory
            raise ValueError("a tensor repeats the numbers of its storage")
        steps = tuple(stride * values.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, steps).copy()


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    _ALLOWED: dict[tuple[str, str], Any] = {  # noqa: RUF012 (read only)
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        # Strings, because nothing in a file can change them, as it could an object's attributes.
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def __init__(self, file: io.BufferedIOBase) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            reason = f"the file asks for {module}.{name}, which a weight file has no need of"
            raise pickle.UnpicklingError(reason) from None

    def persistent_load(self, identity: Any) -> _Storage:
        kind, dtype, key, _device, count = identity[:5]
        if kind != "storage" or dtype not in ("<f4", "<i8"):
            raise pickle.UnpicklingError(f"unknown kind of reference {kind!r}")
        return self.storages.setdefault(str(key), _Storage(np.dtype(dtype), int(count)))


def read_torch_file(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Gives the tensors of a state dictionary saved by `torch.save` before PyTorch 1.6.

    Args:
        path: the file. Check its hash first where one is known.

    Returns:
        name → array, float32 or int64, in the file's order; torch's own layouts (convolutions as
        output × input × height × width).

    Raises:
        InputError: the file is of another format, damaged, or asks for anything but tensors.
    """
    try:
        return _read(path)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle raises nearly everything, from EOFError to MemoryError
        raise InputError(
            f"{path} cannot be read as a weight file of the old PyTorch format.",
            expected="a state dictionary of float32 and int64 tensors",
            received=str(error) or type(error).__name__,
            hint="install the package that carries it again, or give another file with --weights",
        ) from error


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    end = path.stat().st_size
    with path.open("rb") as file:
        if _Unpickler(file).load() != _MAGIC:
            raise ValueError("the magic number at the start is not PyTorch's")
        if _Unpickler(file).load() != _PROTOCOL:
            raise ValueError("an unknown protocol number")
        machine = _Unpickler(file).load()
        if not machine.get("little_endian", True):
            raise ValueError("numbers in big-endian order")
        unpickler = _Unpickler(file)
        tensors = unpickler.load()
        for key in _Unpickler(file).load():
            storage = unpickler.storages[str(key)]
            count = int.from_bytes(file.read(8), "little", signed=True)
            size = storage.count * storage.dtype.itemsize
            if count != storage.count or not 0 <= size <= end - file.tell():
                raise ValueError(f"storage {key} is not as long as it should be")
            storage.values = np.frombuffer(file.read(size), storage.dtype)
    if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise ValueError("the dictionary holds something that is no tensor")
    return {name: tensor.array() for name, tensor in tensors.items()}
