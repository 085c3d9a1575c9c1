"""The proportions study: how does accuracy grow with the training images, with transfer and without?

All trainings are measured on the same test images, which no choice ever looks at: the setting and the epoch of every
head are chosen by a part's own validation images, and the head is then trained again on the whole part. From random
weights, the learning rate is chosen on the largest part, and every part is trained on as a whole for a number of
epochs that is fixed beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from regraft._progress import progress
from regraft.runs.fitting import fit_heads, head_answers
from regraft.runs.recording import backbone_facts, collection_facts
from regraft.studies.proportions_parts import Part
from regraft.studies.proportions_runs import ProportionRun, measured_run
from regraft.studies.proportions_scratch import train_from_scratch
from regraft.studies.proportions_study import ProportionsStudy
from regraft.training.choice import choose, refit


def run_all(study: ProportionsStudy, tell: Callable[[str], object] | None = None) -> ProportionsStudy:
    """Trains what is not trained yet, with transfer first.

    Args:
        study: to be done.
        tell: told what is worth knowing before long work begins.
    """
    if study.options["scratch_epochs"]:
        # Keras fixes its backend at its first import: it must be one that trains, where there is one.
        study.folder.write_facts(refused=study.refused)
    with study.stage("features"):
        data = study.data
    _write_images(study)
    with study.stage("training"):
        _all_heads(study)
    if study.options["scratch_epochs"] and study.refused is None:
        with study.stage("standard"):
            train_from_scratch(study, tell)
    seconds = study.seconds
    seconds["total"] = round(seconds.get("total", 0.0) + time.perf_counter() - study.started, 3)
    study.folder.write_facts(backbone=backbone_facts(data), seconds=seconds, complete=True)
    return study


def _write_images(study: ProportionsStudy) -> None:
    data = study.data
    test = data.labels[data.rows("test")]
    counts = np.bincount(data.labels[study.pool], minlength=len(data.classes))
    study.folder.write_facts(
        collection={
            **collection_facts(data),
            "images": len(data.images),
            "skipped": len(data.skipped),
            "grouped": any(image.group for image in data.images),
            "splits": sorted({image.split for image in data.collection.images if image.split}),
            "per_class": {
                name: {"training": int(counts[row]), "test": int((test == row).sum())}
                for row, name in enumerate(data.classes)
            },
        },
        training=len(study.pool),
        test=len(test),
        majority=float((test == counts.argmax()).mean()),
        parts=[asdict(part) for part in study.parts],
    )


def _all_heads(study: ProportionsStudy) -> None:
    parts, repeats = study.usable("transfer"), study.repeats("transfer")
    with progress("With transfer", len(parts) * len(repeats), "trainings") as advance:
        for repeat in repeats:
            for part in parts:
                if study.find("transfer", part, repeat) is None:
                    study.record(_head_run(study, part, repeat))
                advance(1)


def _head_run(study: ProportionsStudy, part: Part, repeat: int) -> ProportionRun:
    """Grid, choice and refit on a part, as `regraft train` does them."""
    started = time.perf_counter()
    config, data = study.config(repeat), study.of_part(part, repeat)
    train, validation = data.rows("train"), data.rows("validation")
    trained = fit_heads(
        data, config, train, validation, settings=config.head_settings(), epochs=config.head.epochs
    )  # fmt: skip
    chosen = choose(trained)
    whole = np.concatenate([train, validation])
    final = refit(trained, chosen, lambda **options: fit_heads(data, config, whole, None, **options))
    answers = head_answers(final.weights[0], data, data.rows("test"), config)
    return measured_run(
        "transfer", part, repeat, answers.argmax(axis=1) == data.labels[data.rows("test")],
        setting=final.settings[0].label, epochs=int(trained.best_epoch[chosen]), seconds=time.perf_counter() - started,
    )  # fmt: skip
