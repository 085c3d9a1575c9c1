"""The two-class example of the MobileNet study, dogs against flowers: its images, and its frozen head."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from regraft._files import cache_folder
from regraft.backbones.base import Base
from regraft.errors import InputError
from regraft.images.folders import SPLIT_WORDS, scan_folder
from regraft.images.labelled import ImageCollection, LabelledImage
from regraft.images.named import NAMED_SETS, open_named
from regraft.images.subsets import take_per_class
from regraft.images.walking import IMAGE_EXTENSIONS
from regraft.runs.config import BackboneConfig, ImagesConfig, TrainConfig
from regraft.runs.data import load_data
from regraft.runs.environment import describe_environment
from regraft.runs.fitting import fit_heads, head_answers
from regraft.runs.folder import RunFolder
from regraft.runs.recording import (
    backbone_facts,
    chosen_facts,
    collection_facts,
    image_counts,
    write_head,
    write_inputs,
    write_measured,
)
from regraft.training.choice import choose

DOGS, FLOWERS, NAME = "dogs", "flowers", "dogs against flowers"

_NAMED = "cats-and-dogs"
_WORDS = ("dog", "dogs")
_FLOWERS = frozenset(("daisy", "dandelion", "roses", "sunflowers", "tulips"))  # the classes of the named set


def find_dogs(path: Path | None) -> ImageCollection | str:
    """Photographs of dogs, all of one class.

    Args:
        path: a folder of them, or one with a class folder `dogs`; None for those of `cats-and-dogs`, if that set is on
            this machine: it is not downloaded for this.

    Returns:
        The images, or in a sentence why there are none.

    Raises:
        InputError: no dogs in the folder that was given.
    """
    if path is None:
        known = NAMED_SETS[_NAMED]
        folder = cache_folder() / "datasets" / known.name
        if not any((folder / name).exists() for name in (known.folder, *(file.name for file in known.files))):
            return f"no folder of dogs was given with --dogs, and the data set {_NAMED} is not on this machine"
        return _as(open_named(_NAMED, classes=_WORDS[1:]).images, DOGS)
    if not path.is_dir():
        raise InputError(f"There is no folder {path}.", expected="a folder of photographs of dogs")
    if wanted := _dog_folders(path):
        return _as(scan_folder(path, wanted).images, DOGS)
    if any(file.suffix.lower() in IMAGE_EXTENSIONS for file in path.iterdir()):
        whole = path.resolve()
        return _as(scan_folder(whole.parent, [whole.name]).images, DOGS)
    raise InputError(
        f"There are no dogs in {path}.",
        expected="a folder of photographs of dogs, or one with a class folder called dogs",
        received="neither",
    )


def check_flowers(classes: Sequence[str], path: Path | None) -> str | None:
    """Why the images of a study cannot stand for flowers; None where they can.

    Args:
        classes: theirs.
        path: the folder of dogs that was given: whoever gives one says that the other images are flowers.

    Raises:
        InputError: a folder was given, and there are dogs among the classes.
    """
    if path is None:
        known = _FLOWERS.issuperset(name.lower() for name in classes)
        return None if known else "no folder of dogs was given with --dogs, and the images are not known to be flowers"
    if found := [name for name in classes if name.lower() in _WORDS]:
        raise InputError(
            "Dogs against flowers needs images without dogs.",
            expected="--images with classes of flowers",
            received=f"a class {found[0]}",
            hint="leave --dogs out",
        )
    return None


def _dog_folders(path: Path) -> list[str]:
    """Names of class folders of dogs, in the folder itself or in those of its splits."""
    places = [path, *(folder for folder in path.iterdir() if folder.is_dir() and folder.name.lower() in SPLIT_WORDS)]
    return sorted({f.name for place in places for f in place.iterdir() if f.is_dir() and f.name.lower() in _WORDS})


def dogs_and_flowers(dogs: ImageCollection, flowers: ImageCollection, most: int, seed: int) -> ImageCollection:
    """As many dogs as flowers, at most so many of each, drawn by a seed; no splits of their own."""
    both = [_as(dogs.images, DOGS), _as(flowers.images, FLOWERS)]
    known = {image.sha256 for image in both[0].images}
    both[1] = replace(both[1], images=tuple(image for image in both[1].images if image.sha256 not in known))
    count = min(most, *(len(one.images) for one in both))
    images = [
        replace(image, name=f"{image.label}/{image.name}")  # names of two collections may be the same
        for one in both
        for image in take_per_class(one, count, seed=seed).images
    ]
    return ImageCollection(NAME, tuple(images), classes=(DOGS, FLOWERS))


def dogs_config(base: Base, seed: int) -> TrainConfig:
    """The config of dogs against flowers: how it is split and trained."""
    return TrainConfig(
        images=ImagesConfig(source=NAME, exact=True, test_seed=seed),
        backbone=BackboneConfig(name=base.spelling, precision="f32"),
        seed=seed,
    )


def train_dogs(run: RunFolder, collection: ImageCollection, base: Base, seed: int) -> dict[str, Any]:
    """Trains the usual grid of heads on frozen features, chooses one on validation, and measures it on test, once.

    Returns:
        The metrics of the run, which is recorded.
    """
    started = time.perf_counter()
    config = dogs_config(base, seed)
    data = load_data(collection, base, config)
    train, validation = data.rows("train"), data.rows("validation")
    trained = fit_heads(data, config, train, validation, settings=config.head_settings(), epochs=config.head.epochs)
    chosen = choose(trained)
    weights = trained.best_weights[chosen]
    answers = {name: head_answers(weights, data, data.rows(name), config) for name in ("validation", "test")}
    tested = data.rows("test")
    is_right = answers["test"].argmax(axis=1) == data.labels[tested]
    run.path.mkdir(parents=True, exist_ok=True)
    write_inputs(run, config, describe_environment(), data)
    run.write_history({"phase": "grid", **row} for row in trained.history_rows())
    write_head(run, config, data, weights, trained.settings[chosen])
    metrics = {
        **write_measured(run, data, answers),
        "chosen": chosen_facts(trained, chosen),
        "images": image_counts(data),
        "collection": collection_facts(data),
        "backbone": backbone_facts(data),
        "wrong": [image.name for image, right in zip(data.chosen(tested), is_right, strict=True) if not right],
        "seconds": {"training": round(time.perf_counter() - started, 3)},
        "warnings": [],
    }
    run.write_json("metrics", metrics)
    return metrics


def _as(images: Sequence[LabelledImage], label: str) -> ImageCollection:
    """The images as those of one class, without splits; groups remain."""
    own = tuple(replace(image, label=label, split=None) for image in images)
    return ImageCollection(label, own, classes=(label,))
