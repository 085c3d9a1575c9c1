"""The flower study: the classic assignment on transfer learning, task by task.

Each task can be called on its own: what it needs from the tasks before it is computed, or read where it has been. All
of them take the `FlowerStudy` they belong to; its folder keeps what they found. Tasks 7, 8 and 10 look at one grid of
settings, trained once on the accelerated sets {(F(x), t)} of task 9; task 10 shows that training through the
network gives the same.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._files import write_text
from regraft._keras_backend import choose_keras_backend
from regraft.backbones.base import Base
from regraft.images.labelled import SPLITS, ImageCollection
from regraft.images.splitting import count_splits
from regraft.runs.pipeline import Report
from regraft.studies.agreement import Agreement, compare_ways
from regraft.studies.conclusions import Conclusion, conclude
from regraft.studies.flower_study import FIRST_MOMENTUM, FIRST_RATE, FlowerStudy
from regraft.studies.grid import recommend
from regraft.studies.results import Results
from regraft.studies.scaling import ScalingCost, scaling_costs

Split = dict[str, tuple[Any, npt.NDArray[np.int64]]]


def task_1(study: FlowerStudy) -> ImageCollection:
    """Get the small flower data set: from a folder, or 200 seeded images a class of `flower_photos`."""
    with study.stage("find"):
        collection = study.collection
    study.folder.write_facts(
        collection={
            "name": collection.name,
            "images": len(collection.images),
            "classes": list(collection.classes),
            "skipped": len(collection.skipped),
        }
    )
    return collection


def task_2(study: FlowerStudy) -> Base:
    """Get the pretrained network; where its weights cannot be had, the one in the box, and the report says so."""
    with study.stage("graphs"):
        study.prepare()
    base = study.base
    study.folder.write_facts(
        backbone={
            "name": base.spelling,
            "weights_origin": base.weights.origin,
            "weights_sha256": base.weights.sha256,
            "size": [base.height, base.width],
            "preprocessing": base.preprocessing.as_dict(),
        }
    )
    return base


def task_3(study: FlowerStudy) -> tuple[str, str]:
    """Replace the last layer by a Dense layer of the right shape, frozen base below it; give both summaries.

    Returns:
        Keras' summary of the network as it comes, and of the one with the new layer.
    """
    base, classes = study.base, len(study.collection.classes)
    with study.stage("summaries"):
        # Keras fixes its backend at its first import; where it can train here, it must be a backend that trains.
        trains = study.standard_refused is None
        before, after = _networks(base, classes, trains)
        texts = _summary(before), _summary(after)
    for name, text in zip(("before", "after"), texts, strict=True):
        write_text(study.folder.path / f"summary_{name}.txt", text)
    trainable = sum(int(np.prod(weight.shape)) for weight in after.trainable_weights)
    study.folder.write_facts(
        parameters={
            "before": before.count_params(),
            "after": after.count_params(),
            "trainable": trainable,
            "outputs_before": int(before.output_shape[-1]),
            "outputs_after": classes,
        }
    )
    return texts


def task_4(study: FlowerStudy) -> Split:
    """Training, validation and test sets for standard transfer learning.

    Returns:
        For each split its images and their class indices {(x, t)}.
    """
    data = study.data
    counts = count_splits(data.images, data.splits.tolist())
    study.folder.write_facts(splits={label: dict(row) for label, row in counts.items()})
    return {split: (data.chosen(data.rows(split)), data.labels[data.rows(split)]) for split in SPLITS}


def task_5(study: FlowerStudy) -> Results | None:
    """Compile and train with SGD, learning rate 0.01, momentum 0, no Nesterov: through Keras, for a few epochs.

    Returns:
        The same setting trained both ways, through Keras and on cached features; None where Keras cannot train here.
    """
    return study.first


def task_6(study: FlowerStudy) -> dict[str, npt.NDArray[np.float64]]:
    """The curves of that setting for all its epochs: error is 1 − accuracy, `seconds` the time since the start.

    Returns:
        By name (`loss`, `accuracy`, `val_loss`, `val_accuracy`, `val_precision`, `val_recall`, `seconds`), (epochs,).
    """
    results = study.grid.where(head__learning_rate=FIRST_RATE, head__momentum=FIRST_MOMENTUM)
    return {name: values[0, 0] for name, values in results.curves.items()}


def task_7(study: FlowerStudy) -> Conclusion:
    """Three orders of magnitude of the learning rate, without momentum: which is best?"""
    return study.rates[1]


def task_8(study: FlowerStudy) -> Conclusion:
    """Three momenta above zero, and none, with the best learning rate of task 7: which is best?"""
    return conclude(momenta_at_best_rate(study), seed=study.options["seed"])


def momenta_at_best_rate(study: FlowerStudy) -> Results:
    """The cells that task 8 compares."""
    return study.grid.where(head__learning_rate=study.best_rate)


def task_9(study: FlowerStudy) -> Split:
    """The accelerated sets {(F(x), t)}: every image's features, computed once.

    Returns:
        For each split its features, float32 (n, width), and class indices, int64 (n,).
    """
    data = study.data
    return {split: (data.features[data.rows(split)], data.labels[data.rows(split)]) for split in SPLITS}


def task_10(study: FlowerStudy) -> tuple[Conclusion, list[Agreement]]:
    """Task 8 again on the accelerated sets: every momentum at every learning rate, and beside the standard training.

    Returns:
        The conclusion over the whole grid, and how standard and accelerated training agree where both were done.
    """
    found = [compare_ways(results) for results in (study.first, study.momenta) if results is not None]
    agreements = [agreement for group in found for agreement in group]
    study.folder.write_facts(
        agreement=[_plain(agreement) for agreement in agreements], standard_refused=study.standard_refused
    )
    return conclude(study.grid, seed=study.options["seed"]), agreements


def scaling(study: FlowerStudy) -> list[ScalingCost]:
    """What inputs scaled to 0…1 cost, where the network was trained on others; all else the same."""
    own = study.grid.where(head__momentum=0.0)
    costs = scaling_costs(own, study.wrong_scaling)
    study.folder.write_facts(scaling=[_plain(cost) for cost in costs])
    return costs


def recommendation(study: FlowerStudy, report_run: Report | None = None) -> Conclusion:
    """Train the best setting of the whole grid as a run, and measure it on the test images, once."""
    conclusion = conclude(study.grid, seed=study.options["seed"])
    declared, _ = study.folder.grid("grid")
    # Saving the model imports Keras, which fixes its backend: it must be one that trains, if task 5 is still to come.
    study.standard_refused  # noqa: B018
    with study.stage("recommended"):
        recommend(study.folder, declared, conclusion, report_run)
    return conclusion


def run_all(study: FlowerStudy, report_run: Report | None = None) -> FlowerStudy:
    """All ten tasks, the comparison of scalings, and the recommended run."""
    for task in (task_1, task_2, task_3, task_9, task_4, task_5, task_6, task_7, task_8, task_10, scaling):
        task(study)
    recommendation(study, report_run)
    study.seconds["total"] = round(time.perf_counter() - study.started, 3)
    study.folder.write_facts(seconds=study.seconds, complete=True)
    return study


def _plain(record: Agreement | ScalingCost) -> dict[str, Any]:
    """A record for JSON, which knows no NaN."""
    values = asdict(record)
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}


def _networks(base: Base, classes: int, trains: bool) -> tuple[Any, Any]:
    """The network as it comes, ending in the ImageNet classes, and with the new layer on the frozen base."""
    choose_keras_backend(training=trains)
    import keras

    from regraft.backbones.networks import base_model, build_network, load_saved_model

    if base.network is None:
        before = load_saved_model(base.weights.path)
    else:
        before = build_network(base.network, weights=None, include_top=True)
    features = base_model(base)
    output = keras.layers.Dense(classes, activation="softmax", name="head")(features.output)
    return before, keras.Model(features.input, output, name="regraft")


def _summary(model: Any) -> str:
    lines: list[str] = []
    model.summary(line_length=110, print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines) + "\n"
