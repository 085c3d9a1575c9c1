import gzip
import struct

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.images._idx import read_idx


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (0, 3, 3)])
def test_the_array_comes_back(tmp_path, pack, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "x").write_bytes(pack(idx(array)))
    np.testing.assert_array_equal(read_idx(tmp_path / "x", len(shape)), array)


VALID = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0", VALID[:-1], VALID + b"\0", VALID[:9], b"\0\0\x0d" + VALID[3:], b"text that is no IDX file at all"],
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match="no IDX file of 3 dimensions"):
        read_idx(tmp_path / "x", 3)


def test_damaged_gzip(tmp_path):
    (tmp_path / "x").write_bytes(gzip.compress(VALID)[:-9])
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(tmp_path / "x", 3)
