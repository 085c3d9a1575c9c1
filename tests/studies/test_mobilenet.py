from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from small_mobilenet import SMALL, Finished, begin, finished, quickly, save_small_network

from regraft.images.augmentation import Augmentation
from regraft.images.reading import read_image
from regraft.runs.comparing import compare_runs
from regraft.runs.folder import RunFolder
from regraft.studies import mobilenet, mobilenet_study
from regraft.studies.mobilenet_runs import STAGES, dogs_run, read_steps, stage_run
from regraft.studies.mobilenet_study import PLAN, POLICY, MobileNetStudy
from regraft.transfer.scratch import ScratchSettings, default_rates


@pytest.fixture
def done(photos: Path) -> Finished:
    return finished(photos)


def test_a_stopped_study_goes_on_behind_what_was_done(done: Finished) -> None:
    steps, scratch = done.before
    after = read_steps(done.folder)
    assert [step.number for step in steps] == [1, 2]
    assert [step.number for step in after] == [1, 2, 3, 4]
    assert after[:2] == steps
    assert stage_run(done.folder, "scratch").metrics() == scratch
    facts = done.folder.facts()
    assert facts["complete"]
    assert facts["resumed"]
    assert sorted(path.name for path in done.folder.path.iterdir()) == [
        "runs",
        "runs.jsonl",
        "study.json",
        "study.toml",
    ]


def test_each_step_begins_with_the_best_epoch_of_the_one_before(done: Finished) -> None:
    steps = read_steps(done.folder)
    for before, after in pairwise(steps):
        best, start = before.history[before.best_epoch], after.history[0]
        assert start["epoch"] == 0
        assert start["val_accuracy"] == best["val_accuracy"]
        assert start["val_loss"] == pytest.approx(best["val_loss"], abs=2e-3)
    for step in steps:
        losses = [row["val_loss"] for row in step.history]
        assert step.best_epoch == int(np.argmin(losses))


def test_the_stages_are_measured_on_the_same_test_images_each_once(done: Finished) -> None:
    runs = {stage: stage_run(done.folder, stage) for stage in STAGES}
    metrics = {stage: run.metrics() for stage, run in runs.items()}
    assert {found["test"]["images"] for found in metrics.values()} == {6}
    assert {found["images"]["train"] for found in metrics.values()} == {18}
    first = runs["untrained"].table("splits")
    assert all(run.table("splits").equals(first) for run in runs.values())
    assert all(pair.paired for pair in compare_runs(list(runs.values()), all_pairs=True).pairs)
    steps = read_steps(done.folder)
    for stage, step in (("new-head", steps[0]), ("fine-tuned", steps[3])):
        assert metrics[stage]["validation"]["accuracy"] == step.history[step.best_epoch]["val_accuracy"]


def test_training_from_scratch_begins_as_the_untrained_network(done: Finished) -> None:
    untrained, scratch = stage_run(done.folder, "untrained"), stage_run(done.folder, "scratch")
    assert untrained.history()[0]["val_loss"] == scratch.history()[0]["val_loss"]
    trained = scratch.metrics()["trained"]
    assert (trained["tried"], trained["trial_epochs"], trained["learning_rate"]) == ([], 0, 0.01)
    assert trained["epochs"] == SMALL.scratch


def test_the_fine_tuned_network_is_saved_and_answers_as_it_was_measured(done: Finished) -> None:
    import keras

    run, data = stage_run(done.folder, "fine-tuned"), done.study.data
    model = keras.saving.load_model(run.model)
    pixels = np.stack([read_image(image.source, (16, 16)) for image in data.chosen(data.rows("test"))])
    right = np.asarray(model(pixels)).argmax(axis=1) == data.labels[data.rows("test")]
    assert right.mean() == run.metrics()["test"]["accuracy"]


def test_dogs_against_flowers(done: Finished) -> None:
    metrics = dogs_run(done.folder).metrics()
    assert metrics["collection"]["classes"] == ["dogs", "flowers"]
    assert sum(metrics["images"].values()) == 2 * SMALL.dogs
    wrong = round((1 - metrics["test"]["accuracy"]) * metrics["test"]["images"])
    assert len(metrics["wrong"]) == wrong
    assert done.folder.facts()["dogs"] is None


def test_what_is_told_and_written_of_the_images(done: Finished) -> None:
    assert "Of 75 images 30 are taken, 10 of each class." in done.told
    facts = done.folder.facts()
    assert (facts["collection"]["images"], facts["collection"]["found"]) == (30, 75)
    assert [group["pixels"] for group in facts["groups"]] == [8, 4, 2]
    assert Augmentation(horizontal_flip=True, rotation=45, zoom=(0.8, 1.0)) == POLICY
    assert done.study.data.augmentation == POLICY


def test_a_finished_study_trains_nothing_again(done: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("train_scratch", "FourSteps", "train_dogs"):
        monkeypatch.setattr(mobilenet, name, lambda *_, **__: pytest.fail("trained again"))
    with quickly():
        mobilenet.run_all(MobileNetStudy(resume=done.folder.path))


def test_without_dogs_and_without_training_from_scratch_the_rest_is_done(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with quickly():
        network = save_small_network(tmp_path / "small.keras")
        study = begin(photos, tmp_path / "study", backbone=str(network), scratch_epochs=0)
        for name in ("find", "untrained", "fine_tuned"):
            monkeypatch.setattr(mobilenet, name, lambda *_: None)
        mobilenet.run_all(study, told.append)
    assert told == [f"Dogs against flowers is left out: {study.dogs}."]
    assert study.folder.facts()["dogs"] == study.dogs
    assert not (study.folder.path / "runs").exists()
    assert not RunFolder(study.folder.path / "runs" / "scratch").path.exists()


def test_learning_rates_are_tried_where_the_plan_names_none(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asked(Exception):
        pass

    def asked(study: MobileNetStudy, settings: ScratchSettings, **options: object) -> None:
        raise Asked(settings)

    told: list[str] = []
    monkeypatch.setattr(mobilenet, "_scratch", asked)
    with quickly():
        study = begin(photos, tmp_path / "study", backbone=str(save_small_network(tmp_path / "small.keras")), seed=5)
        # Taken back before `quickly` takes back its own: the other way round its plan would remain.
        with monkeypatch.context() as patch:
            patch.setattr(mobilenet_study, "QUICK", PLAN)
            with pytest.raises(Asked) as raised:
                mobilenet.from_scratch(study, told.append)
    (settings,) = raised.value.args
    assert settings.learning_rates == default_rates(batchnorm=True)
    assert (settings.epochs, settings.trial_epochs, settings.seed) == (PLAN.scratch, PLAN.trial, 5)
    assert told == ["From scratch: 52 epochs of 18 images, all layers, 3 learning rates."]
