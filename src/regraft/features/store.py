"""The cache of features on disk: what was computed once is never computed again.

A store is one folder for one function of an image (base, precision, view); rows are addressed by the image's content
hash. Every shard is a Parquet file of its own name, written whole or not at all, so two processes can add to one store
at the same time and a killed one loses only the shard it was filling. The same row in two shards is the same row.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._files import atomic_path, cache_folder, explained_disk_errors, write_text


def features_folder() -> Path:
    """Where the stores are kept, a folder for each."""
    return cache_folder() / "features"


@dataclass(frozen=True)
class FeatureStore:
    """One folder of shards with the columns `sha256` (32 bytes) and `features` (float32, fixed length).

    Attributes:
        folder: named by the hash of what computes the features.
    """

    folder: Path

    @classmethod
    def for_key(cls, key: str, description: dict[str, Any]) -> FeatureStore:
        """Opens (or begins) the store named `key`; `description` is kept beside the shards for people to read."""
        folder = features_folder() / key
        about = folder / "store.json"
        with explained_disk_errors(about):
            if not about.is_file():
                write_text(about, json.dumps(description, indent=2))
        with suppress(OSError):  # a cache that may only be read still serves
            os.utime(about)  # when it was last used, for pruning
        return cls(folder)

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

    def read(self, hashes: Sequence[str]) -> npt.NDArray[np.float32]:
        """Gives the features of images in the order asked for.

        Args:
            hashes: SHA-256 of the images' content; may repeat.

        Returns:
            (len(hashes), width) float32.

        Raises:
            KeyError: a hash that no shard holds.
        """
        places: dict[str, list[int]] = {}
        for place, name in enumerate(hashes):
            places.setdefault(name, []).append(place)
        matrix: npt.NDArray[np.float32] | None = None
        for shard in self.shards():
            if not places:
                break
            if (table := _read(shard, None)) is None:
                continue
            names = [value.hex() for value in table["sha256"].to_pylist()]
            found = [(row, name) for row, name in enumerate(names) if name in places]
            if not found:
                continue
            column = table["features"].combine_chunks()
            rows = np.asarray(column.flatten(), dtype=np.float32).reshape(len(table), column.type.list_size)
            if matrix is None:
                matrix = np.empty((len(hashes), rows.shape[1]), np.float32)
            for row, name in found:
                matrix[places.pop(name, [])] = rows[row]
        if places or matrix is None:
            raise KeyError(f"{len(places)} of {len(hashes)} images have no features in {self.folder}")
        return matrix

    def write(self, hashes: Sequence[str], features: npt.NDArray[np.float32]) -> None:
        """Adds a shard.

        Args:
            hashes: SHA-256 of the images' content.
            features: (len(hashes), width).
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        values = np.ascontiguousarray(features, dtype=np.float32)
        table = pa.table(
            {
                "sha256": pa.array([bytes.fromhex(name) for name in hashes], pa.binary(32)),
                "features": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1]),
            }
        )
        with atomic_path(self.folder / f"{uuid.uuid4().hex}.parquet") as temporary:
            pq.write_table(
                table,
                temporary,
                compression="none",
                use_dictionary=False,
                write_statistics=False,
                write_page_checksum=True,
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
