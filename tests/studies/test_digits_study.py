from __future__ import annotations

from pathlib import Path

import pytest

from regraft.errors import InputError
from regraft.studies.digits_study import PLANS, DigitsStudy, read_runs
from regraft.studies.folder import StudyFolder


def test_damaged_records_are_refused(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text('{"way": "scratch"}\n')
    with pytest.raises(InputError, match="damaged"):
        read_runs(StudyFolder(tmp_path))


def test_other_images_are_refused_before_there_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(InputError):
        DigitsStudy(tmp_path / "a.npz", tmp_path / "study")
    with pytest.raises(InputError, match="needs runs"):
        DigitsStudy("digits", tmp_path / "study", seeds=0)
    assert not (tmp_path / "study").exists()
    assert list(DigitsStudy("digits", tmp_path / "study", seed=4, seeds=2).repeats) == [4, 5]


def test_the_whole_plan_is_that_of_the_assignment() -> None:
    plan = PLANS["mnist"]
    assert plan.proportions == (0.005, 0.01, 0.1, 1.0)
    assert (plan.batch_size, plan.every, plan.repeats) == (100, 1000, 3)
