from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly

from regraft.api import compare, finetune_run, run_config
from regraft.errors import InputError, MissingPackageError
from regraft.images.augmentation import Augmentation
from regraft.runs import control, pipeline
from regraft.runs._control_facts import control_warnings
from regraft.runs.config import TrainConfig
from regraft.runs.control import is_control, plan_control
from regraft.runs.data import RunData
from regraft.runs.folder import RunFolder
from regraft.training import finetuning
from regraft.training.finetuning import Finetuned
from regraft.transfer import scratch
from regraft.transfer.scratch import Scratch, ScratchSettings, TriedRate

MakeConfig = Callable[..., TrainConfig]
pytestmark = pytest.mark.usefixtures("quickly")

CONTROL = {"epochs": 3, "learning_rates": [1e-4, 0.01], "trial": 0.4}


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def controlled(
    small_config: MakeConfig, told: list[str], frozen: RunFolder, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    """The run `frozen` with a control."""
    output = tmp_path_factory.mktemp("control") / "run"
    with eagerly(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "save_joined", saved)
        return run_config(small_config(control=CONTROL), output, tell=told.append)


def saved(run: RunFolder, data: RunData) -> dict[str, Any]:
    """In place of building the model: it takes a while."""
    run.model.write_bytes(b"a model")
    return {}


def without_times(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics["control"].items() if name != "seconds"}


def test_the_run_is_the_one_without_a_control(controlled: RunFolder, frozen: RunFolder) -> None:
    assert controlled.complete
    ours, theirs = controlled.metrics(), frozen.metrics()
    assert (ours["test"], ours["validation"], ours["chosen"]) == (
        theirs["test"],
        theirs["validation"],
        theirs["chosen"],
    )
    assert controlled.table("predictions").equals(frozen.table("predictions"))
    assert ours["seconds"]["control"] > 0
    assert "control" not in theirs


def test_the_control_has_a_folder_of_its_own_without_a_model(controlled: RunFolder) -> None:
    folder = RunFolder(controlled.path / "control")
    assert {path.name for path in folder.path.iterdir()} == {
        "config.toml", "environment.json", "history.jsonl", "labels.txt", "metrics.json", "predictions.parquet",
        "skipped.csv", "splits.parquet",
    }  # fmt: skip
    assert folder.table("splits").equals(controlled.table("splits"))
    assert folder.config() == controlled.config()
    metrics = folder.metrics()
    assert (metrics["from_scratch"], metrics["model"]) == (True, None)
    assert metrics["backbone"]["weights_origin"] == "random"
    assert metrics["backbone"]["name"].endswith(", from random weights")
    assert "its model is not" in metrics["warnings"][0]
    phases = [(row["phase"], row["epoch"]) for row in folder.history()]
    best = controlled.metrics()["control"]["refit_epochs"]
    refitted = [("scratch refit", epoch) for epoch in range(1, best + 1)]
    assert phases == [("scratch", epoch) for epoch in range(4)] + refitted
    assert is_control(folder.path)
    assert not is_control(controlled.path)


def test_the_result_is_that_of_the_paired_comparison(controlled: RunFolder) -> None:
    facts, metrics = controlled.metrics()["control"], controlled.metrics()
    (pair,) = compare([controlled.path / "control", controlled.path]).pairs
    assert (pair.paired, pair.overlap, pair.test) == (True, "same", facts["test"])
    assert facts["difference_points"] == 100 * pair.difference
    assert facts["interval_points"] == [100 * bound for bound in pair.interval]
    assert facts["p"] == pair.p
    own = RunFolder(controlled.path / "control").metrics()["test"]
    assert facts["accuracy"] == own["accuracy"]
    assert facts["accuracy_interval"] == own["accuracy_interval"]
    assert facts["images"] == metrics["images"]["test"]
    assert pair.difference == pytest.approx(metrics["test"]["accuracy"] - facts["accuracy"])
    assert facts["kind"] in ("helps", "no difference", "hurts")


def test_how_it_was_trained_is_written_down_and_told_before(controlled: RunFolder, told: list[str]) -> None:
    facts = controlled.metrics()["control"]
    assert [(one["learning_rate"], one["epochs"]) for one in facts["tried"]] == [(1e-4, 1), (0.01, 1)]
    assert facts["learning_rate"] == min(facts["tried"], key=lambda one: one["val_loss"])["learning_rate"]
    assert (facts["epochs"], facts["budget_epochs"], facts["augmented"]) == (3, 15, False)
    # stem 3 × 3 × 3 × 4; a block 3 × 3 × 4 and 4 × 4, twice; 4 × 6; BatchNorm 2 × 5 × 4; the head 7 × 3
    assert facts["parameters"] == 108 + 2 * (36 + 16) + 24 + 2 * 20 + 21
    assert any("3 epochs, fewer than the 15 of the run" in warning for warning in facts["warnings"])
    (announced,) = told
    train, both = (controlled.metrics()["images"][name] for name in ("train", "validation"))
    assert f"2 learning rates for 1 epoch each, then 3 epochs on {train} images" in announced
    assert f"{5 * train + 3 * (train + both):,} images to learn from in all" in announced


def test_a_killed_control_is_gone_on_with_and_the_run_is_not_lost(
    controlled: RunFolder, small_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "save_joined", saved)
    write, written, shown = finetuning.write_progress, [], []

    def killed(path: Path, progress: Any) -> None:
        write(path, progress)
        written.append(path.name)
        if len(written) == 4:  # of 2 trials, 3 epochs and the refit
            raise KeyboardInterrupt

    monkeypatch.setattr(finetuning, "write_progress", killed)
    with pytest.raises(KeyboardInterrupt):
        pipeline.train(small_config(control=CONTROL), tmp_path / "run", on_measured=lambda *given: shown.append(given))
    run = RunFolder(tmp_path / "run")
    assert len(shown) == 1
    assert run.metrics()["test"] == controlled.metrics()["test"]
    assert "control" not in run.metrics()
    assert not run.complete
    assert is_control(run.path / "control")
    pipeline.train(run.config(), resume=run.path)
    again = written[4:]
    assert again.count("scratch.safetensors") == 1
    assert not [name for name in again if "rate" in name]
    assert without_times(run.metrics()) == without_times(controlled.metrics())
    ours, theirs = (RunFolder(one.path / "control").table("predictions") for one in (run, controlled))
    assert ours.equals(theirs)
    assert not list((run.path / "control").glob("*.safetensors"))


def test_a_refit_that_diverges_leaves_the_chosen_network(
    small_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "save_joined", saved)
    train = scratch.train_scratch

    def diverging(*given: Any, **options: Any) -> Scratch:
        if options["validation"] is None:
            raise InputError("Fine-tuning diverged.")
        return train(*given, **options)

    monkeypatch.setattr(control, "train_scratch", diverging)
    config = small_config(control={"epochs": 1, "learning_rates": [0.01]})
    facts = pipeline.train(config, tmp_path / "run").metrics()["control"]
    assert facts["refit_epochs"] == 0
    assert facts["tried"] == []
    assert any("the control diverged" in warning for warning in facts["warnings"])
    assert {row["phase"] for row in RunFolder(tmp_path / "run" / "control").history()} == {"scratch"}


def test_the_plan_follows_the_run(small_config: MakeConfig, made_data: Callable[..., RunData]) -> None:
    def planned(**sections: Any) -> control.ControlPlan:
        config = small_config(control={}, **sections)
        return plan_control(pipeline.find_base(config.backbone), config)

    plan = planned()
    assert (plan.settings.epochs, plan.refit, plan.budget) == (15, True, 15)
    tuned = planned(finetune={"epochs": 4, "refit": False})
    assert (tuned.settings.epochs, tuned.refit, tuned.budget) == (19, False, 19)

    def policy(**sections: Any) -> Augmentation:
        config = small_config(control={}, **sections)
        data = made_data(config, augmentation=Augmentation(horizontal_flip=True))
        return control._policy(data, config)

    assert policy().changes_nothing
    assert policy(augmentation={"views": 2}).horizontal_flip
    assert policy(finetune={}).horizontal_flip
    assert policy(finetune={}, augmentation={"views": 0}).changes_nothing
    assert policy(augmentation={"test_views": 2}).changes_nothing


def test_without_a_training_backend_it_is_refused_before_any_work(
    small_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*, training: bool) -> None:
        if training:
            raise MissingPackageError("Training through Keras", "tensorflow")

    monkeypatch.setattr(pipeline, "check_keras_backend", missing)
    monkeypatch.setattr(pipeline, "_images", lambda *_: pytest.fail("work was begun"))
    with pytest.raises(MissingPackageError, match="tensorflow"):
        pipeline.train(small_config(control={}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_fine_tuned_copy_of_a_run_has_no_control_of_its_own(
    controlled: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainConfig] = []
    monkeypatch.setattr("regraft.api.run_config", lambda config, *_, **__: asked.append(config))
    finetune_run(controlled.path, None, {"finetune": {"blocks": 1}})
    assert asked[0].control is None
    assert asked[0].finetune is not None


@pytest.mark.parametrize(
    ("best", "rate", "losses", "words"),
    [
        (2, 0.01, [0.6, 0.5, None], "last one"),
        (0, 0.01, [0.6, 0.5, 0.6], "than its random start"),
        (1, 0.001, [None, None, None], "Every learning rate"),
        (1, 0.1, [0.6, 0.6, 0.5], "highest learning rate"),
        (1, 0.001, [0.5, 0.6, 0.6], "lowest learning rate"),
        (1, 0.01, [0.7, 0.69, 0.7], "better than guessing"),
    ],
)
def test_warnings(best: int, rate: float, losses: list[float | None], words: str) -> None:
    tried = tuple(TriedRate(10.0**-place, 1, loss, 0.5) for place, loss in zip((3, 2, 1), losses, strict=True))
    chosen = Scratch(None, tried, ScratchSettings(2, (rate,), 1).of(rate, 2), Finetuned((), best, False, 1.0))  # type: ignore[arg-type]
    (warning,) = control_warnings(chosen, 2, 2)
    assert words in warning
    diverged = replace(chosen, done=replace(chosen.done, history=({"epoch": 1, "loss": None},)))
    assert any("The control diverged" in text for text in control_warnings(diverged, 2, 2))
    (more,) = (text for text in control_warnings(chosen, 3, 2) if "fewer" in text)
    assert more.startswith("The control had 2 epochs, fewer than the 3 of the run")


def test_metrics_are_plain_json(controlled: RunFolder) -> None:
    facts = controlled.metrics()["control"]
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert np.isfinite([facts["p"], *facts["interval_points"], facts["seconds"]]).all()
