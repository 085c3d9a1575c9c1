from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from regraft.cli.adapt import adapt
from regraft.errors import InputError
from regraft.transfer.adaptation import job


@dataclass
class Made:
    facts: dict[str, Any]


def facts(measured: int = 100) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for name, title, what, accuracy, kind in (
        ("source-only", "source alone", "baseline", 0.6, None),
        ("importance-weighting", "importance weighting", "instances", 0.5, "hurts"),
        ("coral", "CORAL", "features", 0.75, "helps"),
    ):
        row: dict[str, Any] = {"name": name, "title": title, "what": what, "scores": {"there_and_back": accuracy}}
        if measured:
            row["measured"] = {"accuracy": accuracy, "accuracy_interval": [accuracy - 0.1, accuracy + 0.1]}
            row["against"] = {"source-only": {"difference": accuracy - 0.6, "kind": kind}} if kind else {}
        rows.append(row)
    return {
        "source": {"name": "flowers\x1b[2J", "images": 400},
        "target": {"name": "night", "adapted_to": 90, "labelled": 0, "measured": measured},
        "classes": ["a", "b"],
        "labels_per_class": 0,
        "told_apart": {"accuracy": 0.97, "accuracy_interval": [0.9, 1.0], "images": 180},
        "methods": rows,
        "chosen": {"method": "coral", "title": "CORAL", "by": "there and back"},
        "verdict": {"source-only": {"text": "CORAL helps: 15.0 percentage points more."}} if measured else None,
        "skipped": [{"file": "source: x.jpg", "reason": "empty file"}],
    }


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Result, dict[str, Any]]]:
    """Runs the command on an adaptation that is made up; gives what it was asked for, too."""

    def call(*arguments: str, measured: int = 100) -> tuple[Result, dict[str, Any]]:
        asked: dict[str, Any] = {}

        def made(source: str, target: str, **options: Any) -> Made:
            asked.update(options, source=source, target=target)
            return Made(facts(measured))

        monkeypatch.setattr(job, "adapt_domains", made)
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(adapt)
        return CliRunner().invoke(app, list(arguments)), asked

    return call


def test_it_says_what_helps_and_what_hurts(run: Callable[..., tuple[Result, dict[str, Any]]]) -> None:
    done, asked = run("flowers", "night", "--labels", "5", "--method", "coral", "--classes", "a,b", "--seed", "2")
    assert done.exit_code == 0, done.output
    assert "* CORAL" in done.stdout
    assert "75.0 % (65.0 % to 85.0 %)  +15.0 helps" in done.stdout
    assert "CORAL helps: 15.0 percentage points more." in done.stdout
    assert "worse than the source alone on the target, and not by chance: importance weighting" in done.stderr
    assert "as frequent in the target" in done.stderr
    assert "1 file was left out" in done.stderr
    assert "\x1b" not in done.stdout
    assert (asked["labels"], asked["methods"], asked["classes"], asked["seed"]) == (5, ["coral"], ["a", "b"], 2)


def test_without_target_labels_it_says_that_nothing_is_measured(
    run: Callable[..., tuple[Result, dict[str, Any]]],
) -> None:
    done, _ = run("flowers", "new", measured=0)
    assert done.exit_code == 0, done.output
    assert "nothing can be measured" in done.stdout
    assert "there and back 75.0 %" in done.stdout


def test_json_is_one_object_and_nothing_else(run: Callable[..., tuple[Result, dict[str, Any]]]) -> None:
    done, _ = run("flowers", "night", "--json")
    assert json.loads(done.stdout)["chosen"]["method"] == "coral"


def test_the_figure_is_drawn_where_it_is_asked_for(
    run: Callable[..., tuple[Result, dict[str, Any]]], tmp_path: Path
) -> None:
    done, _ = run("flowers", "night", "--figure", str(tmp_path / "a.svg"))
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "Figure" in done.stdout
    done, asked = run("flowers", "night", "--figure", "a.gif")
    assert isinstance(done.exception, InputError)
    assert not asked  # refused before any work
