"""`--backbone auto`: which backbones a run uses at once, chosen by cross-validation on what is not test."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._progress import progress
from regraft.backbones.base import Base, open_base
from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.joint import SIGN
from regraft.backbones.names import BackboneName
from regraft.backbones.weights import local_weights
from regraft.errors import InputError
from regraft.features.augmented import ExtractedViews, extract_views
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import ImageCollection, LabelledImage
from regraft.runs.config import TrainConfig
from regraft.runs.data import draw_splits
from regraft.transfer.fusing import AT_MOST, Step, choose_set, gram_matrix

SIZE = 320
"""Every candidate reads images of so many pixels a side, each at its own size and at this one."""

LARGEST_SAMPLE = 1500
"""Images that the choice is made on, at most: its time grows with their number cubed."""

LONGEST = 300.0
"""Seconds after which no further candidate is begun."""


def choose_backbones(
    collection: ImageCollection,
    config: TrainConfig,
    tell: Callable[[str], object] | None = None,
    *,
    longest: float = LONGEST,
) -> tuple[TrainConfig, dict[str, Any]]:
    """Chooses backbones among those whose weights are on this machine, see `transfer.fusing.choose_set`.

    Only training and validation images take part, at most `LARGEST_SAMPLE` of them, drawn by their content; images of
    one group are left out together. The cheapest candidates come first, and none is begun after `longest` seconds. All
    read images at `SIZE`; the run reads them at the size of the largest backbone chosen, which may be less.

    Args:
        collection: the images of the run.
        config: of the run; its backbone is `auto`.
        tell: told what is done and what was left out.

    Returns:
        The config with the backbones' names in place of `auto`, and for `metrics.json` how they were found: `images`,
        `size`, `steps` (`added`, `accuracy`, `gain`, `standard_error`, `taken` and `tried`), `left_out` and `seconds`.

    Raises:
        InputError: no weights are on this machine, a setting does not go with `auto`, or no image can be read.
    """
    _check(config)
    started = time.perf_counter()
    bases, left_out = candidates(config)
    free: Sequence[LabelledImage] = collection.images
    if config.images.exact:  # an unreadable file would move others: only of what can be read is it known what is test
        free = _extracted(free, bases[0], config).images
    images: Sequence[LabelledImage] = _sample(free, config)
    grams: dict[str, npt.NDArray[np.float32]] = {}
    rows: dict[str, list[str]] = {}  # the images that each candidate could read, by hash
    for number, base in enumerate(bases, 1):
        if grams and time.perf_counter() - started > longest:
            late = bases[number - 1 :]
            left_out += [f"{base.spelling} (after {longest:.0f} s no further one is begun)" for base in late]
            break
        if tell is not None:
            tell(f"Candidate {number} of {len(bases)}: {base.spelling}, on {len(images)} images")
        found = _extracted(images, base, config)
        images = found.images
        if not images:
            raise InputError("None of the images can be read.", received=found.skipped[0].reason)
        rows[base.spelling] = [image.sha256 for image in images]
        grams[base.spelling] = gram_matrix(found.view(0))
    names = sorted({image.label for image in images})
    labels = np.array([names.index(image.label) for image in images], np.int64)
    groups = [image.group or image.sha256 for image in images]
    kept = {name: _of(gram, rows[name], images) for name, gram in grams.items()}
    with progress("Backbones together", len(kept) * min(AT_MOST, len(kept)), "sets") as advance:
        steps = choose_set(kept, labels, groups, len(names), progress=advance)
    name = SIGN.join(step.added for step in steps if step.taken)
    seconds = round(time.perf_counter() - started, 3)
    if tell is not None:
        tell(_told(steps, name, len(images), seconds, left_out))
    facts = {
        "images": len(images),
        "size": SIZE,
        "steps": [{**vars(step), "accuracy": round(step.accuracy, 6), "gain": round(step.gain, 6)} for step in steps],
        "left_out": left_out,
        "seconds": seconds,
    }
    return config.model_copy(update={"backbone": config.backbone.model_copy(update={"name": name})}), facts


def _check(config: TrainConfig) -> None:
    """Refuses what goes with one backbone, or with a known one, only."""
    wrong = {
        "--weights": config.backbone.weights is not None,
        "another scaling of the inputs": config.backbone.scaling != "own",
        "--finetune": config.finetune is not None,
        "--control": config.control is not None,
        "--standard": config.head.standard,
    }
    if received := [name for name, given in wrong.items() if given]:
        raise InputError(
            "Backbones that are chosen do not go with that.",
            expected="--backbone auto without it, or a backbone by name",
            received=", ".join(received),
        )


def candidates(config: TrainConfig) -> tuple[list[Base], list[str]]:
    """What there is to choose from, the cheapest first, and what cannot take part, with the reason.

    Raises:
        InputError: no weights are on this machine.
    """
    bases, left_out = [], []
    for card in CATALOGUE.values():
        for alpha in card.alphas or (1.0,):
            if local_weights(BackboneName(card.name, alpha)) is None:
                continue
            for size in dict.fromkeys((card.size, SIZE)):
                try:
                    base = open_base(str(BackboneName(card.name, alpha, size)), pooling=config.backbone.pooling)
                    bases.append(base.read_at(SIZE, SIZE))
                except InputError as error:
                    left_out.append(f"{BackboneName(card.name, alpha)}@{size} ({error.problem})")
    if not bases:
        raise InputError(
            "There is no backbone to choose from.",
            expected="weights of at least one network on this machine",
            received="; ".join(left_out) or "none",
            hint="name one with --backbone: its weights are fetched then",
        )
    return sorted(bases, key=_cost), left_out


def _cost(base: Base) -> float:
    """A rough measure of a convolutional network's work: every weight is used for every so many pixels."""
    size = base.network.size if base.network else SIZE
    return float(base.weights.path.stat().st_size) * size**2


def _extracted(images: Sequence[LabelledImage], base: Base, config: TrainConfig) -> ExtractedViews:
    """The features of the plain images, computed as the config says."""
    wanted = config.backbone
    return extract_views(images, base, Augmentation(), 0, engine=wanted.engine, precision=wanted.precision)


def _sample(images: Sequence[LabelledImage], config: TrainConfig) -> list[LabelledImage]:
    """Those of the images that are not test which the choice is made on, in their order."""
    splits = draw_splits(images, config)
    free = [image for image, split in zip(images, splits, strict=True) if split != "test"]
    drawn = sorted(free, key=lambda image: hashlib.sha256(f"{config.seed}:{image.sha256}".encode()).digest())
    kept = {image.sha256 for image in drawn[:LARGEST_SAMPLE]}
    return [image for image in free if image.sha256 in kept]


def _of(gram: npt.NDArray[np.float32], rows: Sequence[str], images: Sequence[LabelledImage]) -> npt.NDArray[np.float32]:
    """The part of a matrix for the images that every candidate could read."""
    if len(rows) == len(images):
        return gram
    place = {sha256: row for row, sha256 in enumerate(rows)}
    chosen = [place[image.sha256] for image in images]
    return gram[np.ix_(chosen, chosen)]


def _told(steps: Sequence[Step], name: str, images: int, seconds: float, left_out: Sequence[str]) -> str:
    best = [step for step in steps if step.taken][-1]
    text = f"Chosen in {seconds:.0f} s: {name}, {best.accuracy:.1%} of {images} images when each is left out"
    return f"{text}; left out: {', '.join(left_out)}" if left_out else text
