from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checked_texts import check_document
from made_studies import NAN, made_grid, made_run, scattered
from small_studies import leave_out_the_model

from regraft.cli._output import note
from regraft.cli.study import _show
from regraft.reports.study_report import study_document
from regraft.runs.folder import RunFolder
from regraft.studies import cells
from regraft.studies.folder import StudyFolder

Run = Callable[..., Any]

LONG = "a class of flowers with a name that is " + "very " * 30 + "long"
CLASSES = {"red": "[[cut]]", "green": "<b>$x_1", "blue": "#import"}
THREE_AXES = """
name = "Three axes of [[cut]]"
question = "What does <b>matter</b>?"
seeds = 2

[vary]
head.learning_rate = [0.05, 0.5]
head.momentum = [0.0, 0.9]
images.validation = [0.2, 0.3]

[images]
source = "photos"
exact = true

[backbone]
precision = "f32"

[head]
nesterov = [false]
weight_decay = [0.0]
epochs = 3
"""
DIVERGED = """
seeds = 1

[vary.head]
learning_rate = [1e38, 2e38]

[images]
source = "photos"
exact = true

[backbone]
precision = "f32"

[head]
momentum = [0.0]
nesterov = [false]
epochs = 2
"""


@pytest.fixture
def here(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: `photos/` with class folders whose names mean something to HTML, typst and the reports."""
    for old, new in CLASSES.items():
        shutil.copytree(photos / old, tmp_path / "photos" / new)
    (tmp_path / "photos" / LONG).mkdir()
    for file in sorted((photos / "red").iterdir())[:10]:
        (tmp_path / "photos" / LONG / file.name).write_bytes(file.read_bytes() + b"another")
    (tmp_path / "my study.toml").write_text(THREE_AXES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    leave_out_the_model(monkeypatch)
    return tmp_path


def test_a_grid_over_three_axes_interrupted_resumed_reported_and_compared(
    here: Path, regraft: Run, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        train, trained = cells._train_stack, []

        def train_one(stack: list[cells.Cell], *others: Any) -> None:
            if trained:
                raise KeyboardInterrupt
            trained.append(stack)
            train(stack, *others)

        patch.setattr(cells, "_train_stack", train_one)
        stopped = regraft("study", "my study.toml", "--output", "study", "--json")
    assert (stopped.code, stopped.out) == (130, "")
    assert "`regraft study --resume STUDY`" in stopped.err
    first = [cell.run.path / "metrics.json" for cell in trained[0]]
    before = [file.stat().st_mtime_ns for file in first]
    assert len(before) == 4

    early = regraft("report", "study")
    assert early.code == 2
    assert "To do: regraft study --resume study" in early.err

    done = regraft("study", "--resume", "study", "--json")
    assert done.code == 0, done.err
    assert [file.stat().st_mtime_ns for file in first] == before
    found = json.loads(done.out)
    assert (found["study"], found["html"], found["pdf"]) == ("study", "study/report.html", "study/report.pdf")
    assert found["test"]["images"] == 17
    assert found["recommended"]["epoch"] in (1, 2, 3)
    assert found["seconds"]["total"] > found["seconds"]["report"] > 0

    study = StudyFolder("study")
    results = study.results("grid")
    assert (len(results.settings), len(results.repetitions)) == (8, 2)
    assert {path.parent.parent.name for row in results.runs for path in row} == {"grid"}
    document = study_document(study)
    assert {"effect-1", "effect-2", "effect-3", "heat", "examples", "confusion"} <= set(check_document(document))
    assert document.title == "Three axes of [[cut]]"
    page = study.html.read_text(encoding="utf-8")
    assert "<b>matter" not in page
    assert "What does &lt;b&gt;matter" in page
    for name in ("[[cut]]", "&lt;b&gt;$x_1", "#import", LONG):
        assert name in page
    assert study.pdf.read_bytes().startswith(b"%PDF-")

    again = regraft("study", "--resume", "study")
    assert again.code == 2
    assert "study is finished: there is nothing to resume." in again.err
    assert "To do: regraft report study writes its report again" in again.err
    there = regraft("study", "my study.toml", "--output", "study")
    assert there.code == 2
    assert "study exists already; nothing in it was touched." in there.err

    study.html.unlink()
    reported = regraft("report", "study", "--html", "--json")
    assert json.loads(reported.out) == {"study": "study", "written": ["study/report.html"]}
    assert study.html.read_text(encoding="utf-8") == page

    one, other = results.runs[0][0], results.runs[2][0]
    compared = regraft("compare", one, other, "--split", "validation", "--json")
    (pair,) = json.loads(compared.out)["pairs"]
    assert pair["both"] + pair["first_only"] + pair["second_only"] + pair["neither"] == int(results.images[0])
    not_measured = regraft("compare", one, other)
    assert not_measured.code == 2


def test_a_study_of_which_everything_diverged(here: Path, regraft: Run, monkeypatch: pytest.MonkeyPatch):
    (here / "lost.toml").write_text(DIVERGED, encoding="utf-8")
    done = regraft("study", "lost.toml", "--output", "lost")
    assert done.code == 0, done.err
    assert "Warning: every setting diverged, so none is recommended; the report says what to try." in done.err
    lines = done.out.split("\n")
    assert lines[1:3] == ["Report       lost/report.html", "             lost/report.pdf"]
    assert lines[3].startswith("Time ")
    study = StudyFolder("lost")
    text = (study.path / "study.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text)["complete"]
    assert not study.recommended.path.exists()
    check_document(study_document(study))
    assert "All 2 trainings" not in study.html.read_text(encoding="utf-8")
    assert "Both trainings diverged" in study.html.read_text(encoding="utf-8")
    summary = regraft("study", "--resume", "lost", "--json")
    assert summary.code == 2
    study.html.unlink()  # as where the report was interrupted
    summary = regraft("study", "--resume", "lost", "--json")
    assert summary.code == 0, summary.err
    assert json.loads(summary.out)["recommended"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Which study?"),
        (("mushrooms",), "There is no study called mushrooms."),
        (("cats-and-dogs", "--folds", "3"), "Cats-and-dogs has no --folds."),
        (("mnist", "--backbone", "MobileNetV2"), "Mnist has no --backbone."),
        (("flowers", "--export-mat"), "--export-mat belongs to the digits study."),
        (("proportions",), "Of which images?"),
        (("proportions", "photos", "--fractions", "half"), "The fractions cannot be read."),
        (("proportions", "photos", "--fractions", "0.5,2"), "These are no fractions of the training images."),
        (("proportions", "photos", "--images", "photos"), "The images are given twice."),
        (("nowhere.toml",), "There is no config file nowhere.toml."),
        (
            ("my study.toml", "--quick"),
            "A study that is declared has no --quick.",
        ),
        (
            ("my study.toml", "--standard-epochs", "2"),
            "A study that is declared has no --standard-epochs.",
        ),
        (("my study.toml", "--epochs", "0"), "head.epochs"),
        (("my study.toml", "--folds", "1"), "folds"),
        (("my study.toml", "--seeds", "0"), "seeds"),
        (("my study.toml", "--images", "nowhere"), "nowhere"),
        (("varied.toml", "--epochs", "5"), "The study varies head.epochs, so it cannot be given as an option."),
        (("varied.toml", "--backbone", "MobileNetV2"), "The study varies backbone.name, so it cannot be given"),
        (("odd.toml", "--images", "photos"), "images: Input should be a valid dictionary"),
        (("my study.toml", "--resume", "study"), "--resume goes on with a study as it was begun and takes no other"),
        (("--resume", "study", "--seeds", "2"), "--resume goes on with a study as it was begun and takes no other"),
        (("--resume", "photos"), "photos is no study that was begun."),
        (("flowers", "--images", "nowhere"), "nowhere"),
    ],
)
def test_bad_usage_is_refused_and_leaves_nothing(here: Path, regraft: Run, arguments: tuple[str, ...], said: str):
    (here / "varied.toml").write_text(
        '[vary]\nhead.epochs = [1, 2]\nbackbone.name = ["EfficientNetLite0", "EfficientNetLite0@96"]\n'
        '[images]\nsource = "photos"\n'
    )
    (here / "odd.toml").write_text('images = "photos"\n')
    done = regraft("study", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "nowhere" in said or not (here / "studies").exists()  # what is in the images is seen too late for that


def test_every_option_is_handed_on(regraft: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asked: list[tuple[str, dict[str, Any]]] = []

    def study(what: str, **options: Any) -> StudyFolder:
        asked.append((what, options))
        folder = StudyFolder(tmp_path)
        folder.write_facts(seconds={"total": 1.0})
        return folder

    monkeypatch.setattr("regraft.study_api.study", study)
    options = ("--images", "photos", "--path", "copy", "--output", "out", "--backbone", "MobileNetV2", "--seed", "0")
    numbers = ("--seeds", "2", "--folds", "3", "--epochs", "4", "--standard-epochs", "0", "--quick", "--json")
    assert regraft("study", "flowers", *options, *numbers).code == 0
    assert regraft("study", "flowers").code == 0
    assert asked == [
        (
            "flowers",
            {
                "images": "photos",
                "path": Path("copy"),
                "output": Path("out"),
                "backbone": "MobileNetV2",
                "seed": 0,
                "seeds": 2,
                "folds": 3,
                "epochs": 4,
                "standard_epochs": 0,
                "quick": True,
                "tell": note,
            },
        ),
        ("flowers", {"tell": note}),
    ]


def test_what_is_shown_of_a_finished_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = made_run(tmp_path / "run", classes=("da\x1b[31misy", "roses"), wrong=3)
    study = made_grid(tmp_path / "study", scattered([0.8, 0.9]), {"head.learning_rate": (0.1, 1.0)}, run)
    _show(study)
    lines = capsys.readouterr().out.split("\n")
    assert lines[1] == "Best setting EfficientNetLite0, lr 0.1, momentum 0.9"
    assert lines[2].startswith("             Test accuracy 90.0 %  (95 % interval")
    assert "\x1b" not in lines[2]
    assert lines[3:7] == [
        f"             {run.path}",
        f"Report       {study.html}",
        f"             {study.pdf}",
        "Time         4.0 s in all",
    ]
    lost = made_grid(
        tmp_path / "lost", [[NAN], [NAN]], {"head.learning_rate": (0.1, 1.0)}, run, recommended=RunFolder(tmp_path)
    )
    _show(lost)
    captured = capsys.readouterr()
    assert "every setting diverged" in captured.err
    assert "Best setting" not in captured.out
