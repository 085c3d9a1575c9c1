from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from regraft.cli.export import export
from regraft.deployment.exporting import ExportResult
from regraft.errors import InputError

RECORD: dict[str, Any] = {
    "format": "onnx",
    "precision": "f32",
    "file": "model.onnx",
    "any_size": True,
    "bytes": 13_972_101,
    "images": 202,
    "top1_agreement": 0.995,
    "differing": ["a\x1b[31m.jpg"],
    "ties": 1,
    "largest_difference": 2.4e-7,
    "accuracy": 0.93,
    "run_accuracy": 0.935,
    "recorded_agreement": 0.926,
    "whole_images": 12,
    "whole_difference": 0.003,
    "test": {"images": 199, "top1_agreement": 0.98, "largest_difference": 0.01, "accuracy": 0.92, "run_accuracy": 0.91},
    "test_gone": 3,
    "seconds": 4.0,
    "benchmark": {"ms_an_image": 9.5, "images_a_second": 111.4, "cores": 2, "speed_one": 0.9, "speed_batch": 1.25},
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command with what exports left out: gives the result, and what it was asked for."""
    asked: dict[str, Any] = {}

    def made(run: Path, names: list[str], **options: Any) -> ExportResult:
        asked.update(options, run=run, names=names)
        speed = {**RECORD["benchmark"], "speed_one": 1.0, "speed_batch": 1.0}
        return ExportResult(Path("out"), [RECORD], speed if options["benchmark"] else None, [Path("out/README.md")])

    monkeypatch.setattr("regraft.delivery_api.export", made)
    app = typer.Typer()
    app.command()(export)

    def invoke(*arguments: str) -> tuple[Result, dict[str, Any]]:
        return CliRunner().invoke(app, list(arguments)), asked

    return invoke


def test_formats_are_repeated_or_separated_by_commas(run: Any) -> None:
    result, asked = run("flowers", "--format", "onnx,openvino", "--format", "keras", "--precision", "f16")
    assert result.exit_code == 0
    assert asked["names"] == ["onnx", "openvino", "keras"]
    assert asked["precision"] == "f16"
    assert run("flowers")[1]["names"] == ["onnx"]


def test_it_shows_what_was_measured(run: Any) -> None:
    result, asked = run("flowers", "--benchmark", "--output", "out")
    assert asked["output"] == Path("out")
    row = next(line for line in result.stdout.splitlines() if line.startswith("model.onnx  "))
    assert row.split() == ["model.onnx", "14.0", "MB", "validation", "99.5", "%", "2.4e-07", "93.0", "%", "(93.5", "%)"]
    assert re.search(r"^ +test +98\.0 % +1\.0e-02  92\.0 % \(91\.0 %\)$", result.stdout, re.MULTILINE)
    for part in (
        "199 test images",
        "3 of the run's test images are gone",
        "202 validation images",
        "92.6 %",
        "at most 3.0e-03",
        "2 cores",
        "0.90, 1.25",
        "Folder  out",
    ):
        assert part in result.stdout
    assert "\\x1b[31m.jpg" in result.output
    assert "\x1b" not in result.output


def test_json_is_one_object(run: Any) -> None:
    content = json.loads(run("flowers", "--json")[0].stdout)
    assert content["exports"] == [RECORD]
    assert content["run_benchmark"] is None
    assert content["pushed"] is None


def test_the_folder_goes_to_the_hub(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from regraft.deployment.hub import PushPlan

    asked: dict[str, Any] = {}

    def push(folder: Path, repo: str, **options: Any) -> PushPlan:
        asked.update(options, folder=folder, repo=repo)
        return PushPlan(repo, True, [("README.md", 1_500_000)], ["no licence"], None)

    monkeypatch.setattr("regraft.deployment.hub.push", push)
    result, _ = run("flowers", "--push-to-hub", "me/flowers", "--dry-run")
    assert asked == {"folder": Path("out"), "repo": "me/flowers", "private": True, "dry_run": True}
    assert "1 file, 1.5 MB: me/flowers (a dry run: nothing was sent)" in result.stdout
    assert "no licence" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dry-run"], "--dry-run is about an upload"),
        (["--public"], "--push-to-hub REPO"),
        (["--push-to-hub", "a/b/c"], "no repositories of that name"),
    ],
)
def test_what_is_wrong_with_an_upload_is_said_before_the_export(run: Any, options: list[str], message: str) -> None:
    result, asked = run("flowers", *options)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert asked == {}


def test_a_format_that_there_is_not() -> None:
    app = typer.Typer()
    app.command()(export)
    result = CliRunner().invoke(app, ["nowhere", "--format", "caffe"])
    assert isinstance(result.exception, InputError)
    assert "openvino" in str(result.exception)
