"""What the cache holds, and how to make room."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from regraft._files import cache_folder
from regraft.backbones.graph import graphs_folder
from regraft.features.store import FeatureStore, features_folder


@dataclass(frozen=True)
class CacheEntry:
    """One folder of the cache.

    Attributes:
        kind: `features` or `graph`.
        what: the backbone, and for features the precision.
        path: the folder.
        size: bytes on disk.
        images: rows of features; 0 for a graph.
        days: since it was last used.
    """

    kind: str
    what: str
    path: Path
    size: int
    images: int
    days: float


def cache_entries() -> list[CacheEntry]:
    """The folders of features and graphs, the longest unused first."""
    entries = [_features(folder) for folder in _folders(features_folder())]
    entries += [_graph(folder) for folder in _folders(graphs_folder())]
    return sorted(entries, key=lambda entry: -entry.days)


def prune(older_than_days: float = 0.0) -> list[CacheEntry]:
    """Removes what has not been used for so many days (0: everything) and gives what was removed.

    Unfinished folders and files of processes that were killed go too, once they are a day old.
    """
    chosen = [entry for entry in cache_entries() if entry.days >= older_than_days]
    for entry in chosen:
        shutil.rmtree(entry.path, ignore_errors=True)
    for root in (features_folder(), graphs_folder(), cache_folder() / "weights"):
        for left in list(root.rglob(".unfinished-*")):
            if left.exists() and _days_since(left) > 1:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    return [entry for entry in chosen if not entry.path.exists()]


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."] if root.is_dir() else []


def _features(folder: Path) -> CacheEntry:
    about = _read_json(folder / "store.json")
    return CacheEntry(
        "features",
        f"{about.get('backbone', '?')}, {about.get('precision', '?')}",
        folder,
        _size(folder),
        sum(_rows(shard) for shard in FeatureStore(folder).shards()),
        _days_since(folder / "store.json"),
    )


def _rows(shard: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(shard).num_rows)
    except (pa.ArrowException, OSError):  # damaged, or removed just now
        return 0


def _graph(folder: Path) -> CacheEntry:
    about = _read_json(folder / "base.json")
    return CacheEntry(
        "graph", str(about.get("backbone", "?")), folder, _size(folder), 0, _days_since(folder / "base.json")
    )


def _read_json(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _days_since(path: Path) -> float:
    return max(0.0, time.time() - path.stat().st_mtime) / 86400 if path.exists() else 0.0
