from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from made_runs import make_run
from typer.testing import CliRunner

from regraft.cli.report import report
from regraft.errors import InputError
from regraft.runs.config import make_config
from regraft.runs.folder import RunFolder


def regraft(*arguments: object) -> SimpleNamespace:
    """`regraft report ARGUMENTS`, with what it wrote."""
    app = typer.Typer()
    app.command("report")(report)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run whose config names its images."""
    run, images = make_run(tmp_path)
    manifest = tmp_path / "photos" / "labels.csv"
    lines = [f"{image.source.name},{image.label}" for image in images.values()]
    manifest.write_text("\n".join(["file_name,label", *lines]))
    run.write_config(make_config({"images": {"source": str(manifest)}}))
    return run


def written(run: RunFolder) -> list[str]:
    return sorted(file.name for file in run.path.glob("report.*"))


def test_both_reports_are_written_with_pictures(run: RunFolder) -> None:
    done = regraft(run.path)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [f"Report     {run.path / name}" for name in ("report.html", "report.pdf")]
    assert written(run) == ["report.html", "report.pdf"]
    assert (run.path / "report.html").read_text().count("data:image/jpeg") == 4
    assert (run.path / "report.pdf").read_bytes().count(b"/Subtype/Image") == 4


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_one_of_them_may_be_asked_for(run: RunFolder, form: str) -> None:
    done = regraft(run.path, f"--{form}", "--json")
    assert written(run) == [f"report.{form}"]
    assert json.loads(done.stdout) == {"run": str(run.path), "written": [str(run.path / f"report.{form}")]}


def test_without_its_images_a_report_has_no_pictures_and_says_so(run: RunFolder) -> None:
    (run.path.parent / "photos").rename(run.path.parent / "elsewhere")
    done = regraft(run.path)
    assert done.exit_code == 0
    assert "without their pictures" in done.stderr
    assert "picture not at hand" in (run.path / "report.html").read_text()
    assert (run.path / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_nothing_is_downloaded_for_a_report(run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    run.write_config(make_config({"images": {"source": "flowers"}}))
    done = regraft(run.path, "--html")
    assert done.exit_code == 0, done.exception
    assert "flowers are not on this machine" in done.stderr
    assert not (tmp_path / "cache").exists()


def test_a_folder_with_a_study_in_it_is_a_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def write(folder: Path, *, html: bool, pdf: bool) -> list[Path]:
        asked.append((folder, html, pdf))
        return [folder / "report.pdf"]

    monkeypatch.setitem(sys.modules, "regraft.reports.study_report", SimpleNamespace(write_study_report=write))
    (tmp_path / "study.json").write_text("{}")
    done = regraft(tmp_path, "--pdf", "--json")
    assert json.loads(done.stdout) == {"study": str(tmp_path), "written": [str(tmp_path / "report.pdf")]}
    assert asked == [(tmp_path, False, True)]


def test_a_folder_that_is_neither(tmp_path: Path) -> None:
    assert isinstance(regraft(tmp_path).exception, InputError)
