from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regraft.errors import InputError, MissingPackageError
from regraft.studies._search_space import read_space
from regraft.studies._trial_log import TrialLog, check_optuna, quiet

SPACE = read_space(
    {
        "head": {
            "optimizer": ["sgd", "adamw"],
            "hidden": [[], [64]],
            "learning_rate": [
                {"low": 0.1, "high": 10.0, "log": True, "when": {"optimizer": ["sgd"]}},
                {"low": 1e-3, "high": 0.1, "log": True},
            ],
            "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": ["sgd"]}},
        }
    },
    {},
)


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    with quiet():
        yield


def log_in(folder: Path, **changed: Any) -> TrialLog:
    return TrialLog(folder / "trials.log", SPACE, **{"seed": 3, "warmup": 1, **changed})


def loss_of(values: dict[str, Any]) -> float:
    return abs(math.log10(values["head.learning_rate"])) + 0.2 * (values["head.optimizer"] == "adamw")


def go_on(log: TrialLog, until: int, at_once: int = 4) -> None:
    while log.finished < until:
        for asked in log.ask(min(at_once - log.finished % at_once, until - log.finished)):
            loss = loss_of(asked.values)
            log.report(asked, loss, 0)
            log.tell(asked, "complete", loss, {"loss": loss})


def test_trials_are_told_of_in_order(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    go_on(log, 5)
    rows = log.rows()
    assert [row["number"] for row in rows] == [0, 1, 2, 3, 4]
    for row in rows:
        assert row["loss"] == loss_of(row["values"])
        assert row["steps"] == [[0, row["loss"]]]
        assert row["state"] == "complete"
    json.dumps(rows)


def test_proposals_get_better(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    go_on(log, 40)
    losses = [row["loss"] for row in log.rows()]
    assert sorted(losses[-10:])[5] < 0.5 * sorted(losses[:10])[5]


def test_the_seed_decides(tmp_path: Path) -> None:
    logs = []
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        (tmp_path / name).mkdir()
        logs.append(log_in(tmp_path / name, seed=seed))
        go_on(logs[-1], 14)
    assert logs[0].rows() == logs[1].rows()
    assert logs[0].rows()[0]["values"] != logs[2].rows()[0]["values"]


@pytest.mark.parametrize("killed_after", [0, 8, 12])
def test_a_killed_search_proposes_what_it_would_have_proposed(tmp_path: Path, killed_after: int) -> None:
    for name in ("straight", "killed"):
        (tmp_path / name).mkdir()
    straight = log_in(tmp_path / "straight")
    go_on(straight, 18)
    killed = log_in(tmp_path / "killed")
    go_on(killed, killed_after)
    begun = killed.ask(4)  # the process dies while these are trained
    killed.report(begun[0], 0.1, 0)
    with (tmp_path / "killed" / "trials.log").open("ab") as file:
        file.write(b'{"op_code":4,"worker_')  # in the middle of a line
    again = log_in(tmp_path / "killed")
    assert again.finished == killed_after
    go_on(again, 18)
    assert again.rows() == straight.rows()


def test_trials_behind_the_median_are_pruned(tmp_path: Path) -> None:
    log = log_in(tmp_path, warmup=2)
    for asked in log.ask(6):
        pruned = [log.report(asked, loss, step) for step, loss in enumerate((1.0, 0.9, 0.5, 0.4))]
        assert pruned == [False] * 4
        log.tell(asked, "complete", 0.4, {})
    (behind,) = log.ask(1)
    assert [log.report(behind, loss, step) for step, loss in enumerate((1.0, 0.9, 0.6))] == [False, False, True]
    log.tell(behind, "pruned", 0.6, {"loss": 0.6})
    (ahead,) = log.ask(1)
    assert [log.report(ahead, loss, step) for step, loss in enumerate((2.0, 1.9, 0.45))] == [False] * 3
    assert log.rows()[-1]["state"] == "pruned"
    assert log.rows()[-1]["steps"] == [[0, 1.0], [1, 0.9], [2, 0.6]]


def test_trials_that_diverge_are_avoided(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    while log.finished < 40:
        for asked in log.ask(4):
            if asked.values["head.optimizer"] == "sgd":
                log.tell(asked, "diverged", None, {"loss": None})
            else:
                log.tell(asked, "complete", loss_of(asked.values), {})
    states = [row["state"] for row in log.rows()]
    assert states[:12].count("diverged") > states[-12:].count("diverged")


def test_what_mattered(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    go_on(log, 9)
    assert log.importance() == {}
    go_on(log, 30)
    found = log.importance()
    assert sum(found.values()) == pytest.approx(1, abs=1e-3)
    assert next(iter(found)) == "head.learning_rate"


def test_a_damaged_journal_is_explained(tmp_path: Path) -> None:
    (tmp_path / "trials.log").write_text("no json\n{}\n")
    with pytest.raises(InputError, match="damaged"):
        log_in(tmp_path)


def test_optuna_missing_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    check_optuna()
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingPackageError, match=r'pip install "regraft\[search\]"'):
        check_optuna()


def test_quiet_gives_the_log_level_back() -> None:
    logger = logging.getLogger("optuna")
    inside = logger.level
    assert inside == logging.CRITICAL
    with quiet():
        pass
    assert logger.level == inside
