from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.errors import InputError, MissingPackageError
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


def test_what_cannot_be_trained_is_refused_before_there_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*, training: bool) -> None:
        assert training
        raise MissingPackageError("Training through Keras", "tensorflow")

    monkeypatch.setattr("regraft.studies.digits_study.check_keras_backend", missing)
    with pytest.raises(MissingPackageError):
        DigitsStudy("digits", tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_study_goes_on_with_the_same_images_only_and_counts_all_its_time(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pixels, labels = random.integers(0, 256, (200, 8, 8), dtype=np.uint8), np.arange(200) % 10
    np.savez(tmp_path / "some.npz", x=pixels, y=labels)
    begun = DigitsStudy(tmp_path / "some.npz", tmp_path / "study")
    begun.folder.write_facts(seconds={"trainings": 1000.0, "total": 1000.0})
    assert DigitsStudy(resume=tmp_path / "study").spent()["total"] > 1000
    np.savez(tmp_path / "some.npz", x=pixels, y=labels[::-1])
    with pytest.raises(InputError, match="not those that the study began with"):
        DigitsStudy(resume=tmp_path / "study")
