"""Sets of backbones on frozen features: 5-fold accuracy with a 95 % interval, and seconds from nothing cached.

python benchmarks/fusing.py --images FOLDER [--set A+B@320 …] [--choose] [--folds 5] [--cached]

Every fold is answered by heads that `train_heads` trained on the other four, setting and epoch chosen on a quarter of
them, as `regraft train` does it. With --choose the sets of one, of two and of as many as help are chosen anew inside
every fold (`transfer.fusing.choose_set`), among all networks with weights on this machine, each at its own size and at
320 pixels. Seconds are those of the features of all members, graphs included, each computed once into an empty cache,
and of the heads of all folds; --cached takes the usual cache, for the accuracies alone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import image_folder, machine

SETS = (
    "EfficientNetLite0@320",
    "EfficientNetLite1@320",
    "EfficientNetLite0@320+MobileNet-0.75",
    "EfficientNetLite0@320+EfficientNetLite1@320",
    "EfficientNetLite1@320+EfficientNetLite2@320",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--set", action="append", dest="sets")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--cached", action="store_true")
    options = parser.parse_args()
    folder = image_folder(parser)
    print(f"# {machine()}; {folder.name}, {options.folds} folds")
    with tempfile.TemporaryDirectory() as cache:
        if not options.cached:
            os.environ["REGRAFT_WEIGHTS"] = _weights()  # before the cache is another: its own folder may be there
            os.environ["REGRAFT_CACHE"] = cache
        work = Work(folder, options.folds)
        for spelling in options.sets or SETS:
            work.show(spelling, [work.measured(spelling)] * options.folds)
        if options.choose:
            work.choose()


def _weights() -> str:
    from regraft.backbones.weights import weights_folder

    return str(weights_folder())


class Work:
    """The images, their folds, and the features that have been computed, with how long that took."""

    def __init__(self, folder: Path, folds: int) -> None:
        from sklearn.model_selection import StratifiedGroupKFold

        from regraft.images.folders import scan_folder

        self.images = scan_folder(folder).images
        self.classes = sorted({image.label for image in self.images})
        self.labels = np.array([self.classes.index(image.label) for image in self.images])
        self.groups = np.array([image.group or image.sha256 for image in self.images])
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
        self.folds = list(splitter.split(self.labels, self.labels, self.groups))
        self.features: dict[tuple[str, int], Any] = {}
        self.seconds: dict[tuple[str, int], float] = {}

    def measured(self, spelling: str) -> list[tuple[str, int]]:
        """The members of a set, by name and the size they read at; their features are there then."""
        from regraft.backbones.base import open_base
        from regraft.backbones.joint import members_of

        return [self._compute(member) for member in members_of(open_base(spelling))]

    def _compute(self, base: Any) -> tuple[str, int]:
        from regraft.features.extraction import extract

        key = (base.spelling, base.height)
        if key not in self.features:
            start = time.perf_counter()
            self.features[key] = extract(self.images, base).features()
            self.seconds[key] = time.perf_counter() - start
        return key

    def show(self, name: str, sets: Sequence[list[tuple[str, int]]], choosing: float = 0.0) -> None:
        """Prints a line about a set, or about those that were chosen in each fold."""
        from regraft.evaluation.intervals import wilson_interval

        start = time.perf_counter()
        right = sum(int(self._answers(members, *fold).sum()) for members, fold in zip(sets, self.folds, strict=True))
        heads = time.perf_counter() - start
        used = {member for members in sets for member in members}
        features = sum(self.seconds.values()) if choosing else sum(self.seconds[member] for member in used)
        low, high = wilson_interval(right, len(self.images))
        print(
            f"{name:<48} {100 * right / len(self.images):.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
            f"  {features + choosing + heads:.0f} s (features {features:.0f}, heads {heads:.1f}"
            + (f", choosing {choosing:.1f})" if choosing else ")"),
            flush=True,
        )

    def _answers(self, members: Sequence[tuple[str, int]], train: Any, test: Any) -> Any:
        """Which images of a fold are answered rightly."""
        from sklearn.model_selection import StratifiedGroupKFold

        from regraft.training.choice import choose, refit
        from regraft.training.heads import train_heads
        from regraft.training.scaling import source_scale
        from regraft.training.settings import DEFAULT_EPOCHS, default_grid

        parts = [self.features[member] for member in members]
        features, labels = np.concatenate(parts, axis=1), self.labels
        quarter = StratifiedGroupKFold(4, shuffle=True, random_state=0)
        inner, held = next(quarter.split(train, labels[train], self.groups[train]))
        inner, held = train[inner], train[held]
        common: dict[str, Any] = {
            "classes": len(self.classes),
            "order_seed": 0,
            "scale": source_scale(features[inner], [part.shape[1] for part in parts]),
        }
        trained = train_heads(
            features[inner],
            labels[inner],
            default_grid(),
            epochs=DEFAULT_EPOCHS,
            validation=(features[held], labels[held]),
            **common,
        )
        final = refit(
            trained,
            choose(trained),
            lambda **given: train_heads(features[train], labels[train], **given, **common),
        )
        return final.weights[0].probabilities(features[test]).argmax(axis=1) == labels[test]

    def choose(self) -> None:
        """The best set of one, the best of two found so, and the greedy set, each chosen inside every fold."""
        from regraft.runs.backbone_choice import candidates
        from regraft.runs.config import make_config
        from regraft.transfer.fusing import choose_set, gram_matrix

        bases, _ = candidates(make_config({"images": {"source": "x"}, "backbone": {"name": "auto"}}))
        members = {base.spelling: self._compute(base) for base in bases}
        start = time.perf_counter()
        grams = {name: gram_matrix(self.features[member]) for name, member in members.items()}
        found: dict[str, list[list[tuple[str, int]]]] = {"single best": [], "best pair": [], "greedy": []}
        for train, _ in self.folds:
            inside = {name: gram[np.ix_(train, train)] for name, gram in grams.items()}
            steps = choose_set(inside, self.labels[train], self.groups[train].tolist(), len(self.classes))
            names = [step.added for step in steps if step.taken]
            found["single best"].append([members[names[0]]])
            found["best pair"].append([members[step.added] for step in steps[:2]])
            found["greedy"].append([members[name] for name in names])
            print(f"  chosen: {' + '.join(names)}", flush=True)
        choosing = time.perf_counter() - start
        for name, sets in found.items():
            self.show(f"{name} of {len(bases)}", sets, choosing)


if __name__ == "__main__":
    main()
