from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_searches import searched

from regraft.errors import InputError
from regraft.studies.search_folder import (
    SearchConfig,
    SearchFolder,
    check_search_output,
    open_search_folder,
    search_config,
)

SPACE = {"dropout": {"low": 0.0, "high": 0.5}, "hidden": [[], [64, 32]]}


def test_a_config_is_read_back(tmp_path: Path) -> None:
    folder = SearchFolder(tmp_path)
    config = searched(head={"optimizer": ["adamw"]}, finetune={"epochs": 3})
    wanted = SearchConfig(trials=7, timeout=1.5, head=SPACE)
    folder.write_config(config, wanted)
    folder.write_facts(kind="search")
    read, asked = folder.config()
    assert asked == wanted
    assert read.model_dump(exclude_none=True) == config.model_dump(exclude_none=True)


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ({"trials": 0}, "trials"),
        ({"trials": 2.5}, "trials"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"trails": 3}, "trails"),
        ({"head": 3}, "head"),
        (3, "search"),
    ],
)
def test_a_bad_search_is_explained(search: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        search_config({"images": {"source": "photos"}, "search": search})


def test_the_rest_of_the_config_is_checked_as_for_a_run() -> None:
    assert search_config({"images": {"source": "photos"}})[1] == SearchConfig()
    with pytest.raises(InputError, match="epochs"):
        search_config({"images": {"source": "photos"}, "head": {"epochs": 0}})


def test_the_table_of_trials(tmp_path: Path) -> None:
    values = {"head.hidden": [128, 64], "head.learning_rate": 0.1}
    rows: list[dict[str, Any]] = [
        {"number": 0, "state": "complete", "loss": 0.5, "accuracy": 0.75, "epoch": 3, "seconds": 1.5, "values": values},
        {"number": 1, "state": "diverged", "loss": None, "accuracy": None, "epoch": 0, "seconds": 1, "values": {}},
    ]
    SearchFolder(tmp_path).write_trials(rows, ["head.hidden", "head.learning_rate"])
    with (tmp_path / "trials.csv").open(newline="") as file:
        head, first, second = csv.reader(file)
    assert head[2:4] == ["validation_loss", "validation_accuracy"]
    assert first == ["0", "complete", "0.5", "0.75", "3", "1.5", "128-64", "0.1"]
    assert second == ["1", "diverged", "", "", "0", "1", "", ""]


def test_facts_are_added_to(tmp_path: Path) -> None:
    folder = SearchFolder(tmp_path)
    assert (folder.facts(), folder.trials(), folder.complete) == ({}, [], False)
    folder.write_facts(trials=[{"number": 0}])
    folder.write_facts(complete=True)
    assert (folder.trials(), folder.complete) == ([{"number": 0}], True)
    (tmp_path / "search.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        folder.facts()


def test_a_folder_that_is_no_search_is_explained(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no search that was begun"):
            SearchFolder(folder).config()


def test_nothing_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [open_search_folder(None).path.name for _ in range(2)] == ["search", "search-2"]
    assert open_search_folder(tmp_path / "new").path.is_dir()
    (tmp_path / "new" / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="a folder with files in it"):
        check_search_output(tmp_path / "new")
    begun = SearchFolder(tmp_path / "begun")
    begun.write_config(searched(), SearchConfig())
    begun.write_facts(kind="search")
    with pytest.raises(InputError, match="regraft search --resume"):
        open_search_folder(begun.path)


def test_one_process_searches_at_a_time(tmp_path: Path) -> None:
    folder = SearchFolder(tmp_path)
    other = (
        f"import fcntl, sys, time; file = open({str(tmp_path / '.lock')!r}, 'ab'); "
        "fcntl.flock(file, fcntl.LOCK_EX); print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", other], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(InputError, match="Another process"), folder.locked():
            pass
        process.kill()
    with folder.locked():  # the lock of a killed process is free
        pass
