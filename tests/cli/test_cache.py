from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_studies import leave_out_the_model


def test_the_cache_is_shown_and_pruned(
    regraft: Callable, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    leave_out_the_model(monkeypatch)
    assert regraft("cache").code == 0
    regraft("train", photos, "--output", tmp_path / "run", "--epochs", 5)
    entries = json.loads(regraft("cache", "--json").out)["entries"]
    assert {entry["kind"] for entry in entries} == {"features", "graph", "weights"}
    assert next(e for e in entries if e["kind"] == "features")["images"] == len(list(photos.rglob("*.jpg")))
    assert json.loads(regraft("cache", "--prune", "--older-than", 1, "--json").out)["removed"] == []
    assert len(json.loads(regraft("cache", "--prune", "--json").out)["removed"]) == 3
    assert json.loads(regraft("cache", "--json").out)["entries"] == []
    assert "In all 0.0 MB" in regraft("cache").out
    done = regraft("cache", "--older-than", 3)
    assert done.code == 2
    assert "regraft cache --prune --older-than 3" in done.err
