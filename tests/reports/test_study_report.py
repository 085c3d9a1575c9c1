from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import make_run
from made_studies import GOOD, flower_grid, leave_out_the_drawing, made_flowers, made_grid, made_run, scattered

from regraft.errors import InputError
from regraft.reports.study_report import study_document, write_study_report
from regraft.runs.folder import RunFolder
from regraft.studies.folder import StudyFolder

AXES = {"head.learning_rate": (0.1, 1.0)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture
def study(tmp_path: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> StudyFolder:
    """A finished grid, whose figures are not drawn; a report of it is made from its folder's path alone."""
    leave_out_the_drawing(monkeypatch)
    made = made_grid(tmp_path / "study", scattered([0.8, 0.9], 3), AXES, run)
    monkeypatch.setattr("regraft.reports.study_report.StudyFolder", lambda path: made)
    return made


@pytest.mark.parametrize(("html", "pdf"), [(True, False), (False, True), (True, True)])
def test_what_is_asked_for_is_written(study: StudyFolder, html: bool, pdf: bool):
    written = write_study_report(study.path, html=html, pdf=pdf)
    assert written == [*[study.html] * html, *[study.pdf] * pdf]
    assert (study.html.exists(), study.pdf.exists()) == (html, pdf)
    names = {file.name for file in (study.path / "figures").iterdir()}
    assert names == {"boxes.svg", "curves.svg", "cut.svg", "reliability.svg", "confusion.svg"}
    if html:
        assert "A study" in study.html.read_text(encoding="utf-8")
    if pdf:
        assert study.pdf.read_bytes().startswith(b"%PDF-")


def test_each_kind_of_study_has_its_document(tmp_path: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    leave_out_the_drawing(monkeypatch)
    flowers = made_flowers(tmp_path / "flowers", flower_grid(scattered(GOOD, 2)), run=run)
    assert study_document(flowers).title == "Transfer learning on five kinds of flowers"
    assert study_document(made_grid(tmp_path / "grid", scattered([0.8, 0.9], 2), AXES, run)).title == "A study"


def test_what_is_no_finished_study_is_refused(tmp_path: Path):
    unfinished = StudyFolder(tmp_path / "unfinished")
    unfinished.path.mkdir()
    unfinished.write_facts(kind="grid", complete=False)
    with pytest.raises(InputError, match="no finished study") as caught:
        write_study_report(unfinished.path, html=True, pdf=True)
    assert caught.value.hint == f"regraft study --resume {unfinished.path}"
    assert not unfinished.html.exists()
    make_run(tmp_path)
    with pytest.raises(InputError, match="no finished study") as caught:
        study_document(StudyFolder(tmp_path / "run"))
    assert caught.value.hint is None
    unknown = StudyFolder(tmp_path / "unknown")
    unknown.path.mkdir()
    unknown.write_facts(kind="mushrooms", complete=True)
    with pytest.raises(InputError, match="kind this version does not know") as caught:
        study_document(unknown)
    assert caught.value.expected == "flowers or cats-and-dogs or digits or mobilenet or proportions or grid"
