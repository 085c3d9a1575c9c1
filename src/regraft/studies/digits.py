"""The digits study: does a network that knows 0 to 5 learn 6 to 9 better, and from how few images on?

Every setting is trained for a fixed number of images, so nothing is chosen; the accuracies on the way are measured on
the test images, as the textbook does it, for monitoring only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import product
from typing import Any

from regraft._files import explained_disk_errors
from regraft._keras_backend import choose_keras_backend
from regraft._progress import progress
from regraft.studies.digit_networks import Course, DigitTrainer, fixed_features, train_top
from regraft.studies.digit_tasks import nested_part
from regraft.studies.digits_study import WAYS, DigitRun, DigitsStudy, Way
from regraft.training.joining import save_model

Advance = Callable[[float], None]

_NEW = 1000  # added to the seed of a repetition: no network of the target task begins as the source network did


def run_all(study: DigitsStudy) -> DigitsStudy:
    """Trains what is not trained yet, each repetition after its source network."""
    choose_keras_backend(training=True)
    plan = study.plan
    each = len(study.repeats) * 2 * plan.every
    with progress("Digits", each * (plan.source + len(WAYS) * sum(plan.target))) as advance:
        for dropout in (False, True):
            source, target = (DigitTrainer(task.size, len(task.classes), dropout=dropout) for task in study.tasks)
            for repeat in study.repeats:
                network = _source(study, source, dropout, repeat, advance)
                _targets(study, target, network, dropout, repeat, advance)
    source_task, target_task = study.tasks
    study.folder.write_facts(
        collection={
            "name": study.collection.name,
            "images": len(study.collection.images),
            "size": list(source_task.size),
            **{
                name: {"train": len(task.labels), "test": len(task.test_labels), "classes": list(task.classes)}
                for name, task in (("source", source_task), ("target", target_task))
            },
        },
        plan={**asdict(plan), "quick": bool(study.options["quick"]), "seed": study.options["seed"]},
        seconds=study.spent(),
        complete=True,
    )
    return study


def _source(study: DigitsStudy, trainer: DigitTrainer, dropout: bool, repeat: int, advance: Advance) -> Any:
    """The source network of a repetition, trained or read."""
    import keras

    task, plan, file = study.tasks[0], study.plan, study.source_file(dropout, repeat)
    if study.find("source", dropout, 1.0, repeat) and file.is_file():
        advance(plan.source * plan.every)
        return keras.saving.load_model(file)
    trainer.begin(repeat)
    test = task.test_pixels, task.test_labels
    course = trainer.train(task.pixels, task.labels, test, plan.effort(plan.source), repeat, advance)
    with explained_disk_errors(file):
        file.parent.mkdir(exist_ok=True)
    save_model(trainer.network, file)
    if not study.find("source", dropout, 1.0, repeat):  # else only its file had gone
        study.record(_run("source", dropout, 1.0, len(task.labels), repeat, course))
    return trainer.network


def _targets(
    study: DigitsStudy, trainer: DigitTrainer, source: Any, dropout: bool, repeat: int, advance: Advance
) -> None:
    """All ways and proportions of the target task in a repetition."""
    task, plan = study.tasks[1], study.plan
    todo = [
        (way, proportion, measurements)
        for way, (proportion, measurements) in product(WAYS, zip(plan.proportions, plan.target, strict=True))
        if not study.find(way, dropout, proportion, repeat)
    ]
    advance((len(WAYS) * sum(plan.target) - sum(measurements for *_, measurements in todo)) * plan.every)
    started = time.perf_counter()
    fixed = any(way == "fixed" for way, *_ in todo)
    features = fixed_features(source, task.pixels) if fixed else None
    tested = fixed_features(source, task.test_pixels) if fixed else None
    computing = time.perf_counter() - started
    for way, proportion, measurements in todo:
        rows = nested_part(task.labels, study.images_of(proportion), repeat)
        labels, effort = task.labels[rows], plan.effort(measurements)
        if way == "fixed":
            assert features is not None
            assert tested is not None
            course = train_top(
                features[rows],
                labels,
                (tested, task.test_labels),
                len(task.classes),
                effort,
                dropout=dropout,
                seed=repeat,
                order_seed=repeat,
                advance=advance,
            )
        else:
            trainer.begin(_NEW + repeat, source if way == "throughout" else None)
            test = task.test_pixels, task.test_labels
            course = trainer.train(task.pixels[rows], labels, test, effort, repeat, advance)
        shared = computing / len(plan.proportions) if way == "fixed" else 0.0
        study.record(_run(way, dropout, proportion, len(rows), repeat, course, shared))


def _run(
    way: Way, dropout: bool, proportion: float, images: int, repeat: int, course: Course, computing: float = 0.0
) -> DigitRun:
    return DigitRun(
        way,
        dropout,
        proportion,
        images,
        repeat,
        tuple(round(value, 6) for value in course.accuracies),
        round(course.training, 3),
        round(course.measuring, 3),
        round(computing, 3),
    )
