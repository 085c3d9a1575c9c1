from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from made_runs import make_run
from typer.testing import CliRunner

from regraft.cli.compare import compare
from regraft.errors import InputError
from regraft.runs.folder import RunFolder

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(compare)


def made(folder: Path, **options: Any) -> RunFolder:
    """A run with the same 30 test and 30 validation images as any other of these, `wrong` answers of the test wrong."""
    folder.mkdir(parents=True)
    return make_run(folder, **options)[0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    folder = tmp_path_factory.mktemp("compared")
    return [made(folder / f"{wrong}", wrong=wrong) for wrong in (12, 2, 3)]


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_two_runs_side_by_side(runs: list[RunFolder]) -> None:
    done = run(runs[0].path, runs[1].path)
    lines = done.stdout.splitlines()
    assert lines[1].strip() == "EfficientNetLite0, lr 0.1, momentum 0.9, best of 3 heads"
    rows = [line.split() for line in lines]
    assert ["run", "accuracy", "95", "%", "interval", "images", "macro", "F1", "log", "loss", "seconds"] in rows
    (first,) = [row for row in rows if row[:3] == ["1", "60.0", "%"]]
    assert "30" in first
    (pair,) = [row for row in rows if "McNemar" in row]
    assert pair[:6] == ["1", "and", "2", "30", "same", "0"]
    assert "+33.3" in pair
    assert "1 and 2: Both measured the same 30 test images. Run 2 is better than run 1, by 33.3" in done.stdout
    assert "adjusted" not in done.stdout
    assert "Warning" not in done.stderr
    assert done.stderr.count("Note: ") == 2
    assert max(map(len, lines + done.stderr.splitlines())) <= 100


def test_several_runs_are_adjusted_for(runs: list[RunFolder]) -> None:
    paths = [run.path for run in runs]
    done = run(*paths)
    assert "adjusted p" in done.stdout
    assert done.stdout.count("McNemar") == 2
    done = run(*paths, "--all-pairs")
    assert done.stdout.count("McNemar") == 3
    assert "2 and 3: Both measured the same 30 test images. No difference found (p = 1.000" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_json_holds_everything_and_nothing_else_is_on_stdout(runs: list[RunFolder]) -> None:
    content = json.loads(run(runs[0].path, runs[1].path, "--json").stdout)
    assert [one["path"] for one in content["runs"]] == [str(runs[0].path), str(runs[1].path)]
    (pair,) = content["pairs"]
    assert (pair["both"], pair["first_only"], pair["second_only"], pair["neither"]) == (18, 0, 10, 2)
    assert pair["p"] == 2 / 2**10
    assert pair["verdict"].startswith("Run 2 is better")
    assert content["notes"]


def test_validation_can_be_compared_and_says_what_it_is_worth(runs: list[RunFolder]) -> None:
    done = run(runs[0].path, runs[1].path, "--split", "validation")
    assert "Validation images, 3 classes" in done.stdout
    assert "Both are right on the very same images." in " ".join(done.stdout.split())
    assert "Validation took part in the choice" in done.stderr
    with pytest.raises(InputError, match="test or validation"):
        run(runs[0].path, runs[1].path, "--split", "train")


def test_one_run_is_refused(runs: list[RunFolder]) -> None:
    with pytest.raises(InputError, match="at least two"):
        run(runs[0].path)


def test_images_that_are_not_shared(tmp_path: Path, runs: list[RunFolder]) -> None:
    other = made(tmp_path / "other", images=24, wrong=2)
    done = run(runs[0].path, other.path)
    (pair,) = [line.split() for line in done.stdout.splitlines() if "McNemar" in line]
    assert pair[3:5] == ["24", "shared"]
    few = made(tmp_path / "few", images=10, wrong=2)
    done = run(runs[0].path, few.path)
    (pair,) = [line.split() for line in done.stdout.splitlines() if "Fisher" in line]
    assert pair[3:8] == ["30", "and", "10", "-", "-"]
    assert "fewer than 20" in " ".join(done.stdout.split())


def test_hostile_and_long_names_are_shown_safely_within_the_width(tmp_path: Path) -> None:
    evil = "a\x1b[31m\n2  Run 9 is better\u202e"
    classes = ("da\nisy", "\x1b[2J", "tulips")
    long = tmp_path / ("deep" * 30) / ("猫" * 60) / "last"
    backbone = {"name": "/models/" + "x" * 200 + "\x07.keras"}
    paths = [
        made(tmp_path / evil, classes=classes).path,
        made(long, classes=classes, wrong=9, changes={"backbone": backbone, "seconds": {}}).path,
    ]
    done = run(*paths)
    for sign in ("\x1b", "\x07", "\u202e"):
        assert sign not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert not any(line.startswith("2  Run 9") for line in lines)
    (path,) = [line for line in lines if line.startswith("  2  …")]
    assert path.endswith("last/run")
    assert len(path) + path.count("猫") <= 101  # … counts as two columns, in case the terminal draws it so
    assert max(map(len, lines)) <= 100
    content = json.loads(run(*paths, "--json").stdout)
    assert content["runs"][0]["path"] == str(paths[0])
    assert content["classes"] == sorted(classes)


def test_a_different_task_is_refused_in_one_line_a_fact(tmp_path: Path, runs: list[RunFolder]) -> None:
    other = made(tmp_path / "other", classes=("daisy", "ro\nses", "tulips"))
    with pytest.raises(InputError, match=r"'ro\\nses'") as caught:
        run(runs[0].path, other.path)
    assert len(str(caught.value).splitlines()) == 4


def test_warnings_name_the_pair(tmp_path: Path, runs: list[RunFolder]) -> None:
    """The other run has 36 test images: the last six of them are validation images of the first."""
    other = made(tmp_path / "other", images=36, wrong=2)
    done = run(runs[0].path, other.path)
    text = " ".join(done.stderr.split())
    assert "Warning, 1 and 2: Run 1 has learnt from 6 of the 36 test images of run 2 (6 validation images)" in text
