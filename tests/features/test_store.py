import errno
import hashlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.features.store import Dtype, FeatureStore, checked_dtype, features_folder


def name(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(number: int, width: int = 3) -> np.ndarray:
    return np.random.default_rng(number).normal(size=width).astype(np.float32)


def rows(numbers: list[int], width: int = 3) -> np.ndarray:
    return np.stack([row(number, width) for number in numbers])


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(shards=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8), max_size=6), data=st.data())
def test_what_is_written_in_any_shards_is_read_in_any_order(
    tmp_path: Path, shards: list[list[int]], data: st.DataObject
) -> None:
    store = FeatureStore(tmp_path / uuid.uuid4().hex)  # hypothesis seeds `random`: its names would repeat
    written = sorted({number for shard in shards for number in shard})
    for shard in shards:
        store.write([name(number) for number in shard], rows(shard))
    asked = data.draw(st.lists(st.sampled_from(written), max_size=40)) if written else []
    absent = data.draw(st.sets(st.integers(31, 40)))
    assert store.missing(map(name, [*asked, *absent])) == set(map(name, absent))
    if asked:
        read = store.read([name(number) for number in asked])
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, rows(asked))
    if absent:
        with pytest.raises(KeyError, match=f"{len(absent)} of"):
            store.read([name(number) for number in [*asked, *absent]])


def test_an_empty_store(store: FeatureStore) -> None:
    assert store.shards() == []
    assert store.missing([name(1)]) == {name(1)}
    with pytest.raises(KeyError):
        store.read([name(1)])


def test_shards_are_plain_parquet(store: FeatureStore) -> None:
    store.write([name(1), name(2)], rows([1, 2], width=5))
    (shard,) = store.shards()
    table = pq.read_table(shard)
    assert table["sha256"].to_pylist() == [bytes.fromhex(name(1)), bytes.fromhex(name(2))]
    np.testing.assert_array_equal(np.array(table["features"].to_pylist(), np.float32), rows([1, 2], width=5))
    assert [entry.name for entry in store.folder.iterdir()] == [shard.name]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    dtype=st.sampled_from(["float32", "float16"]),
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
def test_rows_of_any_shape(tmp_path: Path, dtype: Dtype, shape: tuple[int, ...], counts: list[int]) -> None:
    store = FeatureStore(tmp_path / uuid.uuid4().hex, dtype)
    total = sum(counts)
    values = np.random.default_rng(total).normal(size=(total, *shape)).astype(np.float32)
    names = [name(number) for number in range(total)]
    for start, count in zip(np.cumsum([0, *counts]), counts, strict=False):
        store.write(names[start : start + count], values[start : start + count])
    read = store.read([*names[::-1], names[0]])
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, np.concatenate([values[::-1], values[:1]]).astype(dtype))
    assert store.missing([*names, name(99)]) == {name(99)}


def test_float32_vectors_are_lists_and_all_else_is_bytes(tmp_path: Path) -> None:
    """As they were before there was a choice; and as documented, for other readers of Parquet."""
    vectors, maps = FeatureStore(tmp_path / "vectors"), FeatureStore(tmp_path / "maps", "float16")
    vectors.write([name(1)], rows([1]))
    assert str(pq.read_schema(vectors.shards()[0]).field("features").type) == "fixed_size_list<element: float>[3]"
    values = np.arange(12).reshape(1, 2, 2, 3)
    maps.write([name(1)], values)
    table = pq.read_table(maps.shards()[0])
    assert table.schema.metadata == {b"dtype": b"float16", b"shape": b"[2, 2, 3]"}
    assert table["features"].to_pylist() == [values.astype("<f2").tobytes()]


@pytest.mark.parametrize("value", [65505.0, -70000.0, np.inf])
def test_what_half_precision_cannot_hold_is_refused(tmp_path: Path, value: float) -> None:
    store = FeatureStore(tmp_path / "store", "float16")
    features = np.array([[1.0, value, 2.0]])
    with pytest.raises(InputError, match=r"do not fit half precision[\s\S]*float32"):
        store.write([name(1)], features)
    assert store.shards() == []
    FeatureStore(tmp_path / "single").write([name(1)], features)
    store.write([name(1)], np.array([[65504.0, -65504.0, 2.0]]))
    assert store.read([name(1)]).tolist() == [[65504.0, -65504.0, 2.0]]


def test_no_such_dtype() -> None:
    assert checked_dtype("float16") == "float16"
    with pytest.raises(InputError, match=r"float32 or float16[\s\S]*'int8'"):
        checked_dtype("int8")


@pytest.mark.parametrize("how", ["half", "values", "hashes"])
def test_a_damaged_shard_of_maps_is_dropped(tmp_path: Path, how: str) -> None:
    store = FeatureStore(tmp_path, "float16")
    store.write([name(3)], row(3).reshape(1, 1, 3))
    (shard,) = store.shards()
    damage(shard, how, row(3).astype(np.float16).tobytes())
    with pytest.raises(KeyError, match="1 of 1"):
        store.read([name(3)])
    assert not shard.exists()


def damage(shard: Path, how: str, values: bytes = row(3).tobytes()) -> None:
    content = bytearray(shard.read_bytes())
    if how == "empty":
        content = bytearray()
    elif how == "half":
        content = content[: len(content) // 2]
    elif how == "no end":
        content = content[:-3]
    elif how == "values":
        place = content.index(values)
        content[place + 1] ^= 64
    elif how == "hashes":
        content[content.index(bytes.fromhex(name(3)))] ^= 64
    elif how == "description":
        content[-200:-12] = bytes(188)
    shard.write_bytes(content)


@pytest.mark.parametrize("how", ["empty", "half", "no end", "values", "hashes", "description"])
def test_a_damaged_shard_is_dropped(store: FeatureStore, how: str) -> None:
    store.write([name(1), name(2)], rows([1, 2]))
    store.write([name(3)], rows([3]))
    damaged = next(shard for shard in store.shards() if pq.read_metadata(shard).num_rows == 1)
    damage(damaged, how)
    with pytest.raises(KeyError, match="1 of 2"):
        store.read([name(3), name(1)])
    assert not damaged.exists()
    assert store.missing([name(1), name(2), name(3)]) == {name(3)}
    store.write([name(3)], rows([3]))
    np.testing.assert_array_equal(store.read([name(3), name(1)]), rows([3, 1]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_shard_that_may_not_be_read_is_kept(store: FeatureStore) -> None:
    store.write([name(1)], rows([1]))
    (shard,) = store.shards()
    shard.chmod(0)
    with pytest.raises(PermissionError):
        store.missing([name(1)])
    assert shard.exists()


def test_unfinished_files_are_no_shards(store: FeatureStore) -> None:
    store.write([name(1)], rows([1]))
    (store.folder / ".unfinished-123-shard.parquet").write_bytes(b"half")
    assert len(store.shards()) == 1
    assert store.missing([name(1)]) == set()


def test_a_folder_named_like_a_column(tmp_path: Path) -> None:
    # Parquet readers take `key=value` in a path for a column of its own.
    store = FeatureStore(tmp_path / "sha256=7" / "features=8")
    store.write([name(1)], rows([1]))
    np.testing.assert_array_equal(store.read([name(1)]), rows([1]))


def test_for_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    store = FeatureStore.for_key("abc", {"backbone": "MobileNet"})
    about = features_folder() / "abc" / "store.json"
    assert store.folder == about.parent
    assert json.loads(about.read_text()) == {"backbone": "MobileNet", "dtype": "float32"}
    store.write([name(1)], np.zeros((1, 2, 3)))
    store.write([name(2)], np.zeros((1, 2, 3)))
    assert json.loads(about.read_text()) == {"backbone": "MobileNet", "dtype": "float32", "shape": [2, 3]}
    os.utime(about, (0, 0))
    assert FeatureStore.for_key("abc", {"backbone": "another"}) == store
    assert "MobileNet" in about.read_text()
    assert about.stat().st_mtime > 0


def test_a_cache_that_cannot_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(errno.EACCES, "not here")

    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(InputError, match=r"No permission to write .*store.json"):
        FeatureStore.for_key("abc", {})


WRITE = """
import sys, hashlib
import numpy as np
from pathlib import Path
from regraft.features.store import FeatureStore
store = FeatureStore(Path(sys.argv[1]))
for shard in range(int(sys.argv[2]), 60):
    numbers = range(10 * shard, 10 * shard + 10)
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]
    store.write(names, np.array([[number] * 4 for number in numbers]))
"""


def test_two_processes_write_while_a_third_reads(store: FeatureStore) -> None:
    command = [sys.executable, "-c", WRITE, str(store.folder)]
    writers = [subprocess.Popen([*command, start]) for start in ("0", "30")]
    while any(writer.poll() is None for writer in writers):
        there = sorted({name(number) for number in range(600)} - store.missing(map(name, range(600))))
        if there:
            assert store.read(there).shape == (len(there), 4)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(store.shards()) == 90
    np.testing.assert_array_equal(store.read(list(map(name, range(600))))[:, 0], np.arange(600))
