"""The cats-and-dogs study: what transfer learning reaches, and what it changes about training, on two classes or more.

Each part can be called on its own: what it needs from the parts before it is computed, or read where it has been. All
of them take the `CatsStudy` they belong to; its folder keeps what they found. On more classes than two, five kinds of
flowers for instance, a softmax takes the place of the one sigmoid unit and of the comparison with it.
"""

from __future__ import annotations

import time
from typing import Any

from regraft._keras_backend import choose_keras_backend
from regraft._progress import progress
from regraft.images.labelled import ImageCollection
from regraft.runs.config import TrainConfig
from regraft.runs.environment import describe_environment
from regraft.runs.folder import RunFolder
from regraft.runs.pipeline import Report, train
from regraft.studies.cats_results import (
    TRAINED,
    FromScratch,
    all_settings,
    by_network_and_output,
    by_output,
    first_repetitions,
    from_scratch,
    scratch_runs,
    tuned_results,
    tuned_run,
)
from regraft.studies.cats_study import LAST, QUICK_PER_CLASS, CatsStudy
from regraft.studies.cats_training import (
    TunedNetwork,
    train_from_scratch,
    train_head_alone,
    tuned_config,
    with_base,
    with_fewer_images,
)
from regraft.studies.conclusions import Conclusion, conclude
from regraft.studies.results import Repetition, Results


def find(study: CatsStudy) -> ImageCollection:
    """The images, and the networks whose weights are on this machine."""
    with study.stage("find"):
        collection = study.collection
    study.folder.write_facts(
        collection={
            "name": collection.name,
            "images": len(collection.images),
            "classes": list(collection.classes),
            "skipped": len(collection.skipped),
            "splits": sorted({image.split for image in collection.images if image.split}),
        },
        outputs=list(study.outputs),
    )
    return collection


def freeze_all(study: CatsStudy) -> Results:
    """Every network with all layers frozen: its head with each kind of output, in every repetition."""
    study.refused  # noqa: B018  Keras fixes its backend at its first import: it must be one that trains, where there is
    results = study.frozen
    first = results.repetitions[0]
    facts = []
    for name, base in study.bases.items():
        run = tuned_run(study.folder, name, 0, first.seed)
        if not _done(run):
            train_head_alone(run, study.config(name, first), study.data(name, first), describe_environment())
        metrics = run.metrics()
        facts.append({**metrics["backbone"], "preprocessing": base.preprocessing.as_dict()})
    study.folder.write_facts(backbones=facts)
    return results


def one_unit_or_two(study: CatsStudy) -> dict[str, Conclusion]:
    """For each network, one sigmoid unit compared with two softmax units; nothing for more classes than two."""
    if len(study.outputs) == 1:
        return {}
    return {name: conclude(by_output(study.frozen, name), seed=study.options["seed"]) for name in study.bases}


def train_last(study: CatsStudy) -> Results | None:
    """The last 5 and the last 10 layers trained as well, compared with all layers frozen.

    Returns:
        All three for each network that is fine-tuned; None where Keras cannot train.
    """
    study.folder.write_facts(refused=study.refused)
    if study.refused is not None:
        return None
    names, heads = study.tuned_backbones, study.frozen
    epochs = study.options["tuned_epochs"]
    work = [(name, last) for name in names for last in LAST]
    with (
        study.stage("standard"),
        progress("Last layers", epochs * len(work) * len(study.repetitions), "epochs") as advance,
    ):
        for name, last in work:
            todo = [r for r in study.repetitions if not _done(tuned_run(study.folder, name, last, r.seed))]
            advance(epochs * (len(study.repetitions) - len(todo)))
            if not todo:
                continue
            network = TunedNetwork(tuned_config(study.config(name, todo[0]), last, epochs), study.data(name, todo[0]))
            for repetition in todo:
                config = study.config(name, repetition)
                network.train(
                    tuned_run(study.folder, name, last, repetition.seed),
                    tuned_config(config, last, epochs),
                    study.data(name, repetition),
                    _frozen_run(heads, name, study.outputs[0], repetition).head().weights,
                    config.head_settings()[0],
                    describe_environment(),
                    advance,
                )
    study.folder.write_facts(tuned={"backbones": list(names), "last": list(LAST), "seeds": len(study.repetitions)})
    return read_tuned(study)


def train_scratch(study: CatsStudy) -> tuple[FromScratch, ...]:
    """The same networks from random weights, each beside its frozen base, on the same images in one repetition."""
    epochs = study.options["scratch_epochs"]
    names = [name for name in study.tuned_backbones if study.scratch_base(name) is not None]
    if study.refused is not None or not epochs:
        study.folder.write_facts(scratch=[])
        return ()
    first = study.repetitions[0]
    with study.stage("standard"), progress("From scratch", epochs * len(names), "epochs") as advance:
        for name in names:
            frozen, scratch = scratch_runs(study.folder, name)
            if _done(frozen) and _done(scratch):
                advance(epochs)
                continue
            base, data = study.scratch_base(name), study.data(name, first)
            assert base is not None
            if study.options["quick"]:
                data = with_fewer_images(data, QUICK_PER_CLASS, study.options["seed"])
            data, config = with_base(data, base), study.config(name, first)
            section = config.backbone.model_copy(update={"name": base.spelling})
            config = config.model_copy(update={"backbone": section})
            train_head_alone(frozen, config, data, describe_environment())
            setting = config.head_settings()[0]
            train_from_scratch(scratch, config, data, setting, epochs, describe_environment(), advance)
    study.folder.write_facts(scratch=names)
    return tuple(from_scratch(study.folder, name) for name in names)


def read_tuned(study: CatsStudy) -> Results:
    """All layers frozen, the last 5 and the last 10 trained, in the same repetitions."""
    frozen = first_repetitions(study.frozen, len(study.repetitions))
    return tuned_results(study.folder, frozen, study.tuned_backbones, LAST)


def compare_all(study: CatsStudy) -> tuple[Results, Conclusion]:
    """All settings of the study in the same repetitions, and which is the best on validation."""
    frozen = by_network_and_output(study.frozen)
    tuned = None
    if study.refused is None:
        frozen, tuned = first_repetitions(frozen, len(study.repetitions)), read_tuned(study)
    results = all_settings(frozen, tuned)
    return results, conclude(results, seed=study.options["seed"])


def recommendation(study: CatsStudy, report_run: Report | None = None) -> RunFolder | None:
    """Train the best setting of all as a run, and measure it on the test images, once; None where all diverged."""
    results, conclusion = compare_all(study)
    if conclusion.best is None:
        return None
    run = study.folder.recommended
    if run.path.is_dir() and run.complete:
        return run
    if study.refused is not None:
        choose_keras_backend(training=False)
    with study.stage("recommended"):
        begun = (run.path / "config.toml").is_file()
        config = _config_of(study, results.settings[conclusion.best].values)
        return train(config, None if begun else run.path, resume=run.path if begun else None, report=report_run)


def run_all(study: CatsStudy, report_run: Report | None = None) -> CatsStudy:
    """All parts, and the recommended run."""
    find(study)
    freeze_all(study)
    train_last(study)
    train_scratch(study)
    recommendation(study, report_run)
    study.seconds["total"] = round(time.perf_counter() - study.started, 3)
    study.folder.write_facts(seconds=study.seconds, complete=True)
    return study


def _config_of(study: CatsStudy, values: dict[str, Any]) -> TrainConfig:
    config = study.config(values["backbone.name"], output=values["head.activation"])
    last = values.get(TRAINED)
    return tuned_config(config, last, study.options["tuned_epochs"]) if last else config


def _frozen_run(frozen: Results, backbone: str, output: str, repetition: Repetition) -> RunFolder:
    wanted = {"backbone.name": backbone, "head.activation": output}
    (row,) = [row for row, setting in enumerate(frozen.settings) if setting.values == wanted]
    return RunFolder(frozen.runs[row][frozen.repetitions.index(repetition)])


def _done(run: RunFolder) -> bool:
    return (run.path / "metrics.json").is_file()
