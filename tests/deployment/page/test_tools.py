from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from regraft.deployment.page.tools import Toolbox, Tools
from regraft.deployment.server.problems import RequestError
from regraft.runs.corrections import Corrections
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor


def model(predictor: Predictor, name: str = "small") -> Any:
    return SimpleNamespace(name=name, predictor=predictor)


def test_a_model_keeps_its_tools_until_another_run_takes_its_place(small_run: RunFolder) -> None:
    box = Toolbox(None, 1000)
    first = Predictor(small_run)
    tools = box.of(model(first))
    assert box.of(model(first)) is tools
    assert box.of(model(first, "other")) is not tools
    newer = box.of(model(Predictor(small_run)))
    assert newer is not tools
    assert tools.neighbours._stopped.is_set()


def test_a_picture_is_explained_from_its_bytes(small_predictor: Predictor, photos: Path) -> None:
    content = (photos / "red" / "01.jpg").read_bytes()
    heat = Tools(small_predictor, 10_000).explain(content, 0)
    assert np.isfinite(heat.values).all()
    for tools, image, index in (
        (Tools(small_predictor, 10_000), b"no image", 0),
        (Tools(small_predictor, 10_000), content, 3),
        (Tools(small_predictor, 100), content, 0),
    ):
        with pytest.raises(RequestError) as caught:
            tools.explain(image, index)
        assert caught.value.status == 400


def test_threads_that_ask_at_once_share_tools_and_corrections(
    small_predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(folder: Path) -> Corrections:
        time.sleep(0.02)
        return Corrections(folder)

    monkeypatch.setattr("regraft.deployment.page.tools.Corrections", slow)
    box = Toolbox(tmp_path, 10_000)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: box.corrections(model(small_predictor)), range(4)))
        tools = list(threads.map(lambda _: box.of(model(small_predictor)), range(4)))
    assert len({id(each) for each in found}) == len({id(each) for each in tools}) == 1


def test_each_model_has_a_folder_of_corrections(small_predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    content = (photos / "red" / "01.jpg").read_bytes()
    box = Toolbox(tmp_path / "kept", 10_000)
    kept = box.correct(model(small_predictor), content, "blue")
    assert kept.path.parent == tmp_path / "kept" / "small" / "blue"
    assert len(box.corrections(model(small_predictor)) or ()) == 1
    assert len(box.corrections(model(small_predictor, "other")) or ()) == 0
    with pytest.raises(RequestError) as caught:
        box.correct(model(small_predictor), b"no image", "blue")
    assert caught.value.status == 400
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RequestError) as caught:
        Toolbox(tmp_path / "file", 10_000).correct(model(small_predictor), content, "blue")
    assert caught.value.status == 507
    with pytest.raises(RequestError) as caught:
        Toolbox(None, 10_000).correct(model(small_predictor), content, "blue")
    assert caught.value.status == 404
