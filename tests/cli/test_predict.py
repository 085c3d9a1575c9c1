from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from regraft.runs import bulk
from regraft.runs.folder import RunFolder


def test_predict_names_the_classes(regraft: Callable, photos_run: RunFolder, photos: Path) -> None:
    image = next((photos / "red").iterdir())
    done = regraft("predict", photos_run.path, image)
    assert done.code == 0
    assert done.out.startswith(f"{image}: red ")
    content = json.loads(regraft("predict", photos_run.path, image, "--json").out)
    assert content["predictions"][0]["label"] == "red"
    assert set(content["predictions"][0]["probabilities"]) == {"red", "green", "blue"}


def test_predict_goes_on_past_a_bad_file(
    regraft: Callable, photos_run: RunFolder, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.jpg").write_text("text")
    done = regraft("predict", photos_run.path, tmp_path / "bad.jpg", next((photos / "red").iterdir()))
    assert done.code == 0
    assert "Left out" in done.err
    assert "bad.jpg" in done.err
    assert regraft("predict", photos_run.path, tmp_path / "bad.jpg").code == 2
    assert regraft("predict", tmp_path, next((photos / "red").iterdir())).code == 2


def test_folders_patterns_and_stdin(
    regraft: Callable, photos_run: RunFolder, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(*images: object) -> list[str]:
        done = regraft("predict", photos_run.path, *images, "--top", 1)
        assert done.code == 0
        return [line.rsplit(": ", 1)[0] for line in done.out.splitlines()]

    red = [str(path) for path in sorted((photos / "red").iterdir())]
    blue = [str(path) for path in sorted((photos / "blue").glob("0*.jpg"))]
    assert answered(photos / "red") == red
    assert answered(f"{photos}/blue/0*.jpg", red[3]) == [*blue, red[3]]
    for end in ("\n", "\r\n", "\0"):
        names = io.TextIOWrapper(io.BytesIO(os.fsencode("".join(f"{name}{end}" for name in blue))))
        monkeypatch.setattr(sys, "stdin", names)
        assert answered(red[0], "-", red[1]) == [red[0], *blue, red[1]]
    done = regraft("predict", photos_run.path, red[0], photos / "red" / ".." / "red" / "00.jpg")
    assert len(done.out.splitlines()) == 1
    assert "1 images were named more than once" in done.err


def test_all_answers_go_to_a_file(regraft: Callable, photos_run: RunFolder, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    for number in range(12):
        (tmp_path / "photos" / f"bad{number:02}.jpg").write_text("text")
    output = tmp_path / "answers.parquet"
    done = regraft("predict", photos_run.path, tmp_path / "photos", "--output", output)
    assert done.code == 0
    assert done.out.startswith(f"75 images answered in {output}")
    assert sum("Left out" in line for line in done.err.splitlines()) == 10
    assert "… and 2 more, 12 in all." in done.err
    assert "answers.skipped.csv" in done.err
    table = pq.read_table(output)
    again = regraft("predict", photos_run.path, tmp_path / "photos", "--output", output, "--json")
    assert "Replaced" in again.err
    content = json.loads(again.out)
    labels = table["label"].to_pylist()
    assert content["labels"] == Counter(labels)
    assert (content["images"], content["skipped"]) == (75, 12)
    # The same answers on stdout, one object of them all.
    told = json.loads(regraft("predict", photos_run.path, tmp_path / "photos", "--json").out)
    assert [answer["label"] for answer in told["predictions"]] == labels
    assert len(told["skipped"]) == 12


def test_what_cannot_be_done_is_refused(regraft: Callable, photos_run: RunFolder, photos: Path, tmp_path: Path) -> None:
    assert regraft("predict", photos_run.path, photos, "--output", tmp_path / "answers.xlsx").code == 2
    for images in (tmp_path, tmp_path / "none*"):
        for options in ([], ["--json"], ["--output", tmp_path / "answers.csv"]):
            done = regraft("predict", photos_run.path, images, *options)
            assert (done.code, done.out) == (2, "")
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_where_the_answers_are(
    regraft: Callable, photos_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(predictor: SimpleNamespace, files: list[str]) -> Iterator[bulk.Answered]:
        yield bulk.Answered(files[:2], predictor.made, [])
        raise KeyboardInterrupt

    made = SimpleNamespace(run=photos_run, classes=photos_run.classes(), made=np.full((2, 3), 1 / 3, np.float32))
    monkeypatch.setattr(bulk, "open_predictor", lambda *given: made)
    monkeypatch.setattr(bulk, "predict_files", stopped)
    done = regraft("predict", photos_run.path, "a.jpg", "b.jpg", "c.jpg", "--output", tmp_path / "answers.csv")
    assert done.code == 130
    assert f"Stopped after 2 of 3 images: the answers until then are in {tmp_path / 'answers.partial.csv'}" in done.err
    assert not (tmp_path / "answers.csv").exists()
