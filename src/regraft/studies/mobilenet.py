"""The MobileNet study: what is transfer worth on a small set of images, and how far does fine-tuning carry?

Untrained, trained from scratch, with a new head, and fine-tuned in four steps: these stages, fixed beforehand, are
measured on the test images, each once; all choices are made on validation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from regraft._keras_backend import choose_keras_backend
from regraft._progress import progress
from regraft.runs._time_left import time_left
from regraft.runs.recording import backbone_facts
from regraft.studies.mobilenet_dogs import dogs_and_flowers, train_dogs
from regraft.studies.mobilenet_runs import Step, dogs_run, is_done, plain_answers, record_stage, stage_run
from regraft.studies.mobilenet_steps import FourSteps, Tell
from regraft.studies.mobilenet_study import POLICY, MobileNetStudy
from regraft.training.joining import save_model
from regraft.training.settings import HeadSettings
from regraft.transfer.scratch import (
    Scratch,
    ScratchSettings,
    default_rates,
    forget,
    random_network,
    shorten_averages,
    train_scratch,
)


def run_all(study: MobileNetStudy, tell: Tell | None = None) -> MobileNetStudy:
    """Trains what is not trained yet.

    Args:
        study: to be done.
        tell: told what is worth knowing before long work begins.
    """
    choose_keras_backend(training=True)
    find(study, tell)
    untrained(study)
    from_scratch(study, tell)
    fine_tuned(study, tell)
    dogs_against_flowers(study, tell)
    seconds = study.seconds
    seconds["total"] = round(seconds.get("total", 0.0) + time.perf_counter() - study.started, 3)
    study.folder.write_facts(seconds=seconds, complete=True)
    return study


def find(study: MobileNetStudy, tell: Tell | None = None) -> None:
    """The images with their features, and what is said of them."""
    missing = study.folder.facts().get("missing")
    if missing and tell is not None:
        tell(f"The weights of {missing} are not to be had here: {study.base.spelling} takes its place.")
    found, kept = len(study.whole_collection.images), len(study.collection.images)
    if kept < found and tell is not None:
        tell(f"Of {found:,} images {kept:,} are taken, {study.config.images.per_class} of each class.")
    with study.stage("features"):
        data = study.data
    study.folder.write_facts(
        backbone=backbone_facts(data),
        collection={
            "name": data.collection.name,
            "images": len(data.images),
            "found": found,
            "per_class": study.config.images.per_class,
            "classes": list(data.classes),
            "skipped": len(data.skipped),
            "splits": sorted({image.split for image in data.collection.images if image.split}),
        },
        policy=POLICY.label,
    )


def untrained(study: MobileNetStudy) -> None:
    """Random weights and a random head, as the training from scratch begins."""
    run = stage_run(study.folder, "untrained")
    if is_done(run):
        return
    with study.stage("untrained"):
        settings = ScratchSettings(1, (0.001,), 1, seed=study.seed)
        start = _scratch(study, settings, stop_after=0)
        facts = {
            "label": "random weights",
            "parameters": 0,
            "epochs": 0,
            "best_epoch": 0,
            "seconds": 0.0,
            "computing_seconds": 0.0,
        }
        record_stage(run, study.config, study.data, plain_answers(study.data, start.top), facts, start.done.history)


def from_scratch(study: MobileNetStudy, tell: Tell | None = None) -> None:
    """All layers trained from random weights; learning rate and epoch are chosen on validation."""
    run, plan = stage_run(study.folder, "scratch"), study.plan
    if is_done(run) or not plan.scratch:
        return
    with study.stage("scratch"):
        rates = plan.rates or default_rates(shorten_averages(random_network(study.base, study.seed)))
        settings = ScratchSettings(plan.scratch, rates, plan.trial, seed=study.seed)
        images = len(study.data.rows("train"))
        if tell is not None:
            tell(
                f"From scratch: {settings.all_epochs} epochs of {images:,} images, all layers, "
                f"{len(rates) if settings.tries else 1} learning rate{'s' if settings.tries else ''}."
            )
        kept = study.folder.path / "unfinished-scratch.safetensors"
        total = settings.all_epochs * images
        left = time_left("From scratch", total, settings.batch_size, tell)
        with progress("From scratch", total) as advance:

            def count(number: float) -> None:
                advance(number)
                left(number)

            done = _scratch(study, settings, kept=kept, progress=count)
        facts = {
            "label": done.settings.label,
            "learning_rate": done.settings.learning_rate,
            "parameters": sum(int(np.prod(weights.shape)) for weights in done.top.whole.trainable_weights),
            "epochs": int(done.done.history[-1]["epoch"]),
            "best_epoch": done.done.best_epoch,
            "trial_epochs": plan.trial if settings.tries else 0,
            "tried": [{"rate": one.learning_rate, "loss": one.val_loss} for one in done.tried],
            "seconds": round(done.seconds, 3),
            "computing_seconds": 0.0,
        }
        record_stage(run, study.config, study.data, plain_answers(study.data, done.top), facts, done.done.history)
        forget(kept)


def fine_tuned(study: MobileNetStudy, tell: Tell | None = None) -> None:
    """The pretrained network in four steps; the first of them is the stage with the new head."""
    run = stage_run(study.folder, "fine-tuned")
    if is_done(run):
        return
    with study.stage("steps"):
        steps = FourSteps(study, tell)
        study.folder.write_facts(
            groups=[
                {"name": g.name, "pixels": g.pixels, "parameters": g.parameters, "layers": len(g.layers)}
                for g in steps.groups
            ]
        )
        for number in range(len(steps.done) + 1, 5):
            steps.run(number, finished=_record_head if number == 1 else None)
        data = study.data
        history = [{"step": step.number, **row} for step in steps.done for row in step.history]
        top = steps.whole_top()
        run.path.mkdir(parents=True, exist_ok=True)
        save_model(top.whole, run.model)
        facts = _facts_of(steps.done, "fine-tuned in four steps")
        record_stage(run, study.config, data, plain_answers(data, top), facts, history)
        steps.forget()


def dogs_against_flowers(study: MobileNetStudy, tell: Tell | None = None) -> None:
    """The two-class example, where there are photographs of dogs."""
    if isinstance(study.dogs, str):
        if tell is not None:
            tell(f"Dogs against flowers is left out: {study.dogs}.")
        study.folder.write_facts(dogs=study.dogs)
        return
    run = dogs_run(study.folder)
    if not is_done(run):
        with study.stage("dogs"):
            both = dogs_and_flowers(study.dogs, study.collection, study.plan.dogs, study.seed)
            train_dogs(run, both, study.base, study.seed)
    study.folder.write_facts(dogs=None)


def _record_head(steps: FourSteps, step: Step) -> None:
    study = steps.study
    data, facts = study.data, _facts_of([step], "new head, all layers frozen")
    answers = {split: steps.head.probabilities(data.features[data.rows(split)]) for split in ("validation", "test")}
    record_stage(stage_run(study.folder, "new-head"), study.config, data, answers, facts, step.history)


def _facts_of(steps: list[Step], label: str) -> dict[str, Any]:
    return {
        "label": label,
        "parameters": steps[-1].parameters,
        "epochs": sum(int(step.history[-1]["epoch"]) for step in steps),
        "best_epoch": steps[-1].best_epoch,
        "seconds": round(sum(step.seconds for step in steps), 3),
        "computing_seconds": round(sum(step.computing_seconds for step in steps), 3),
    }


def _scratch(
    study: MobileNetStudy,
    settings: ScratchSettings,
    *,
    stop_after: int | None = None,
    kept: Any = None,
    progress: Callable[[float], None] | None = None,
) -> Scratch:
    data = study.data
    rows = data.rows("train", "validation")
    splits = data.splits[rows]
    return train_scratch(
        data.base,
        data.chosen(rows),
        data.labels[rows],
        len(data.classes),
        settings,
        rows=np.flatnonzero(splits == "train"),
        validation=np.flatnonzero(splits == "validation"),
        head=HeadSettings(0.1, seed=study.seed),  # a linear head; its rate is that of the whole network
        augmentation=POLICY,
        stop_after=stop_after,
        kept=kept,
        progress=progress,
    )
