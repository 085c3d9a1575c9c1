"""The main job: images → features → heads → the choice → the measurement → the model, into a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._keras_backend import check_keras_backend
from regraft._progress import progress
from regraft.backbones.base import Base, open_base
from regraft.errors import InputError, RegraftError
from regraft.evaluation.metrics import evaluate_predictions
from regraft.features.extraction import Extracted, extract
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile
from regraft.images.opening import open_images
from regraft.images.reading import read_image
from regraft.images.splitting import assign_splits
from regraft.runs.config import TrainConfig
from regraft.runs.environment import describe_environment
from regraft.runs.folder import RunFolder, check_output, create_run_folder
from regraft.runs.head import SavedHead
from regraft.training.choice import choose, refit
from regraft.training.heads import TrainedHeads, head_probabilities, rms_norm, train_heads

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


@dataclass(frozen=True)
class _Data:
    """The images a run works on, with the rows of their features and their splits."""

    images: tuple[LabelledImage, ...]
    classes: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]
    splits: npt.NDArray[np.str_]

    def rows(self, *names: str) -> npt.NDArray[np.int64]:
        return np.flatnonzero(np.isin(self.splits, names))

    def chosen(self, rows: npt.NDArray[np.int64]) -> list[LabelledImage]:
        return [self.images[row] for row in rows]


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
        collection = open_images(config.images.source, path=config.images.path, classes=config.images.classes)
        if resume is not None:
            collection = _as_it_was(collection, RunFolder(resume))
        _check_activation(collection, config)
        _split(collection.images, config)
        base = open_base(config.backbone.name, weights=config.backbone.weights)
    with clock.stage("features"):
        extracted = extract(collection.images, base, engine=config.backbone.engine, precision=config.backbone.precision)
        skipped = [*collection.skipped, *extracted.skipped]
        data = _assemble(collection, extracted, config)
    with clock.stage("heads"):
        trained, chosen, kernel, bias, refit_rows = _train_heads(data, base, config)

    default_name = f"{_slug(collection.name)}-{_slug(base.spelling)}"
    run = RunFolder(resume) if resume is not None else create_run_folder(output, default_name)
    run.write_config(config)
    run.write_json("environment", describe_environment())
    run.write_skipped(skipped)
    run.write_classes(data.classes)
    run.write_splits(data.images, data.splits.tolist())
    run.write_history([*({"phase": "grid", **row} for row in trained.history_rows()), *refit_rows])

    with clock.stage("measure"):
        metrics = _measure(run, data, trained, chosen, kernel, bias)
        metrics["images"]["skipped"] = len(skipped)
        metrics["collection"] = {"name": collection.name, "classes": list(data.classes)}
        metrics["backbone"] = _backbone_facts(base, extracted, data)
        metrics["warnings"] = _warnings(trained, chosen, collection, data, skipped)
        run.write_head(
            SavedHead(
                kernel,
                bias,
                config.head.activation,
                base.spelling,
                base.identity,
                (base.height, base.width),
                extracted.precision,
            )
        )
    metrics["seconds"] = clock.so_far()
    run.write_json("metrics", metrics)
    if on_measured is not None:
        on_measured(run, metrics)

    with clock.stage("model"):
        metrics["model"] = _save_joined(run, base, data, kernel, bias, config.head.activation, extracted.precision)
    with clock.stage("report"):
        if report is not None:
            report(run, {image.sha256: image for image in data.images})
    metrics["seconds"] = clock.so_far()
    run.write_json("metrics", metrics)
    return run


def _split(images: Sequence[LabelledImage], config: TrainConfig) -> list[Any]:
    wanted = config.images
    return list(
        assign_splits(images, seed=config.seed, validation=wanted.validation, test=wanted.test, exact=wanted.exact)
    )


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


def _check_activation(collection: ImageCollection, config: TrainConfig) -> None:
    if config.head.activation == "sigmoid" and len(collection.classes) != 2:
        raise InputError(
            "A sigmoid head tells two classes apart.",
            expected="2 classes",
            received=f"{len(collection.classes)}: {', '.join(collection.classes)}",
            hint="leave --activation out, or keep two classes with --classes A,B",
        )


def _assemble(collection: ImageCollection, extracted: Extracted, config: TrainConfig) -> _Data:
    """Splits what could be read. By hash no image moves when others turn out unreadable; with `exact` some may."""
    if not extracted.images:
        raise InputError(
            f"None of the {len(collection.images)} images can be read.",
            received="; ".join(dict.fromkeys(file.reason for file in extracted.skipped[:5])),
        )
    if len({image.label for image in extracted.images}) < 2:
        raise InputError(
            "Only one class has images that can be read: there is nothing to tell apart.",
            expected="readable images of at least two classes",
            received="; ".join(f"{file.name}: {file.reason}" for file in extracted.skipped[:5]),
        )
    splits = _split(extracted.images, config)
    classes = tuple(sorted({image.label for image in extracted.images}))
    index = {name: number for number, name in enumerate(classes)}
    return _Data(
        extracted.images,
        classes,
        np.array([index[image.label] for image in extracted.images], np.int64),
        extracted.features(),
        np.array(splits),
    )


def _train_heads(
    data: _Data, base: Base, config: TrainConfig
) -> tuple[TrainedHeads, int, npt.NDArray[np.float32], npt.NDArray[np.float32], list[dict[str, Any]]]:
    """The grid, the choice and the refit, on cached features or (`standard`) through Keras."""
    settings = config.head_settings()
    train_rows, validation_rows = data.rows("train"), data.rows("validation")
    both = np.concatenate([train_rows, validation_rows])
    common: dict[str, Any] = {
        "classes": len(data.classes),
        "batch_size": config.head.batch_size,
        "activation": config.head.activation,
        "order_seed": config.seed,
        "scale": rms_norm(data.features[train_rows]) if config.head.scale_features else 1.0,
    }

    def fit(rows: npt.NDArray[np.int64], validation: npt.NDArray[np.int64] | None, **options: Any) -> TrainedHeads:
        if not config.head.standard:
            held = None if validation is None else (data.features[validation], data.labels[validation])
            return train_heads(data.features[rows], data.labels[rows], validation=held, **common, **options)
        from regraft.training.standard import train_heads_standard

        seen = None if validation is None else (data.chosen(validation), data.labels[validation])
        return train_heads_standard(base, data.chosen(rows), data.labels[rows], validation=seen, **common, **options)

    rounds = config.head.epochs * (len(settings) if config.head.standard else 1)
    with progress(f"Heads ({len(settings)})", rounds, "epochs") as advance:
        trained = fit(train_rows, validation_rows, settings=settings, epochs=config.head.epochs, progress=advance)
    chosen = choose(trained)
    final = refit(trained, chosen, lambda **options: fit(both, None, **options))
    rows = [{"phase": "refit", **row} for row in final.history_rows()]
    return trained, chosen, final.kernel[0], final.bias[0], rows


def _measure(
    run: RunFolder,
    data: _Data,
    trained: TrainedHeads,
    chosen: int,
    kernel: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> dict[str, Any]:
    """Validation with the head as it was chosen, test with the refitted one; writes `predictions.parquet`."""
    validation, test = data.rows("validation"), data.rows("test")
    by_split = {
        "validation": (validation, trained.probabilities(data.features[validation], chosen)),
        "test": (test, head_probabilities(data.features[test], kernel, bias)),
    }
    counts = np.bincount(data.labels[data.rows("train")], minlength=len(data.classes))
    metrics: dict[str, Any] = {
        split: evaluate_predictions(data.labels[rows], probabilities, data.classes, majority=int(counts.argmax()))
        for split, (rows, probabilities) in reversed(by_split.items())
    }
    rows = np.concatenate([validation, test])
    run.write_predictions(
        data.chosen(rows),
        data.splits[rows].tolist(),
        np.concatenate([probabilities for _, probabilities in by_split.values()]),
        data.classes,
    )
    setting = trained.settings[chosen]
    return {
        **metrics,
        "images": {name: len(data.rows(name)) for name in ("train", "validation", "test")},
        "chosen": {
            "label": setting.label,
            "learning_rate": setting.learning_rate,
            "momentum": setting.momentum,
            "nesterov": setting.nesterov,
            "weight_decay": setting.weight_decay,
            "seed": setting.seed,
            "epoch": int(trained.best_epoch[chosen]),
            "head": chosen,
            "heads": len(trained.settings),
            "diverged": int(trained.diverged.sum()),
        },
    }


def _backbone_facts(base: Base, extracted: Extracted, data: _Data) -> dict[str, Any]:
    return {
        "name": base.spelling,
        "weights_origin": base.weights.origin,
        "weights_sha256": base.weights.sha256,
        "licence": base.network.card.licence if base.network else "that of the saved model",
        "size": [base.height, base.width],
        "features": int(data.features.shape[1]),
        "precision": extracted.precision,
        "computed": extracted.computed,
    }


def _warnings(
    trained: TrainedHeads, chosen: int, collection: ImageCollection, data: _Data, skipped: Sequence[SkippedFile]
) -> list[str]:
    found = []
    if lost := sorted({*collection.lost_classes, *collection.classes} - set(data.classes)):
        names = ", ".join(map(repr, lost))
        found.append(f"No image of {names} could be used, so the classifier does not know it: see skipped.csv.")
    if trained.diverged.any():
        labels = ", ".join(s.label for s, bad in zip(trained.settings, trained.diverged, strict=True) if bad)
        found.append(f"Training diverged for: {labels}. These heads took no part in the choice.")
    if len(skipped) > (len(collection.images) + len(collection.skipped)) / 10:
        found.append(f"{len(skipped)} files were left out, more than a tenth of what was found: see skipped.csv.")
    if trained.best_epoch[chosen] == trained.loss.shape[1]:
        found.append("The best epoch on validation was the last one: with more --epochs it may get better.")
    return found


def _save_joined(
    run: RunFolder,
    base: Base,
    data: _Data,
    kernel: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    activation: str,
    precision: str,
) -> dict[str, Any]:
    """Joins N∘F, saves it, and compares its answers for a few test images, read anew, with those of the run.

    Raises:
        RegraftError: they differ by more than the precision explains. Nothing is saved then.
    """
    from regraft.training.joining import join, save_model

    model = join(base, kernel, bias, activation)
    import keras

    # Keras' openvino backend computes in bf16 where the processor has it, whatever it is told.
    exact = precision == "f32" and keras.backend.backend() != "openvino"
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
