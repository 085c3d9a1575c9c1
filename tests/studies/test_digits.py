from __future__ import annotations

from pathlib import Path

import pytest

from regraft.studies import digits_study
from regraft.studies.digits import run_all
from regraft.studies.digits_study import PLANS, WAYS, DigitsStudy, Plan, read_runs

TINY = Plan((0.02, 1.0), 10, 20, 2, (1, 2), 1)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLANS, "small", TINY)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> DigitsStudy:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PLANS, "small", TINY)
        return run_all(DigitsStudy("digits", tmp_path_factory.mktemp("study") / "digits"))


def test_every_setting_is_trained_once(done: DigitsStudy) -> None:
    expected = {("source", dropout, 1.0, 0) for dropout in (False, True)}
    expected |= {
        (way, dropout, proportion, 0) for way in WAYS for dropout in (False, True) for proportion in (0.02, 1.0)
    }
    assert sorted(run.key for run in done.runs) == sorted(expected)
    for run in done.runs:
        measurements = TINY.source if run.way == "source" else TINY.target[run.proportion == 1.0]
        assert len(run.accuracies) == measurements
        assert all(0 <= accuracy <= 1 for accuracy in run.accuracies)
        assert run.images == (len(done.tasks[0].labels) if run.way == "source" else done.images_of(run.proportion))
    assert done.folder.complete
    assert read_runs(done.folder) == done.runs


def test_the_source_networks_are_kept(done: DigitsStudy) -> None:
    import keras

    for dropout in (False, True):
        network = keras.saving.load_model(done.source_file(dropout, 0))
        assert network.output_shape == (None, 6)


def test_a_stopped_study_goes_on_and_ends_the_same(done: DigitsStudy, tmp_path: Path) -> None:
    begun = DigitsStudy("digits", tmp_path / "digits")
    stopped_after = 5

    class Stopped(KeyboardInterrupt):
        pass

    record = begun.record

    def record_some(run: digits_study.DigitRun) -> None:
        record(run)
        if len(begun.runs) == stopped_after:
            raise Stopped

    begun.record = record_some  # type: ignore[method-assign]
    with pytest.raises(Stopped):
        run_all(begun)
    assert len(read_runs(begun.folder)) == stopped_after
    assert not begun.folder.complete
    ended = run_all(DigitsStudy(resume=begun.folder.path))
    assert [(run.key, run.accuracies) for run in ended.runs] == [(run.key, run.accuracies) for run in done.runs]
