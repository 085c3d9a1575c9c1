from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from regraft.cli.rank import rank
from regraft.errors import InputError
from regraft.evaluation.intervals import wilson_interval
from regraft.images.labelled import SkippedFile
from regraft.transfer import ranking as ranking_file
from regraft.transfer.ranked import RankedBackbone, Ranking
from regraft.transfer.ranking_findings import agreements, differences


def found(within: float | None = None, folds: int = 5) -> Ranking:
    right = [np.arange(100) < 90, np.arange(100) < 88]
    rows = tuple(
        RankedBackbone(
            name=name, size=(224, 224), accuracy=float(one.mean()), accuracy_interval=wilson_interval(one.sum(), 100),
            neighbour_accuracy=0.85, log_me=log_me, h_score=3.7, plain_h_score=4.0, top1=top1, features=1280,
            parameters=3_413_024, size_mb=13.02, macs=macs, ms_per_image=ms, precision="f32", computed=0,
            on_front=True, seconds={"features": 1.0}, right=one,
        )
        for name, one, log_me, top1, macs, ms in (
            ("EfficientNetLite0", right[0], 0.03, 75.1, 383_907_552, 20.6),
            ("MobileNetV2-0.35", right[1], -0.01, None, None, 2.2),
        )
    )  # fmt: skip
    accuracies = [row.accuracy for row in rows]
    return Ranking(
        images=100, classes=("a", "b"), folds=folds, backbones=rows,
        differences=tuple(differences([row.name for row in rows], right)),
        agreement=agreements(accuracies, {"log_me": [0.03, -0.01], "top1": [75.1, None]}),
        not_tried=("Xception",) if within else (), failed=(SkippedFile("AlexNet", "no weights"),),
        skipped=(SkippedFile("x\x1b.jpg", "truncated"),), within=within, seconds=3.2,
    )  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the job was asked for; it answers at once."""
    asked: dict[str, Any] = {}

    def job(images: Any, **options: Any) -> Ranking:
        asked.update(options, images=images.name)
        return found(30.0 if options["within"] else None, folds=3 if options["seed"] else 5)

    monkeypatch.setattr(ranking_file, "rank_backbones", job)
    return asked


def run(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(rank)
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_table(asked: dict[str, Any], photos: Path) -> None:
    done = run(photos, "--backbone", "EfficientNetLite0", "--backbone", "MobileNetV2-0.35", "--within", "30s")
    assert done.exit_code == 0, done.output
    assert (asked["images"], asked["candidates"]) == ("photos", ["EfficientNetLite0", "MobileNetV2-0.35"])
    lines = done.stdout.splitlines()
    assert lines[2].split() == [
        "*",
        "EfficientNetLite0",
        "90.0",
        "%",
        "82.6",
        "to",
        "94.5",
        "%",
        "85.0",
        "%",
        "0.030",
        "3.70",
        "75.1",
        "3.4",
        "M",
        "13.0",
        "384",
        "M",
        "20.6",
    ]
    assert lines[3].split()[-6:] == ["-", "3.4", "M", "13.0", "-", "2.2"]
    for words in (
        "EfficientNetLite0 and MobileNetV2-0.35: no difference that can be shown (+2.0 points, p 0.5)",
        "Not tried, as they would not have fitted into 30 s: Xception",
        "Could not be measured: AlexNet: no weights",
        "over the 1 that have one",
    ):
        assert words in done.stdout
    assert "x\\x1b.jpg (truncated)" in done.stderr


def test_fewer_parts_are_said(asked: dict[str, Any], photos: Path) -> None:
    done = run(photos, "--seed", 1)
    assert asked["candidates"] is None
    assert "3-fold" in done.stdout
    assert "Only 3 parts, in place of 5" in done.stderr


def test_json_and_the_figure(asked: dict[str, Any], photos: Path, tmp_path: Path) -> None:
    figure = tmp_path / "front.svg"
    done = run(photos, "--json", "--figure", figure)
    content = json.loads(done.stdout)
    assert content["backbones"][0]["name"] == "EfficientNetLite0"
    assert content["figure"] == str(figure)
    assert figure.read_text().rstrip().endswith("</svg>")


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--within", "soon"), "time cannot be read"), (("--figure", "a.png"), "drawn as SVG")],
)
def test_what_is_refused(options: tuple[str, str], words: str, photos: Path, asked: dict[str, Any]) -> None:
    done = run(photos, *options)
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)
    assert not asked
