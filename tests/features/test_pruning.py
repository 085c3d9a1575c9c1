import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.graph import graphs_folder
from regraft.features.pruning import cache_entries, prune
from regraft.features.store import FeatureStore

DAY = 86400


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Features used 10 days and just now, a graph used 5 days ago."""
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    for key, days in (("old", 10), ("new", 0)):
        store = FeatureStore.for_key(key, {"backbone": f"{key}Net", "precision": "f32"})
        store.write(["00" * 32, "11" * 32], np.zeros((2, 4)))
        store.write(["22" * 32], np.zeros((1, 4)))
        age(store.folder / "store.json", days)
    graph = graphs_folder() / "graph"
    graph.mkdir(parents=True)
    (graph / "base.xml").write_text("x" * 1000)
    (graph / "base.json").write_text(json.dumps({"backbone": "midNet"}))
    age(graph / "base.json", 5)
    return tmp_path


def age(path: Path, days: float) -> None:
    os.utime(path, (time.time() - days * DAY,) * 2)


def test_cuts_and_views_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    about = {"backbone": "Net", "precision": "f32"}
    FeatureStore.for_key("pooled", {**about, "cut": "pooling", "view": "plain"})
    store = FeatureStore.for_key("maps", {**about, "cut": "block3_add", "view": "0123-2"}, "float16")
    store.write(["00" * 32, "11" * 32], np.zeros((2, 3, 3, 4)))
    graph = graphs_folder() / "graph"
    graph.mkdir(parents=True)
    (graph / "base.json").write_text(json.dumps({"backbone": "my.keras", "cut": "add_7"}))
    assert {entry.what: entry.images for entry in cache_entries()} == {
        "Net, f32": 0,
        "Net up to block3_add, f32, view 0123-2": 2,
        "my.keras up to add_7": 0,
    }
    assert len(prune()) == 3
    assert not store.folder.exists()


@pytest.mark.usefixtures("cache")
def test_entries_the_longest_unused_first() -> None:
    entries = cache_entries()
    assert [(entry.kind, entry.what, entry.images, round(entry.days)) for entry in entries] == [
        ("features", "oldNet, f32", 3, 10),
        ("graph", "midNet", 0, 5),
        ("features", "newNet, f32", 3, 0),
    ]
    for entry in entries:
        assert entry.size == sum(path.stat().st_size for path in entry.path.iterdir())
        assert entry.size > 200


def test_pruning_by_age(cache: Path) -> None:
    assert [entry.what for entry in prune(7)] == ["oldNet, f32"]
    assert [entry.what for entry in cache_entries()] == ["midNet", "newNet, f32"]
    assert prune(7) == []
    assert len(prune()) == 2
    assert cache_entries() == []
    assert sorted(path.name for path in cache.iterdir()) == ["features", "graphs"]


def test_what_killed_processes_left_goes_after_a_day(cache: Path) -> None:
    left = []
    for folder in ("features/new", "graphs", "weights", "datasets"):
        (cache / folder).mkdir(exist_ok=True)
        for days in (0, 2):
            for kind in ("file", "folder"):
                path = cache / folder / f".unfinished-{kind}-{days}"
                if kind == "file":
                    path.write_text("half")
                else:
                    (path / ".unfinished-inside").mkdir(parents=True)
                    age(path / ".unfinished-inside", days)
                age(path, days)
                left.append(path)
    assert sum(entry.kind == "unfinished" for entry in cache_entries()) == len(left)
    assert {entry.path for entry in prune(100)} == {path for path in left if path.name.endswith("2")}
    assert [path for path in left if path.exists()] == [path for path in left if path.name.endswith("0")]
    assert sum(entry.kind != "unfinished" for entry in cache_entries()) == 3


def test_weights_and_data_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))
    weights, own = tmp_path / "weights" / "efficientnetb0_notop.h5", tmp_path / "weights" / "the_users_own.h5"
    for path in (weights, weights.with_name(f"{weights.name}.sha256"), own, tmp_path / "datasets" / "mnist" / "file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    part = tmp_path / "datasets" / "flowers" / "archive.part"
    part.parent.mkdir()
    part.write_text("half")
    age(weights, 5)
    age(part, 2)
    age(part.parent, 3)
    assert [(entry.kind, entry.what, entry.size) for entry in cache_entries()] == [
        ("weights", weights.name, 14),
        ("dataset", "flowers", 0),
        ("unfinished", "archive.part", 4),
        ("dataset", "mnist", 7),
    ]
    assert [entry.kind for entry in prune(4)] == ["weights"]
    assert part.exists()  # the download can still be gone on with
    assert len(prune()) == 3
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]


def test_a_cache_that_is_empty_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "none"))
    assert cache_entries() == prune() == []
    store = FeatureStore.for_key("key", {})
    (store.folder / "store.json").write_text("[half of a")
    (store.folder / "shard.parquet").write_text("no Parquet")
    (store.folder.parent / "stray file").write_text("")
    graph = graphs_folder() / "graph"
    graph.mkdir(parents=True)
    assert {(entry.what, entry.images) for entry in cache_entries()} == {("?, ?", 0), ("?", 0)}
    assert len(prune()) == 2
