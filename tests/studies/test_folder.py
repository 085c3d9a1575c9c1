from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from regraft.errors import InputError
from regraft.studies.cells import cells_of
from regraft.studies.declaration import make_study
from regraft.studies.folder import StudyFolder, open_study_folder


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


def test_facts_are_added_and_replaced(folder: StudyFolder) -> None:
    assert folder.facts() == {}
    assert not folder.complete
    folder.write_facts(kind="grid", seconds={"a": 1.0}, complete=False)
    folder.write_facts(seconds={"b": 2.0}, name="Größe …")
    assert folder.facts() == {"kind": "grid", "seconds": {"b": 2.0}, "complete": False, "name": "Größe …"}
    assert not folder.complete
    folder.write_facts(complete=True)
    assert StudyFolder(str(folder.path)).complete


def test_facts_are_whole_or_as_they_were(folder: StudyFolder) -> None:
    folder.write_facts(kind="grid")
    for wrong in (math.nan, object()):
        with pytest.raises((ValueError, TypeError)):
            folder.write_facts(wrong=wrong)
    assert folder.facts() == {"kind": "grid"}
    assert [path.name for path in folder.path.iterdir()] == ["study.json"]


@pytest.mark.parametrize("content", ["{", "3", "\0"])
def test_damaged_facts_are_explained(folder: StudyFolder, content: str) -> None:
    folder.write_facts(kind="grid")
    (folder.path / "study.json").write_text(content)
    with pytest.raises(InputError, match=r"study\.json is damaged[\s\S]*--resume"):
        folder.facts()


def test_settings_come_back_and_a_folder_without_them_is_no_study(folder: StudyFolder) -> None:
    with pytest.raises(InputError, match=r"no study that was begun[\s\S]*no such folder"):
        folder.settings()
    folder.write_facts(kind="grid")
    with pytest.raises(InputError, match="a folder without it"):
        folder.settings()
    folder.write_settings('kind = "grid"\nseeds = 3\n')
    assert folder.settings() == {"kind": "grid", "seeds": 3}


def test_a_declared_grid_comes_back_with_its_cells(folder: StudyFolder) -> None:
    study = make_study(
        {"name": "Rates", "images": {"source": "x"}, "folds": 2, "vary": {"head": {"learning_rate": [0.1, 1]}}}
    )
    cells = folder.declare("rates", study)
    again, found = folder.grid("rates")
    assert again == study
    assert [(c.setting, c.repetition, c.config, c.run.path) for c in found] == [
        (c.setting, c.repetition, c.config, c.run.path) for c in cells
    ]
    assert [c.run.path for c in cells_of(study, folder.path / "runs" / "rates")] == [c.run.path for c in cells]
    assert not (folder.path / "runs").exists()
    with pytest.raises(InputError, match="nothing"):
        folder.grid("nothing")
    with pytest.raises(InputError, match="no finished run"):
        folder.results("rates")


def test_where_things_are(folder: StudyFolder) -> None:
    names = {folder.html: "report.html", folder.pdf: "report.pdf", folder.recommended.path: "recommended"}
    assert {path.name: path.parent for path in names} == dict.fromkeys(names.values(), folder.path)
    assert repr(folder) == f"StudyFolder('{folder.path}')"


def test_a_new_folder_is_made_and_a_used_one_refused(tmp_path: Path) -> None:
    made = open_study_folder(tmp_path / "a" / "b", "name")
    assert made.path.is_dir()
    assert open_study_folder(made.path, "name").path == made.path  # still empty
    (made.path / "notes.txt").write_text("mine")

    def refused(path: Path) -> str:
        with pytest.raises(InputError, match="nothing in it was touched") as caught:
            open_study_folder(path, "name")
        return str(caught.value)

    assert "a folder with files in it" in refused(made.path)
    assert "a file" in refused(made.path / "notes.txt")
    made.write_settings('kind = "grid"\n')
    assert f"regraft study --resume {made.path}" in refused(made.path)


def test_without_a_path_the_next_free_name_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found: list[Any] = [open_study_folder(None, "flowers").path for _ in range(2)]
    assert found == [Path("studies/flowers"), Path("studies/flowers-2")]
    assert all(path.is_dir() for path in found)
