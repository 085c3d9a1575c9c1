"""The trainings of a proportions study from random weights: the rate from the largest part, then every part.

A part is trained on as a whole for a number of epochs that is fixed beforehand. Where a training diverges, that is
recorded, and the others go on.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

import numpy as np

from regraft._progress import progress
from regraft.errors import InputError
from regraft.images.augmentation import Augmentation
from regraft.studies.proportions_parts import Part, epochs_of
from regraft.studies.proportions_runs import ProportionRun, diverged_run, measured_run
from regraft.studies.proportions_study import ProportionsStudy
from regraft.training.finetuning import top_probabilities
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import ImagePixels
from regraft.transfer.scratch import (
    ScratchSettings,
    default_rates,
    forget,
    random_network,
    shorten_averages,
    train_scratch,
)

Advance = Callable[[float], None]

_TRIAL_SHARE = 5  # the rates are tried for a fifth of the epochs
_QUICK_RATE = 0.001
_HEAD_RATE = 0.1  # of no consequence: from scratch, the rate of the whole network is that of its head
_DIVERGED = "Fine-tuning diverged"  # how the error of `finetune` begins


def train_from_scratch(study: ProportionsStudy, tell: Callable[[str], object] | None = None) -> None:
    """Trains on every part that is not done yet, the largest one first.

    Args:
        study: whose features, splits and parts are there.
        tell: told what is to be done, and which training diverged.
    """
    parts, repeats = study.usable("scratch")[::-1], study.repeats("scratch")
    epochs, most = study.options["scratch_epochs"], parts[0].images
    shown = {part.images: epochs_of(epochs, part.images, most) * part.images for part in parts}
    todo = [(part, repeat) for repeat in repeats for part in parts if study.find("scratch", part, repeat) is None]
    if not todo:
        return
    say = tell or (lambda _: None)
    rate = study.folder.facts().get("scratch", {}).get("rate")
    rates = () if rate is not None else _rates(study)
    trial = max(1, epochs // _TRIAL_SHARE)
    total = sum(shown[part.images] for part, _ in todo) + (trial * len(rates) * most if len(rates) > 1 else 0)
    say(
        f"Without transfer, {len(todo)} trainings work through {total:,} images in all layers of the network. Each "
        f"that is done is kept: regraft study --resume {shlex.quote(str(study.folder.path))} goes on behind it."
    )
    with progress("Without transfer", total) as advance:
        if rate is None:
            rate = _chosen_rate(study, parts[0], rates, trial, advance)
        for part, repeat in todo:
            run = _trained(study, part, repeat, rate, epochs_of(epochs, part.images, most), advance)
            if run.diverged:
                say(f"Without transfer, the training with {part.images:,} images diverged; it is left out.")
            study.record(run)


def _rates(study: ProportionsStudy) -> tuple[float, ...]:
    if study.options["quick"]:
        return (_QUICK_RATE,)
    return default_rates(shorten_averages(random_network(study.scratch_base, 0)))


def _chosen_rate(study: ProportionsStudy, part: Part, rates: tuple[float, ...], epochs: int, advance: Advance) -> float:
    """The rate with the lowest validation loss in short trials on a part; kept in `study.json`.

    Where every trial diverges, the lowest rate.
    """
    rate, tried = rates[0], []
    if len(rates) > 1:
        seed = int(study.options["seed"])
        data = study.of_part(part, seed)
        train, validation = data.rows("train"), data.rows("validation")
        kept = study.folder.path / "unfinished-rates.safetensors"
        trials = train_scratch(
            study.scratch_base, data.images, data.labels, len(data.classes),
            ScratchSettings(epochs, rates, epochs, seed=seed),
            rows=train, validation=validation, head=_head(seed),
            stop_after=0,  # the trials alone
            kept=kept, progress=lambda images: advance(images * part.images / len(train)),
        )  # fmt: skip
        rate = trials.settings.learning_rate
        tried = [{"rate": one.learning_rate, "loss": one.val_loss} for one in trials.tried]
        forget(kept)
    size = study.scratch_base.height
    study.folder.write_facts(
        scratch={"rate": rate, "tried": tried, "trial_epochs": epochs, "size": size, "images": part.images}
    )
    return rate


def _trained(
    study: ProportionsStudy, part: Part, repeat: int, rate: float, epochs: int, advance: Advance
) -> ProportionRun:
    data, base = study.of_part(part, repeat), study.scratch_base
    settings = ScratchSettings(epochs, (rate,), epochs, seed=repeat)
    kept = study.folder.path / f"unfinished-{part.images}-{repeat}.safetensors"
    started, counted = time.perf_counter(), 0.0

    def count(images: float) -> None:
        nonlocal counted
        counted += images
        advance(images)

    try:
        done = train_scratch(
            base, data.images, data.labels, len(data.classes), settings,
            rows=np.concatenate([data.rows("train"), data.rows("validation")]), validation=None,
            head=_head(repeat), kept=kept, progress=count,
        )  # fmt: skip
    except InputError as error:
        if not error.problem.startswith(_DIVERGED):
            raise
        # What was kept is of no use: gone on with, it would diverge at once.
        forget(kept)
        advance(epochs * part.images - counted)
        label, seconds = settings.of(rate, epochs).label, time.perf_counter() - started
        return diverged_run("scratch", part, repeat, setting=label, epochs=epochs, seconds=seconds)
    test = data.rows("test")
    pixels = ImagePixels(data.images, (base.height, base.width), Augmentation())
    right = top_probabilities(done.top, pixels, test).argmax(axis=1) == data.labels[test]
    forget(kept)
    return measured_run(
        "scratch", part, repeat, right, setting=done.settings.label, epochs=epochs, seconds=done.seconds
    )  # fmt: skip


def _head(seed: int) -> HeadSettings:
    """A linear head."""
    return HeadSettings(_HEAD_RATE, seed=seed)
