from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from small_proportions import begin, train_a_small_network_from_scratch

from regraft.errors import InputError
from regraft.studies import proportions_scratch
from regraft.studies.proportions import run_all
from regraft.studies.proportions_results import gather_results
from regraft.studies.proportions_runs import read_runs
from regraft.studies.proportions_scratch import train_from_scratch
from regraft.studies.proportions_study import ProportionsStudy
from regraft.transfer.scratch import Scratch, train_scratch

HUGE = (1e30, 1e25)  # the variances of BatchNorm are then no numbers that float32 has


def small(patch: pytest.MonkeyPatch, *rates: float) -> None:
    train_a_small_network_from_scratch(patch)
    patch.setattr(proportions_scratch, "default_rates", lambda batchnorm: rates)


def test_what_is_told_is_what_is_worked_through(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 0.001, 0.003)
    advanced: list[float] = []

    @contextmanager
    def counted(_title: str, total: float) -> Iterator[Callable[[float], None]]:
        advanced.append(-total)
        yield advanced.append

    monkeypatch.setattr(proportions_scratch, "progress", counted)
    study = begin(photos, tmp_path / "my study", scratch_epochs=2, seeds=1, fractions=(0.5, 1.0))
    said: list[str] = []
    train_from_scratch(study, said.append)
    # 60 images for 2 epochs and 30 for 3; two rates tried for one epoch on the 60, nothing else.
    assert advanced[0] == -330
    assert sum(advanced) == pytest.approx(0)
    assert "2 trainings work through 330 images" in said[0]
    assert f"--resume {shlex.quote(str(tmp_path / 'my study'))} goes on" in said[0]
    facts = study.folder.facts()["scratch"]
    assert [one["rate"] for one in facts["tried"]] == [0.001, 0.003]
    assert facts["rate"] == min(facts["tried"], key=lambda one: one["loss"])["rate"]
    assert (facts["trial_epochs"], facts["size"], facts["images"]) == (1, 32, 60)
    assert not list(study.folder.path.glob("unfinished*"))


def test_trainings_that_diverge_are_recorded_and_the_study_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, *HUGE)
    said: list[str] = []
    study = begin(photos, tmp_path / "study", scratch_epochs=2, seeds=1, fractions=(0.5, 1.0))
    run_all(study, said.append)
    runs = read_runs(study.folder)
    assert [(run.way, run.images, run.diverged) for run in runs] == [
        ("transfer", 30, False), ("transfer", 60, False), ("scratch", 60, True), ("scratch", 30, True),
    ]  # fmt: skip
    assert "the training with 30 images diverged" in said[-1]
    facts = study.folder.facts()
    assert facts["complete"]
    assert facts["scratch"]["rate"] == 1e25
    assert [one["loss"] for one in facts["scratch"]["tried"]] == [None, None]
    assert not list(study.folder.path.glob("unfinished*"))
    found = gather_results(study.folder)
    assert (found.scratch, found.diverged, found.rates_diverged) == (None, (30, 60), True)
    # It does not diverge again and again where it is gone on with.
    monkeypatch.setattr(proportions_scratch, "train_scratch", lambda *_, **__: pytest.fail("it is done"))
    assert run_all(ProportionsStudy(resume=study.folder.path)).folder.complete


def test_any_other_fault_is_raised(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 0.001)

    def faulty(*_: Any, **__: Any) -> Scratch:
        raise InputError("The image cannot be read.")

    monkeypatch.setattr(proportions_scratch, "train_scratch", faulty)
    study = begin(photos, tmp_path / "study", scratch_epochs=1, seeds=1, fractions=(1.0,))
    with pytest.raises(InputError, match="cannot be read"):
        train_from_scratch(study)
    assert read_runs(study.folder) == []


def test_the_seconds_are_those_of_all_sessions(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 0.001)
    study = begin(photos, tmp_path / "study", scratch_epochs=2, seeds=1, fractions=(1.0,))
    taken: list[float] = []

    def interrupted(images: float) -> None:
        taken.append(images)
        if sum(taken) > 60:  # in the second epoch
            raise KeyboardInterrupt

    @contextmanager
    def stopping(*_: Any) -> Iterator[Callable[[float], None]]:
        yield interrupted

    with monkeypatch.context() as patch:
        patch.setattr(proportions_scratch, "progress", stopping)
        with pytest.raises(KeyboardInterrupt):
            train_from_scratch(study)
    assert read_runs(study.folder) == []

    done: list[Scratch] = []

    def kept(*given: Any, **options: Any) -> Scratch:
        done.append(train_scratch(*given, **options))
        return done[-1]

    monkeypatch.setattr(proportions_scratch, "train_scratch", kept)
    train_from_scratch(study)
    (run,) = read_runs(study.folder)
    seconds = [row["seconds"] for row in done[0].done.history]
    assert len(seconds) == 2
    assert run.seconds == pytest.approx(sum(seconds), abs=0.002)
