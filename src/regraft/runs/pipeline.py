"""The main job: images → features → heads → the choice → the measurement → the model, into a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._keras_backend import check_keras_backend
from regraft._progress import progress
from regraft.errors import InputError, RegraftError
from regraft.images.labelled import ImageCollection, LabelledImage
from regraft.images.reading import read_image
from regraft.runs.config import TrainConfig
from regraft.runs.data import RunData, check_activation, draw_splits, find_base, find_images, load_data
from regraft.runs.environment import describe_environment
from regraft.runs.fitting import fit_heads
from regraft.runs.folder import RunFolder, check_output, create_run_folder
from regraft.runs.recording import (
    backbone_facts,
    chosen_facts,
    collection_facts,
    image_counts,
    warnings,
    write_head,
    write_inputs,
    write_measured,
)
from regraft.training.choice import choose, refit
from regraft.training.heads import TrainedHeads, head_probabilities

_CHECKED = 16  # images the joined model is compared on
# Of a probability, where both compute in f32, and where either may use bf16; a wrong preprocessing or class order gives
# differences near 1.
_TOLERANCE_F32, _TOLERANCE_BF16 = 0.01, 0.2

Report = Callable[[RunFolder, dict[str, LabelledImage]], object]


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def so_far(self) -> dict[str, float]:
        return {**self.seconds, "total": round(time.perf_counter() - self.started, 3)}


def train(
    config: TrainConfig,
    output: Path | None = None,
    *,
    resume: Path | None = None,
    on_measured: Callable[[RunFolder, dict[str, Any]], object] | None = None,
    report: Report | None = None,
) -> RunFolder:
    """Trains and measures a classifier.

    The grid of heads is trained on the training images, setting and epoch are chosen by validation loss, the chosen
    setting is trained again on training and validation images together for as many epochs, and that head is
    measured on the test images, once.

    Args:
        config: what to do.
        output: the run folder, new or empty; None takes the next free name under `runs/`.
        resume: an unfinished run folder to go on with; `config` is then its own.
        on_measured: called with the folder and the metrics as soon as test is measured, before the model is joined.
        report: called last, with the folder and the images by hash.

    Raises:
        InputError: something about the images, the backbone or the folder that the user can put right.
    """
    clock = _Clock()
    config = config.with_absolute_paths()
    # What can be refused is refused before the long work, and before there is a run folder.
    config.head_settings()
    check_keras_backend(training=config.head.standard)
    if output is not None:
        check_output(output)
    with clock.stage("find"):
        collection = find_images(config)
        if resume is not None:
            collection = _as_it_was(collection, RunFolder(resume))
        check_activation(collection.classes, config)
        draw_splits(collection.images, config)
        base = find_base(config.backbone)
    with clock.stage("features"):
        data = load_data(collection, base, config)
    with clock.stage("heads"):
        trained, chosen, final = _train_heads(data, config)
    kernel, bias = final.kernel[0], final.bias[0]

    default_name = f"{_slug(collection.name)}-{_slug(base.spelling)}"
    run = RunFolder(resume) if resume is not None else create_run_folder(output, default_name)
    write_inputs(run, config, describe_environment(), data)
    run.write_history(
        [
            *({"phase": "grid", **row} for row in trained.history_rows()),
            *({"phase": "refit", **row} for row in final.history_rows()),
        ]
    )
    with clock.stage("measure"):
        # Validation with the head as it was chosen, test with the refitted one.
        validation, test = data.rows("validation"), data.rows("test")
        measured = write_measured(
            run,
            data,
            {
                "validation": trained.probabilities(data.features[validation], chosen),
                "test": head_probabilities(data.features[test], kernel, bias),
            },
        )
        metrics: dict[str, Any] = {
            "test": measured["test"],
            "validation": measured["validation"],
            "images": image_counts(data),
            "chosen": chosen_facts(trained, chosen),
            "collection": collection_facts(data),
            "backbone": backbone_facts(data),
            "warnings": warnings(trained, chosen, data, config),
        }
        write_head(run, config, data, kernel, bias)
    metrics["seconds"] = clock.so_far()
    run.write_json("metrics", metrics)
    if on_measured is not None:
        on_measured(run, metrics)

    with clock.stage("model"):
        metrics["model"] = _save_joined(run, data, kernel, bias, config.head.activation)
    with clock.stage("report"):
        if report is not None:
            report(run, {image.sha256: image for image in data.images})
    metrics["seconds"] = clock.so_far()
    run.write_json("metrics", metrics)
    return run


def _as_it_was(collection: ImageCollection, run: RunFolder) -> ImageCollection:
    """The images an unfinished run was made from, and no others: what was test stays test, and is all of it.

    Raises:
        InputError: some of them are gone or have changed.
    """
    if not (run.path / "splits.parquet").is_file():
        return collection
    recorded = set(run.table("splits")["sha256"].to_pylist())
    images = tuple(image for image in collection.images if image.sha256 in recorded)
    if missing := recorded - {image.sha256 for image in images}:
        raise InputError(
            f"{len(missing)} of the {len(recorded)} images that {run.path} was made from are gone or have changed.",
            hint="start a new run with `regraft train`",
        )
    return replace(collection, images=images)


def _train_heads(data: RunData, config: TrainConfig) -> tuple[TrainedHeads, int, TrainedHeads]:
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


def _save_joined(
    run: RunFolder,
    data: RunData,
    kernel: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    activation: str,
) -> dict[str, Any]:
    """Joins N∘F, saves it, and compares its answers for a few test images, read anew, with those of the run.

    Raises:
        RegraftError: they differ by more than the precision explains. Nothing is saved then.
    """
    from regraft.training.joining import join, save_model

    base = data.base
    model = join(base, kernel, bias, activation)
    import keras

    # Keras' openvino backend computes in bf16 where the processor has it, whatever it is told.
    exact = data.precision == "f32" and keras.backend.backend() != "openvino"
    tolerance = _TOLERANCE_F32 if exact else _TOLERANCE_BF16
    rows = data.rows("test")[:_CHECKED]
    pixels = np.stack([read_image(image.source, (base.height, base.width)) for image in data.chosen(rows)])
    answers = np.asarray(model.predict_on_batch(pixels), np.float32)
    expected = head_probabilities(data.features[rows], kernel, bias)
    # The median over the images: one on the border between two classes may well differ by more.
    difference = float(np.median(np.abs(answers - expected[:, -answers.shape[1] :]).max(axis=1)))
    if not difference <= tolerance:
        raise RegraftError(
            f"The joined model does not agree with the run: probabilities differ by {difference:.3f} "
            f"(at most {tolerance} was expected). This is a fault of regraft: please report it."
        )
    save_model(model, run.model)
    return {"images_compared": len(rows), "median_difference": difference}


def _slug(text: str) -> str:
    """A part of a folder name: letters, digits and a few signs, never empty."""
    name = Path(text).stem if text.endswith(".keras") else Path(text).name
    kept = "".join(sign if sign.isalnum() or sign in "._@-" else "-" for sign in name).strip("-.")
    return kept[:60] or "images"
