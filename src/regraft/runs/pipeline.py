"""The main job: images → features → heads → the choice → the measurement → the model, into a run folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regraft._keras_backend import check_keras_backend
from regraft._progress import progress
from regraft.backbones.base import Base
from regraft.backbones.joint import members_of
from regraft.images.labelled import ImageCollection, LabelledImage
from regraft.runs.backbone_choice import choose_backbones
from regraft.runs.config import AUTO, TrainConfig
from regraft.runs.control import control_run, forget_control, plan_control
from regraft.runs.data import RunData, check_activation, draw_splits, find_base, find_images, load_data
from regraft.runs.environment import describe_environment
from regraft.runs.finetuning import finetune_run
from regraft.runs.fitting import fit_heads, head_answers
from regraft.runs.folder import RunFolder, check_output, create_run_folder
from regraft.runs.recording import (
    augmentation_facts,
    backbone_facts,
    chosen_facts,
    collection_facts,
    image_counts,
    warnings,
    write_head,
    write_inputs,
    write_measured,
)
from regraft.runs.same_images import same_images
from regraft.runs.saving import save_finetuned, save_joined
from regraft.runs.top_data import prepare_cut, top_data
from regraft.training.choice import choose, refit
from regraft.training.heads import TrainedHeads

Report = Callable[[RunFolder, dict[str, LabelledImage]], object]


_SEARCH = "search"  # the file that says how the backbones were chosen


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0) + time.perf_counter() - start, 3)

    def so_far(self) -> dict[str, float]:
        return {**self.seconds, "total": round(time.perf_counter() - self.started, 3)}


def train(
    config: TrainConfig,
    output: Path | None = None,
    *,
    resume: Path | None = None,
    like: RunFolder | None = None,
    on_measured: Callable[[RunFolder, dict[str, Any]], object] | None = None,
    report: Report | None = None,
    tell: Callable[[str], object] | None = None,
) -> RunFolder:
    """Trains and measures a classifier.

    The grid of heads is trained on the training images, setting and epoch are chosen by validation loss, the chosen
    setting is trained again on training and validation images together for as many epochs, and that head is
    measured on the test images, once. With a section `finetune` the top is fine-tuned in between, see
    `runs.finetuning`. With a section `control` the same network is then trained from random weights, to say whether
    transfer helped, see `runs.control`.

    Args:
        config: what to do.
        output: the run folder, new or empty; None takes the next free name under `runs/`, or beside the run it is
            `like`.
        resume: an unfinished run folder to go on with; `config` is then its own.
        like: a finished run whose images are taken, and no others; the config splits them as its own does.
        on_measured: called with the folder and the metrics as soon as test is measured, before the model is joined.
        report: called last, with the folder and the images by hash.
        tell: told what is worth knowing before long work begins.

    Raises:
        InputError: something about the images, the backbone or the folder that the user can put right.
    """
    clock = _Clock()
    config = config.with_absolute_paths()
    # What can be refused is refused before the long work, and before there is a run folder.
    config.head_settings()
    tuned = config.finetune
    check_keras_backend(training=config.head.standard or tuned is not None or config.control is not None)
    if output is not None:
        check_output(output)
    automatic = config.backbone.name == AUTO
    with clock.stage("find"):
        collection = _images(config, resume, like)
        check_activation(collection.classes, config)
        draw_splits(collection.images, config)
        search = _search_of(resume)
        if not automatic:
            base = find_base(config.backbone)
            _check_one(base, config)
    if automatic:
        with clock.stage("backbones"):
            config, search = choose_backbones(collection, config, tell)
            base = find_base(config.backbone)
    if tuned is not None:
        with clock.stage("cut"):
            parts = prepare_cut(base, config)
    if config.control is not None:
        with clock.stage("control"):
            plan = plan_control(base, config)
    with clock.stage("features"):
        data = load_data(collection, base, config)
    with clock.stage("heads"):
        trained, chosen, final = train_run_heads(data, config)
    head = final.weights[0]
    if tuned is not None:
        with clock.stage("activations"):
            inputs = top_data(data, config, parts, tell)

    default = Path("runs") / f"{_slug(collection.name)}-{_slugs(base)}"
    if like is not None:
        default = _beside(like)
    run = RunFolder(resume) if resume is not None else create_run_folder(output, default)
    write_inputs(run, config, describe_environment(), data)
    if search:
        run.write_json(_SEARCH, search)
    history = [
        *({"phase": "grid", **row} for row in trained.history_rows()),
        *({"phase": "refit", **row} for row in final.history_rows()),
    ]
    run.write_history(history)
    if tuned is not None:
        with clock.stage("finetune"):
            top = finetune_run(data, config, inputs, (trained.best_weights[chosen], head), final.settings[0], run.path)
        run.write_history([*history, *top.history])
        # Validation with the top as it was chosen, test with the one that is kept.
        answers = {"validation": top.validation, "test": top.test}
    else:
        # Validation with the head as it was chosen, test with the refitted one.
        answers = {
            "validation": head_answers(trained.best_weights[chosen], data, data.rows("validation"), config),
            "test": head_answers(head, data, data.rows("test"), config),
        }
    with clock.stage("measure"):
        measured = write_measured(run, data, answers)
        metrics: dict[str, Any] = {
            "test": measured["test"],
            "validation": measured["validation"],
            "images": image_counts(data),
            "chosen": chosen_facts(trained, chosen),
            "collection": collection_facts(data),
            "backbone": backbone_facts(data),
            "warnings": warnings(trained, chosen, data, config),
        }
        if search:
            metrics["backbone"]["search"] = search
        if facts := augmentation_facts(data, config):
            metrics["augmentation"] = facts
        if tuned is None:
            write_head(run, config, data, head, final.settings[0])
        else:
            metrics["finetune"] = top.facts
            metrics["warnings"] += top.warnings
    metrics["seconds"] = clock.so_far()
    run.write_json("metrics", metrics)
    if on_measured is not None:
        on_measured(run, metrics)

    with clock.stage("model"):
        if tuned is None:
            metrics["model"] = save_joined(run, data)
        else:
            metrics["model"] = save_finetuned(run, data, config, top)
    if config.control is not None:
        # All else is there already: this may take long, and be interrupted.
        with clock.stage("control"):
            metrics["control"] = control_run(data, config, plan, final.settings[0], run, tell)
        metrics["seconds"] = clock.so_far()
        run.write_json("metrics", metrics)
    with clock.stage("report"):
        if report is not None:
            report(run, {image.sha256: image for image in data.images})
    if tuned is not None:
        top.forget()
    if config.control is not None:
        forget_control(run)
    metrics["seconds"] = clock.so_far()
    run.write_json("metrics", metrics)
    return run


def _images(config: TrainConfig, resume: Path | None, like: RunFolder | None) -> ImageCollection:
    """The images of the run that is gone on with, of the one that this is like, or those that are there now."""
    if resume is not None and (resume / "splits.parquet").is_file():
        return same_images(config, RunFolder(resume))
    return find_images(config) if like is None else same_images(config, like)


def _search_of(resume: Path | None) -> dict[str, Any]:
    """How the backbones of a begun run were chosen: its config names them already. Nothing where they were given."""
    path = None if resume is None else resume / f"{_SEARCH}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path is not None and path.is_file() else {}


def _check_one(base: Base, config: TrainConfig) -> None:
    """Refuses what can be done with one backbone only, where there are several.

    Raises:
        InputError: the config asks for it.
    """
    if config.head.standard:
        base.refuse_several("Through Keras alone (--standard) the heads cannot be trained on them")
    if config.finetune is not None:
        base.refuse_several("They cannot be fine-tuned")
    if config.control is not None:
        base.refuse_several("There is no control for them")


def _beside(run: RunFolder) -> Path:
    """What a run that was made from another is called where nothing is said."""
    path = run.path if run.path.name not in ("", "..") else run.path.resolve()
    return path.with_name(f"{path.name}-finetuned")


def train_run_heads(data: RunData, config: TrainConfig) -> tuple[TrainedHeads, int, TrainedHeads]:
    """The grid, the choice, and the chosen head trained again on train and validation."""
    settings = config.head_settings()
    rounds = config.head.epochs * (len(settings) if config.head.standard else 1)
    with progress(f"Heads ({len(settings)})", rounds, "epochs") as advance:
        trained = fit_heads(
            data,
            config,
            data.rows("train"),
            data.rows("validation"),
            settings=settings,
            epochs=config.head.epochs,
            progress=advance,
        )
    chosen = choose(trained)
    both = np.concatenate([data.rows("train"), data.rows("validation")])
    final = refit(trained, chosen, lambda **options: fit_heads(data, config, both, None, **options))
    return trained, chosen, final


def _slugs(base: Base) -> str:
    """A part of a folder name for a backbone or several."""
    return "+".join(_slug(member.spelling) for member in members_of(base))[:120]


def _slug(text: str) -> str:
    """A part of a folder name: letters, digits and a few signs, never empty."""
    name = Path(text).stem if text.endswith(".keras") else Path(text).name
    kept = "".join(sign if sign.isalnum() or sign in "._@-" else "-" for sign in name).strip("-.")
    return kept[:60] or "images"
