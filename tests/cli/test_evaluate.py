from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from regraft.api import train
from regraft.runs.folder import RunFolder


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(photos, output=tmp_path_factory.mktemp("runs") / "run", settings={"head": {"epochs": 20}})


def test_evaluate_shows_every_class(regraft: Callable, run: RunFolder, photos: Path) -> None:
    done = regraft("evaluate", run.path, photos)
    assert done.code == 0
    assert done.out.startswith("Measured accuracy")
    assert all(name in done.out for name in ("red", "green", "blue"))
    assert "left out" in done.err
    content = json.loads(regraft("evaluate", run.path, photos, "--json").out)
    assert content["accuracy"] == run.metrics()["test"]["accuracy"]
