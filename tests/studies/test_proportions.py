from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_proportions import begin, train_a_small_network_from_scratch

from regraft.studies import proportions_scratch
from regraft.studies.proportions import run_all
from regraft.studies.proportions_runs import read_runs
from regraft.studies.proportions_study import ProportionsStudy
from regraft.training.choice import choose

FRACTIONS = (0.05, 0.5, 1.0)


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> ProportionsStudy:
    with pytest.MonkeyPatch.context() as patch:
        train_a_small_network_from_scratch(patch)
        patch.setattr(proportions_scratch, "default_rates", lambda batchnorm: (0.001,))
        study = begin(photos, tmp_path_factory.mktemp("study") / "study", scratch_epochs=2, fractions=FRACTIONS)
        return run_all(study)


def test_every_part_is_trained_on_in_every_repetition_and_measured_on_all_test_images(done: ProportionsStudy) -> None:
    runs = read_runs(done.folder)
    assert [(run.way, run.images, run.repeat) for run in runs] == [
        *(("transfer", images, repeat) for repeat in (0, 1) for images in (30, 60)),
        *(("scratch", images, 0) for images in (60, 30)),
    ]
    assert [run.epochs for run in runs if run.way == "scratch"] == [2, 3]
    facts = done.folder.facts()
    assert (facts["complete"], facts["training"], facts["test"], facts["refused"]) == (True, 60, 15, None)
    assert facts["majority"] == pytest.approx(1 / 3)
    assert [part["images"] for part in facts["parts"]] == [3, 30, 60]
    assert facts["collection"]["grouped"] is False


def test_a_head_is_chosen_on_its_part_and_trained_again_on_all_of_it(done: ProportionsStudy) -> None:
    from regraft.runs.pipeline import train_run_heads

    part = done.usable("transfer")[0]
    run, data, config = done.find("transfer", part, 1), done.of_part(part, 1), done.config(1)
    trained, chosen, final = train_run_heads(data, config)
    assert run is not None
    assert (run.setting, run.epochs) == (final.settings[0].label, int(trained.best_epoch[chosen]))
    assert chosen == choose(trained)
    test = data.rows("test")
    answers = final.weights[0].probabilities(data.features[test]).argmax(axis=1)
    np.testing.assert_array_equal(run.answers(len(test)), answers == data.labels[test])


def test_a_study_that_was_stopped_goes_on_behind_what_is_done(
    done: ProportionsStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_a_small_network_from_scratch(monkeypatch)
    before = read_runs(done.folder)
    lines = (done.folder.path / "runs.jsonl").read_text().splitlines(keepends=True)
    (done.folder.path / "runs.jsonl").write_text("".join(lines[:1] + lines[2:-1]))
    monkeypatch.setattr(proportions_scratch, "_chosen_rate", lambda *_: pytest.fail("the rate is known"))
    again = run_all(ProportionsStudy(resume=done.folder.path))
    assert again.folder.complete
    after = sorted(read_runs(done.folder), key=lambda run: (run.way, run.images, run.repeat))
    for old, new in zip(sorted(before, key=lambda run: (run.way, run.images, run.repeat)), after, strict=True):
        assert (old.way, old.images, old.repeat, old.right) == (new.way, new.images, new.repeat, new.right)


def test_where_keras_cannot_train_transfer_is_measured_all_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begin(photos, tmp_path / "study", scratch_epochs=2, seeds=1, fractions=(1.0,))
    study.__dict__["refused"] = "Keras cannot train here."
    run_all(study)
    assert [run.way for run in read_runs(study.folder)] == ["transfer"]
    assert study.folder.facts()["refused"] == "Keras cannot train here."
