from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.features.space import bytes_needed, check_disk, free_bytes, size_text
from regraft.features.store import FeatureStore


def test_bytes_needed() -> None:
    # Eight views and the plain one of 500 images, 14 × 14 × 112 numbers of two bytes, and 64 bytes for each row.
    assert bytes_needed(500, 9, (14, 14, 112), "float16") == 4500 * (2 * 21_952 + 64) == 197_856_000
    assert bytes_needed(600, 1, (1280,)) == 600 * (4 * 1280 + 64)
    assert bytes_needed(0, 9, (14, 14, 112)) == 0


@pytest.mark.parametrize(("shape", "dtype"), [((14, 14, 16), "float16"), ((1280,), "float32"), ((5,), "float16")])
def test_no_shard_takes_more_than_foretold(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    store = FeatureStore(tmp_path, dtype)  # type: ignore[arg-type]
    store.write([f"{number:064x}" for number in range(256)], np.zeros((256, *shape)))
    (shard,) = store.shards()
    assert 0.7 * shard.stat().st_size < bytes_needed(256, 1, shape, dtype) * 1.02
    assert shard.stat().st_size < bytes_needed(256, 1, shape, dtype) * 1.02 + 2000


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0.0 kB"), (9_600, "9.6 kB"), (351_232_000, "351 MB"), (9_940_000, "9.9 MB"), (9_960_000, "10 MB"),
        (999_400_000, "999 MB"), (999_600_000, "1.0 GB"), (1_240_000_000, "1.2 GB"), (43_000_000_000, "43 GB"),
        (4_300_000_000_000, "4,300 GB"),
    ],
)  # fmt: skip
def test_sizes_in_words(size: int, text: str) -> None:
    assert size_text(size) == text


def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "not" / "there"))
    assert free_bytes(tmp_path / "not" / "there") == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_000_000_000))
    check_disk(0)
    check_disk(900_000_000)
    with pytest.raises(InputError) as raised:
        check_disk(950_000_000)
    message = str(raised.value)
    for part in ("950 MB", "1.0 GB free where", "Received: 1.0 GB free", "fewer views", "later cut", "REGRAFT_CACHE"):
        assert part in message
    assert str(tmp_path / "not" / "there") in message
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10_000_000))
    check_disk(0)  # nothing is missing: nothing is to be written
    with pytest.raises(InputError):
        check_disk(1000)  # nearly full is full
