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
import numpy.typing as npt

from regraft._progress import progress
from regraft.images.augmentation import Augmentation
from regraft.runs.data import RunData
from regraft.runs.fitting import fit_heads, head_answers
from regraft.runs.recording import backbone_facts, collection_facts
from regraft.studies.proportions_parts import Part, epochs_of
from regraft.studies.proportions_study import ProportionRun, ProportionsStudy, Way
from regraft.training.choice import choose, refit
from regraft.training.finetuning import top_probabilities
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import ImagePixels
from regraft.transfer.scratch import ScratchSettings, default_rates, forget, random_network, train_scratch

Advance = Callable[[float], None]

_TRIAL_SHARE = 5  # the rates are tried for a fifth of the epochs
_QUICK_RATE = 0.001
_HEAD_RATE = 0.1  # of no consequence: from scratch, the rate of the whole network is that of its head


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
            _all_from_scratch(study, tell)
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
    setting, epochs = final.settings[0].label, int(trained.best_epoch[chosen])
    return _run("transfer", part, repeat, data, answers, setting, epochs, started)


def _all_from_scratch(study: ProportionsStudy, tell: Callable[[str], object] | None) -> None:
    """The largest part first, on which the learning rate is chosen."""
    parts, repeats = study.usable("scratch")[::-1], study.repeats("scratch")
    epochs, most = study.options["scratch_epochs"], parts[0].images
    shown = {part.images: epochs_of(epochs, part.images, most) * part.images for part in parts}
    todo = [(part, repeat) for repeat in repeats for part in parts if study.find("scratch", part, repeat) is None]
    if not todo:
        return
    known = study.folder.facts().get("scratch", {})
    rates = (_QUICK_RATE,) if study.options["quick"] else default_rates(_has_batchnorm(study))
    trial = max(1, epochs // _TRIAL_SHARE)
    tried = 0 if "rate" in known or len(rates) == 1 else trial * len(rates) * most
    total = sum(shown[part.images] for part, _ in todo) + tried
    if tell is not None:
        tell(
            f"Without transfer, {len(todo)} trainings work through {total:,} images in all layers of the network. Each "
            f"that is done is kept: regraft study --resume {study.folder.path} goes on behind it."
        )
    with progress("Without transfer", total) as advance:
        rate = known.get("rate")
        if rate is None:
            rate = _chosen_rate(study, parts[0], rates, trial, advance)
        for part, repeat in todo:
            study.record(_scratch_run(study, part, repeat, rate, epochs_of(epochs, part.images, most), advance))


def _has_batchnorm(study: ProportionsStudy) -> bool:
    import keras

    network = random_network(study.scratch_base, 0)
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in network._flatten_layers())


def _chosen_rate(study: ProportionsStudy, part: Part, rates: tuple[float, ...], epochs: int, advance: Advance) -> float:
    """The rate with the lowest validation loss in short trials on the largest part; kept in `study.json`."""
    rate = rates[0]
    tried: list[dict[str, float | None]] = []
    if len(rates) > 1:
        data = study.of_part(part, study.repeats("scratch")[0])
        train, validation = data.rows("train"), data.rows("validation")
        for one in rates:
            settings = ScratchSettings(epochs, (one,), epochs, seed=study.options["seed"])
            result = train_scratch(
                study.scratch_base, data.images, data.labels, len(data.classes), settings,
                rows=train, validation=validation, head=_head(study.options["seed"]),
                progress=lambda images: advance(images * part.images / len(train)),
            )  # fmt: skip
            rows = [row for row in result.done.history if row["epoch"]]
            sound = all(row["loss"] is not None and row["val_loss"] is not None for row in rows)
            tried.append({"rate": one, "loss": min(row["val_loss"] for row in rows) if sound else None})
        losses = [np.inf if one["loss"] is None else one["loss"] for one in tried]
        rate = rates[int(np.argmin(losses))]
    size = study.scratch_base.height
    study.folder.write_facts(
        scratch={"rate": rate, "tried": tried, "trial_epochs": epochs, "size": size, "images": part.images}
    )
    return rate


def _scratch_run(
    study: ProportionsStudy, part: Part, repeat: int, rate: float, epochs: int, advance: Advance
) -> ProportionRun:
    started = time.perf_counter()
    data, base = study.of_part(part, repeat), study.scratch_base
    whole = np.concatenate([data.rows("train"), data.rows("validation")])
    kept = study.folder.path / f"unfinished-{part.images}-{repeat}.safetensors"
    done = train_scratch(
        base, data.images, data.labels, len(data.classes),
        ScratchSettings(epochs, (rate,), epochs, seed=repeat),
        rows=whole, validation=None, head=_head(repeat), kept=kept, progress=advance,
    )  # fmt: skip
    pixels = ImagePixels(data.images, (base.height, base.width), Augmentation())
    answers = top_probabilities(done.top, pixels, data.rows("test"))
    forget(kept)
    return _run("scratch", part, repeat, data, answers, done.settings.label, epochs, started)


def _head(seed: int) -> HeadSettings:
    """A linear head."""
    return HeadSettings(_HEAD_RATE, seed=seed)


def _run(
    way: Way,
    part: Part,
    repeat: int,
    data: RunData,
    answers: npt.NDArray[np.float32],
    setting: str,
    epochs: int,
    started: float,
) -> ProportionRun:
    right = answers.argmax(axis=1) == data.labels[data.rows("test")]
    digits = np.packbits(right).tobytes().hex()
    seconds = round(time.perf_counter() - started, 3)
    return ProportionRun(way, part.fraction, part.images, repeat, digits, setting, epochs, seconds)
