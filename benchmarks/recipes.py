"""How accurate the recipes are that the docs recommend, by cross-validation on the same folds, and what they cost.

python benchmarks/recipes.py --images FOLDER [--recipe finetuned --recipe best] [--folds 5] [--keep FOLDER]

Nothing is stopped or chosen by the images it is measured on. Features and activations of all images are computed once,
with nothing cached ("once"); the seconds of a fold are its training and its answers. What is kept in the `--keep`
folder is not measured again, so that a stopped measurement goes on there.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _measuring import image_folder, machine

BLOCKS = 5
SMALL = "EfficientNetLite0@224"
JOINED = ("EfficientNetLite0@320", "EfficientNetLite2@320", "MobileNetV2@320")
MORE = ("EfficientNetLite0@320", "EfficientNetLite1@320", "EfficientNetLite2@384", "MobileNetV2@320")

Array = Any
Fold = Callable[[Array, Array], tuple[Array, Array]]
"""From the rows to learn from and those to answer for to class probabilities (rows, classes): of the plain images, and
averaged over them and their views."""


def main() -> None:
    members: dict[str, Callable[[Photos], Fold]] = {
        "frozen": partial(frozen, backbones=[SMALL], views=0),
        "joined": partial(frozen, backbones=JOINED, views=0),
        "more": partial(frozen, backbones=MORE, views=0),
        "finetuned": partial(finetuned, views=8, epochs=30),
    }
    recipes = {**{name: [name] for name in members}, "best": ["more", "finetuned"]}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--recipe", action="append", choices=recipes)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    photos = Photos(image_folder(parser), options.folds)
    print(f"# {machine()}; {len(photos.labels)} images, {options.folds} folds")
    print("recipe         plain: accuracy, 95 % interval   over views: accuracy, 95 % interval   once   a fold")
    with tempfile.TemporaryDirectory() as scratch:
        keep = options.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        for name in options.recipe or recipes:
            parts = [measured(members[member], photos, keep / f"{member}.npz") for member in recipes[name]]
            row = [accuracy(np.mean([part[kind] for part in parts], 0), photos) for kind in ("plain", "averaged")]
            seconds = [sum(float(part[kind]) for part in parts) for kind in ("once", "fold")]
            print(f"{name:<14} {row[0]:>31} {row[1]:>38} {seconds[0]:>5.0f} s {seconds[1]:>5.0f} s", flush=True)


class Photos:
    """The images, their labels (N,) and the folds."""

    def __init__(self, folder: Path, folds: int, seed: int = 0) -> None:
        from sklearn.model_selection import StratifiedKFold

        from regraft.images.folders import scan_folder

        collection = scan_folder(folder)
        self.images = collection.images
        self.labels = np.array([collection.classes.index(image.label) for image in self.images], np.int64)
        self.folds = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(self.labels, self.labels))

    def through(self, base: Any, views: int, dtype: str = "float32") -> Array:
        """What a base computes of the plain images and so many views: (views + 1, N, *shape)."""
        from regraft.features.augmented import extract_views
        from regraft.images.augmentation import default_augmentation

        with tempfile.TemporaryDirectory() as cache:
            os.environ["REGRAFT_CACHE"] = cache
            return extract_views(self.images, base, default_augmentation("photos"), views, dtype=dtype).features()


def measured(member: Callable[[Photos], Fold], photos: Photos, path: Path) -> dict[str, Array]:
    """The answers for every image, each from the fold that did not learn from it, and the seconds."""
    if not path.exists():
        started = time.perf_counter()
        fold = member(photos)
        once = time.perf_counter() - started
        answers = np.zeros((2, len(photos.labels), photos.labels.max() + 1), np.float32)
        started = time.perf_counter()
        for number, (learn, test) in enumerate(photos.folds, 1):
            answers[:, test] = fold(learn, test)
            right = (answers[:, test].argmax(-1) == photos.labels[test]).mean(-1)
            print(f"# {path.stem}, fold {number}: {right[0]:.1%}, over views {right[1]:.1%}", flush=True)
        seconds = (time.perf_counter() - started) / len(photos.folds)
        np.savez(path, plain=answers[0], averaged=answers[1], once=once, fold=seconds)
    with np.load(path) as kept:
        return dict(kept)


def accuracy(probabilities: Array, photos: Photos) -> str:
    from regraft.evaluation.intervals import wilson_interval

    right = int((probabilities.argmax(-1) == photos.labels).sum())
    low, high = wilson_interval(right, len(photos.labels))
    return f"{100 * right / len(photos.labels):.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def frozen(photos: Photos, backbones: Sequence[str], views: int) -> Fold:
    """Logistic regression on the features of one or more frozen backbones, each scaled to the same mean length."""
    from regraft.backbones.base import open_base
    from regraft.training.heads import rms_norm

    each = [photos.through(open_base(name), views) for name in backbones]
    features = np.concatenate([found / rms_norm(found) for found in each], axis=-1)

    def fold(learn: Array, test: Array) -> tuple[Array, Array]:
        head = regression(features[:, learn], photos.labels[learn])
        answers = np.stack([head.predict_proba(view[test]) for view in features])
        return answers[0], answers.mean(0)

    return fold


def regression(features: Array, labels: Array) -> Any:
    """Of views (V, N, D) and labels (N,), each image counting as much as one without views."""
    from sklearn.linear_model import LogisticRegression

    views, _, width = features.shape
    return LogisticRegression(C=100 / views, max_iter=500).fit(features.reshape(-1, width), np.tile(labels, views))


def finetuned(photos: Photos, views: int, epochs: int) -> Fold:
    """The last five blocks and a head that starts as logistic regression, as `regraft finetune` trains them."""
    from regraft.backbones.base import open_base
    from regraft.backbones.cuts import cut
    from regraft.backbones.names import parse_backbone
    from regraft.training.finetune_settings import FinetuneSettings
    from regraft.training.finetuning import build_top, finetune, top_probabilities
    from regraft.training.heads import HeadWeights, rms_norm
    from regraft.training.top_inputs import CachedActivations

    base = open_base(SMALL)
    at, card = cut(base, blocks=BLOCKS).at, parse_backbone(SMALL).card
    features = photos.through(base, 0)
    scale = rms_norm(features)
    inputs = CachedActivations(photos.through(open_base(SMALL, cut=at), views, "float16"))

    def fold(learn: Array, test: Array) -> tuple[Array, Array]:
        start = regression(features[:, learn] / scale, photos.labels[learn])
        kernel, offsets = (start.coef_.T / scale).astype(np.float32), start.intercept_.astype(np.float32)
        top = build_top(cut(base, at=at), HeadWeights.linear(kernel, offsets), "softmax", card=card)
        finetune(top, inputs, photos.labels, FinetuneSettings(epochs=epochs, patience=None), rows=learn)
        return top_probabilities(top, inputs, test), top_probabilities(top, inputs, test, views)

    return fold


if __name__ == "__main__":
    main()
