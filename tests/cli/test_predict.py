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


def test_predict_names_the_classes(regraft: Callable, run: RunFolder, photos: Path) -> None:
    image = next((photos / "red").iterdir())
    done = regraft("predict", run.path, image)
    assert done.code == 0
    assert done.out.startswith(f"{image}: red ")
    content = json.loads(regraft("predict", run.path, image, "--json").out)
    assert content["predictions"][0]["label"] == "red"
    assert set(content["predictions"][0]["probabilities"]) == {"red", "green", "blue"}


def test_predict_goes_on_past_a_bad_file(regraft: Callable, run: RunFolder, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("text")
    done = regraft("predict", run.path, tmp_path / "bad.jpg", next((photos / "red").iterdir()))
    assert done.code == 0
    assert "Left out" in done.err
    assert "bad.jpg" in done.err
    assert regraft("predict", run.path, tmp_path / "bad.jpg").code == 2
    assert regraft("predict", tmp_path, next((photos / "red").iterdir())).code == 2
