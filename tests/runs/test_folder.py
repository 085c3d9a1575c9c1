from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.images.labelled import SkippedFile
from regraft.runs.folder import RunFolder, create_run_folder, next_free_folder

NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=20)


@given(classes=st.lists(NAMES, min_size=2, max_size=6, unique=True))
def test_any_class_names_come_back(tmp_path_factory: pytest.TempPathFactory, classes: list[str]) -> None:
    run = RunFolder(tmp_path_factory.mktemp("run"))
    run.write_classes(classes)
    assert run.classes() == classes


@given(files=st.lists(st.builds(SkippedFile, NAMES, NAMES), max_size=5))
def test_any_skipped_files_come_back(tmp_path_factory: pytest.TempPathFactory, files: list[SkippedFile]) -> None:
    run = RunFolder(tmp_path_factory.mktemp("run"))
    run.write_skipped(files)
    assert run.skipped() == files


def test_a_new_folder_is_made_and_a_used_one_refused(tmp_path: Path) -> None:
    run = create_run_folder(tmp_path / "a" / "b", Path("name"))
    assert run.path.is_dir()
    assert create_run_folder(run.path, Path("name")).path == run.path  # still empty
    (run.path / "file").touch()
    with pytest.raises(InputError, match="exists already"):
        create_run_folder(run.path, Path("name"))
    with pytest.raises(InputError, match="a file"):
        create_run_folder(run.path / "file", Path("name"))


def test_free_names_are_counted_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [create_run_folder(None, Path("runs/photos")).path.name for _ in range(3)]
    assert names == ["photos", "photos-2", "photos-3"]


def test_the_next_free_folder_is_made_beside_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "a" / "b-2").mkdir(parents=True)
    (tmp_path / "a" / "b-3").touch()
    found = [next_free_folder(tmp_path / "a" / "b").name for _ in range(3)]
    assert found == ["b", "b-4", "b-5"]
    assert all((tmp_path / "a" / name).is_dir() for name in found)
    with pytest.raises(InputError, match="cannot be made there"):
        next_free_folder(tmp_path / "a" / "b-3" / "c")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.json"):
        RunFolder(tmp_path).metrics()
    (tmp_path / "config.toml").touch()
    with pytest.raises(InputError, match="--resume"):
        RunFolder(tmp_path).metrics()
