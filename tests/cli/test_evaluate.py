from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from regraft.runs.folder import RunFolder


def test_evaluate_shows_every_class(regraft: Callable, photos_run: RunFolder, photos: Path) -> None:
    done = regraft("evaluate", photos_run.path, photos)
    assert done.code == 0
    assert done.out.startswith("Measured accuracy")
    assert all(name in done.out for name in ("red", "green", "blue"))
    assert "left out" in done.err
    content = json.loads(regraft("evaluate", photos_run.path, photos, "--json").out)
    assert content["accuracy"] == photos_run.metrics()["test"]["accuracy"]
