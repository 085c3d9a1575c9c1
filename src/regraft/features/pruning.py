"""What the cache holds, and how to make room."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regraft._files import cache_folder
from regraft.backbones.graph import graphs_folder
from regraft.backbones.weights import own_files
from regraft.features.store import FeatureStore, features_folder


@dataclass(frozen=True)
class CacheEntry:
    """One folder or file of the cache.

    Attributes:
        kind: `features`, `graph`, `weights`, `dataset`, or `unfinished`: what a process left that was killed.
        what: the backbone, up to which layer where it is cut at one, and for features the precision, and the view
            where it is not the plain one; the name of a file or data set.
        path: the folder or file.
        size: bytes on disk.
        images: rows of features; 0 for the other kinds.
        days: since it was last used.
    """

    kind: str
    what: str
    path: Path
    size: int
    images: int
    days: float


def cache_entries() -> list[CacheEntry]:
    """What regraft has put into the cache, the longest unused first.

    Weight files that a user has put into the cache under a name of regraft's own choosing are not among them.
    """
    entries = [_features(folder) for folder in _folders(features_folder())]
    entries += [_graph(folder) for folder in _folders(graphs_folder())]
    entries += [_plain("weights", path) for path in own_files()]
    entries += [_plain("dataset", folder) for folder in _folders(cache_folder() / "datasets")]
    entries += [_plain("unfinished", path) for path in _unfinished()]
    return sorted(entries, key=lambda entry: -entry.days)


def prune(older_than_days: float = 0.0) -> list[CacheEntry]:
    """Removes what has not been used for so many days (0: everything) and gives what was removed.

    What is unfinished goes only once it is a day old: before that, a process may be at work on it.
    """
    chosen = [entry for entry in cache_entries() if entry.days >= _least_days(entry, older_than_days)]
    for entry in chosen:
        if entry.path.is_dir():
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with suppress(OSError):
                entry.path.unlink()
                _noted_hash(entry.path).unlink(missing_ok=True)
    return [entry for entry in chosen if not entry.path.exists()]


def _least_days(entry: CacheEntry, older_than_days: float) -> float:
    if entry.kind != "unfinished":
        return older_than_days
    # Half a download can still be gone on with; the other leftovers are of no use to anybody.
    return max(1.0, older_than_days) if entry.path.suffix == ".part" else 1.0


def _unfinished() -> list[Path]:
    """Leftovers, the outermost only."""
    places = ("features", "graphs", "weights", "datasets")
    found = [
        path
        for place in places
        for sign in (".unfinished-*", "*.part")
        for path in (cache_folder() / place).rglob(sign)
    ]
    return [path for path in found if not any(parent.name.startswith(".unfinished-") for parent in path.parents)]


def _plain(kind: str, path: Path) -> CacheEntry:
    size = _size(path) + (_size(_noted_hash(path)) if kind == "weights" else 0)
    return CacheEntry(kind, path.name, path, size, 0, _days_since(path, read=kind == "weights"))


def _noted_hash(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."] if root.is_dir() else []


def _features(folder: Path) -> CacheEntry:
    about = _read_json(folder / "store.json")
    return CacheEntry(
        "features",
        _what(about),
        folder,
        _size(folder),
        sum(_rows(shard) for shard in FeatureStore(folder).shards()),
        _days_since(folder / "store.json"),
    )


def _base(about: dict[str, object]) -> str:
    cut = about.get("cut", "pooling")
    return f"{about.get('backbone', '?')}{'' if cut in ('pooling', 'last') else f' up to {cut}'}"


def _what(about: dict[str, object]) -> str:
    view = about.get("view", "plain")
    return f"{_base(about)}, {about.get('precision', '?')}{'' if view == 'plain' else f', view {view}'}"


def _rows(shard: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(shard).num_rows)
    except (pa.ArrowException, OSError):  # damaged, or removed just now
        return 0


def _graph(folder: Path) -> CacheEntry:
    about = _read_json(folder / "base.json")
    return CacheEntry("graph", _base(about), folder, _size(folder), 0, _days_since(folder / "base.json"))


def _read_json(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; leftovers in there count by themselves."""
    total = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        inside = file.relative_to(path).parts
        if any(part.startswith(".unfinished-") for part in inside) or (inside and file.suffix == ".part"):
            continue
        with suppress(OSError):  # removed just now
            total += file.stat().st_size if file.is_file() else 0
    return total


def _days_since(path: Path, *, read: bool = False) -> float:
    """Since a file was changed or, with `read` and where the disk keeps account of that, read."""
    try:
        status = path.stat()
    except OSError:
        return 0.0
    return max(0.0, time.time() - max(status.st_mtime, status.st_atime if read else 0.0)) / 86400
