from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.studies.folder import StudyFolder
from regraft.studies.proportions_parts import Part
from regraft.studies.proportions_runs import diverged_run, measured_run, read_runs, write_runs

PART = Part(0.5, 30)
RIGHT = np.array([True, False, True] * 5)


def test_trainings_are_kept(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    assert read_runs(folder) == []
    run = measured_run("transfer", PART, 1, RIGHT, setting="lr 1", epochs=3, seconds=0.12345)
    lost = diverged_run("scratch", PART, 0, setting="lr 9", epochs=20, seconds=1.0)
    assert (run.fraction, run.images, run.repeat, run.seconds, run.diverged) == (0.5, 30, 1, 0.123, False)
    assert run.answers(15).tolist() == RIGHT.tolist()
    assert (lost.right, lost.diverged) == ("", True)
    write_runs(folder, [run, lost])
    assert read_runs(folder) == [run, lost]


def test_trainings_that_were_kept_before_any_could_diverge_are_read(tmp_path: Path) -> None:
    run = measured_run("scratch", PART, 1, RIGHT, setting="lr 1", epochs=3, seconds=1.0)
    old = {name: value for name, value in asdict(run).items() if name != "diverged"}
    (tmp_path / "runs.jsonl").write_text(json.dumps(old) + "\n")
    assert read_runs(StudyFolder(tmp_path)) == [run]


@pytest.mark.parametrize("damage", ['{"way": "transfer"}\n', "{\n"])
def test_damaged_trainings_are_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "runs.jsonl").write_text(damage)
    with pytest.raises(InputError, match="damaged"):
        read_runs(StudyFolder(tmp_path))
