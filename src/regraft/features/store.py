"""The cache of features on disk: what was computed once is never computed again.

A store is one folder for one function of an image (base, precision, view); rows are addressed by the image's content
hash. Every shard is a Parquet file of its own name, written whole or not at all, so two processes can add to one store
at the same time and a killed one loses only the shard it was filling. The same row in two shards is the same row.

Vectors in float32 are lists of numbers, which every reader of Parquet shows as such. Maps, and everything in half
precision, are the bytes of the row (little-endian, C order), which are written and read some ten times as fast; their
dtype and shape stand in the file's own metadata, and in `store.json` for people.
"""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from regraft._files import atomic_path, cache_folder, explained_disk_errors, write_text
from regraft.errors import InputError

Dtype = Literal["float32", "float16"]
Features = npt.NDArray[Any]
"""float32 or float16, as the store's dtype says."""

LARGEST_HALF = 65504.0
"""The largest number in half precision (IEEE 754 binary16)."""


def features_folder() -> Path:
    """Where the stores are kept, a folder for each."""
    return cache_folder() / "features"


def checked_dtype(dtype: str) -> Dtype:
    """The dtype itself.

    Raises:
        InputError: features are not stored in it.
    """
    for known in get_args(Dtype):
        if dtype == known:
            return known  # type: ignore[no-any-return]
    raise InputError("Features are not stored so.", expected=" or ".join(get_args(Dtype)), received=repr(dtype))


@dataclass(frozen=True)
class FeatureStore:
    """One folder of shards with the columns `sha256` (32 bytes) and `features` (one row an image).

    Attributes:
        folder: named by the hash of what computes the features.
        dtype: what the rows are stored in.
    """

    folder: Path
    dtype: Dtype = "float32"

    @classmethod
    def for_key(cls, key: str, description: dict[str, Any], dtype: Dtype = "float32") -> FeatureStore:
        """Opens (or begins) the store named `key`; `description` is kept beside the shards for people to read."""
        folder = features_folder() / key
        about = folder / "store.json"
        with explained_disk_errors(about):
            if not about.is_file():
                write_text(about, json.dumps({**description, "dtype": dtype}, indent=2))
        with suppress(OSError):  # a cache that may only be read still serves
            os.utime(about)  # when it was last used, for pruning
        return cls(folder, dtype)

    def shards(self) -> list[Path]:
        """The finished shards, in the order of their names."""
        return sorted(path for path in self.folder.glob("*.parquet") if not path.name.startswith("."))

    def missing(self, hashes: Iterable[str]) -> set[str]:
        """Those of the hashes that no shard holds."""
        wanted = set(hashes)
        for shard in self.shards():
            if not wanted:
                break
            if (table := _read(shard, ["sha256"])) is not None:
                wanted.difference_update(value.hex() for value in table["sha256"].to_pylist())
        return wanted

    def read(self, hashes: Sequence[str]) -> Features:
        """Gives the features of images in the order asked for.

        Args:
            hashes: SHA-256 of the images' content; may repeat.

        Returns:
            (len(hashes), *shape of one image's features) in the store's dtype.

        Raises:
            KeyError: a hash that no shard holds.
        """
        places: dict[str, list[int]] = {}
        for place, name in enumerate(hashes):
            places.setdefault(name, []).append(place)
        result: Features | None = None
        for shard in self.shards():
            if not places:
                break
            if (table := _read(shard, None)) is None:
                continue
            names = [value.hex() for value in table["sha256"].to_pylist()]
            found = [(row, name) for row, name in enumerate(names) if name in places]
            if not found:
                continue
            rows = _rows_of(table)
            if result is None:
                result = np.empty((len(hashes), *rows.shape[1:]), self.dtype)
            for row, name in found:
                result[places.pop(name, [])] = rows[row]
        if places or result is None:
            raise KeyError(f"{len(places)} of {len(hashes)} images have no features in {self.folder}")
        return result

    def write(self, hashes: Sequence[str], features: npt.NDArray[Any]) -> None:
        """Adds a shard.

        Args:
            hashes: SHA-256 of the images' content.
            features: (len(hashes), *shape).

        Raises:
            InputError: the store is in half precision and a number is too large for that; or the disk is full.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.dtype == "float16":
            _check_half(features)
        values = np.ascontiguousarray(features, dtype=np.dtype(self.dtype).newbyteorder("<"))
        shape = values.shape[1:]
        if self.dtype == "float32" and len(shape) == 1:
            metadata = None
            column = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), shape[0])
        else:
            metadata = {"dtype": self.dtype, "shape": json.dumps(shape)}
            kind = pa.binary(math.prod(shape) * values.itemsize)
            column = pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
        names = pa.array([bytes.fromhex(name) for name in hashes], pa.binary(32))
        table = pa.table({"sha256": names, "features": column}).replace_schema_metadata(metadata)
        self._note_shape(shape)
        with atomic_path(self.folder / f"{uuid.uuid4().hex}.parquet") as temporary:
            pq.write_table(
                table,
                temporary,
                compression="none",
                use_dictionary=False,
                write_statistics=False,
                write_page_checksum=True,
            )

    def _note_shape(self, shape: tuple[int, ...]) -> None:
        """Adds the shape of one row to `store.json`, once."""
        about = self.folder / "store.json"
        with suppress(OSError, ValueError):  # it is there for people: rows are read without it
            known = json.loads(about.read_text(encoding="utf-8"))
            if "shape" not in known:
                write_text(about, json.dumps({**known, "shape": shape}, indent=2))


def _rows_of(table: Any) -> npt.NDArray[Any]:
    """The features of a shard, (rows, *shape)."""
    column = table["features"].combine_chunks()
    metadata = table.schema.metadata or {}
    if b"shape" not in metadata:
        return np.asarray(column.flatten(), np.float32).reshape(len(table), column.type.list_size)
    kind = np.dtype(metadata[b"dtype"].decode()).newbyteorder("<")
    shape = json.loads(metadata[b"shape"])
    values = np.frombuffer(column.buffers()[1], kind, len(table) * math.prod(shape), column.offset * math.prod(shape))
    return values.reshape(len(table), *shape)


def _check_half(features: npt.NDArray[Any]) -> None:
    largest = max(float(features.max(initial=0.0)), -float(features.min(initial=0.0)))
    if largest > LARGEST_HALF:
        raise InputError(
            "The activations do not fit half precision.",
            expected=f"none beyond ±{LARGEST_HALF:,.0f}",
            received=f"{largest:,.0f}",
            hint="store them in float32, which takes twice the room",
        )


def _read(shard: Path, columns: list[str] | None) -> Any:
    """A shard's table; None if it was pruned meanwhile or is damaged (then it is removed, to be computed anew)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(shard, page_checksum_verification=True) as file:
            return file.read(columns)
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):  # the disk's fault or a permission, not the shard's
            raise
        shard.unlink(missing_ok=True)
        return None
