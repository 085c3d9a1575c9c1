from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regraft.runs.folder import RunFolder

SPACE = """
[images]
source = {source}
exact = true
[head]
epochs = 3
[search]
trials = 3
[search.head]
dropout = {{low = 0.0, high = 0.5}}
"""


@pytest.fixture(autouse=True)
def without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building the network in Keras to save it takes seconds, and nothing here looks at it."""

    def instead(run: RunFolder, *_: object) -> dict[str, object]:
        run.model.write_bytes(b"a model")
        return {}

    monkeypatch.setattr("regraft.runs.pipeline.save_joined", instead)


@pytest.fixture
def declared(photos: Path, tmp_path: Path) -> Path:
    file = tmp_path / "my search.toml"
    file.write_text(SPACE.format(source=json.dumps(str(photos))))
    return file


def test_search_prints_the_best_setting_and_what_it_is_worth(regraft: Callable, declared: Path, tmp_path: Path) -> None:
    done = regraft("search", "--config", declared, "--output", tmp_path / "search")
    assert done.code == 0, done.err
    assert "Best       lr " in done.out
    assert "chosen as the best of 3 on these images" in done.out
    assert "Test accuracy" in done.out
    assert "Trials     3: 3 complete" in done.out
    assert str(tmp_path / "search" / "trials.csv") in done.out
    assert (tmp_path / "search" / "recommended" / "report.html").is_file()
    again = regraft("search", "--resume", tmp_path / "search")
    assert again.code == 2
    assert "nothing to resume" in again.err


def test_json_is_one_object_and_options_come_before_the_file(regraft: Callable, declared: Path, tmp_path: Path) -> None:
    done = regraft("search", "--config", declared, "--output", tmp_path / "s", "--trials", 2, "--seed", 5, "--json")
    content = json.loads(done.out)
    assert content["trials"] == {"complete": 2, "pruned": 0, "diverged": 0}
    assert content["best"]["values"]["head.dropout"] < 0.5
    assert 0 <= content["test"]["accuracy"] <= 1
    assert "seed = 5" in (tmp_path / "s" / "config.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Which images?"),
        (("photos", "--trials", "0"), "trials"),
        (("photos", "--timeout", "nan"), "timeout"),
        (("photos", "--config", "nowhere.toml"), "no config file"),
        (("photos", "--resume", "nowhere"), "takes no other settings"),
        (("--resume", "nowhere", "--finetune"), "takes no other settings"),
        (("--resume", "nowhere"), "no search that was begun"),
        (("nowhere",), "nowhere"),
    ],
)
def test_bad_usage_is_explained(regraft: Callable, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = regraft("search", *arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert not done.out


def test_without_optuna_it_says_what_to_install(
    regraft: Callable, declared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = regraft("search", "--config", declared, "--output", tmp_path / "search")
    assert done.code == 2
    assert 'pip install "regraft[search]"' in done.err
    assert not (tmp_path / "search").exists()


def test_a_table_that_is_none_is_explained(regraft: Callable, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('search = 3\n[images]\nsource = "photos"\n')
    done = regraft("search", "--config", tmp_path / "bad.toml")
    assert done.code == 2
    assert "a table [search]" in done.err
