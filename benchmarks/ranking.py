"""How far the cheap scores can be trusted: their order of backbones against that of the linear probe.

python benchmarks/ranking.py [--set NAME=FOLDER …] [--size 0 --size 160 --size 320] [--count N] [--json FILE]

The networks are those whose weights are on this machine, each at every size (0: its usual one); the sets are the
flowers and the cats and dogs under $REGRAFT_TEST_DATA, and the digits that come with scikit-learn. `--count` takes so
many images of each class.
For each set: Kendall's tau of each score with the probe's accuracy, and the regret, that is how many points of accuracy
are lost by taking the backbone that the score puts first. A last row of each set says what chance gives.

ImageNet top-1 is that of the network at its usual size, published by its makers: the baseline.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import machine

# For widths that the cards have no accuracy of: the tables in the documentation of keras.applications, MobileNet and
# MobileNetV2 (at 224 pixels).
_TOP1_OF_WIDTHS = {"MobileNet-0.75": 68.4, "MobileNetV2-0.35": 60.3}

_SCORES = {
    "log_me": "LogME",
    "h_score": "H-score, regularised",
    "plain_h_score": "H-score, plain",
    "neighbour_accuracy": "nearest neighbours",
    "top1": "ImageNet top-1",
    "parameters": "parameters",
    "macs": "MACs",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", metavar="NAME=FOLDER")
    parser.add_argument("--size", action="append", type=int)
    parser.add_argument("--count", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from regraft.transfer.ranking import local_candidates

    sizes = options.size or [0, 160, 320]
    candidates = [f"{name}@{size}" if size else name for name in local_candidates() for size in sizes]
    print(f"# {machine()}; {len(candidates)} backbones: {len(candidates) // len(sizes)} networks at {len(sizes)} sizes")
    kept = {}
    for name, place in _sets(options.set, parser).items():
        kept[name] = compare(name, place, candidates, options.count)
        if options.json:
            options.json.write_text(json.dumps(kept, indent=1))


def _sets(given: list[str] | None, parser: argparse.ArgumentParser) -> dict[str, str]:
    if given:
        return dict(pair.split("=", 1) for pair in given)
    data = os.environ.get("REGRAFT_TEST_DATA")
    if not data:
        parser.error("name folders of class folders with --set, or set REGRAFT_TEST_DATA")
    return {
        "flowers": f"{data}/small_flower_dataset",
        "cats and dogs": f"{data}/cats_and_dogs/train",
        "digits": "digits",
    }


def compare(name: str, place: str, candidates: list[str], count: int | None) -> list[dict[str, Any]]:
    from regraft.images.opening import open_images
    from regraft.images.subsets import take_per_class
    from regraft.transfer.ranking import rank_backbones

    collection = open_images(place)
    if count:
        collection = take_per_class(collection, count, seed=0)
    ranking = rank_backbones(collection, candidates=candidates, tell=partial(print, file=sys.stderr, flush=True))
    rows = [row | {"top1": _top1(row["name"])} for row in ranking.as_dict()["backbones"]]
    shown = sum(pair.shown for pair in ranking.differences)
    print(
        f"\n{name}: {ranking.images} images, {len(ranking.classes)} classes; probe "
        f"{100 * rows[-1]['accuracy']:.1f} to {100 * rows[0]['accuracy']:.1f} %; "
        f"{shown} of {len(ranking.differences)} pairs differ for certain",
        flush=True,
    )
    print(f"{'score':<22} {'tau':>6} {'regret':>7}  first")
    for score, title in _SCORES.items():
        tau, regret, first = trust([row["accuracy"] for row in rows], [row[score] for row in rows])
        print(f"{title:<22} {tau:>+6.2f} {100 * regret:>7.1f}  {rows[first]['name']}")
    best = rows[0]["accuracy"]
    print(f"{'chance':<22} {0:>+6.2f} {100 * (best - np.mean([row['accuracy'] for row in rows])):>7.1f}", flush=True)
    return rows


def trust(accuracies: list[float], scores: list[float]) -> tuple[float, float, int]:
    """Kendall's tau with the accuracies, the accuracy lost by the score's first choice, and which that is.

    Of equals the mean is lost.
    """
    from scipy.stats import kendalltau

    accuracy, score = np.array(accuracies), np.array(scores)
    best = np.flatnonzero(score >= score.max() - 1e-9)
    lost = accuracy.max() - accuracy[best].mean()
    return float(kendalltau(accuracy, score).statistic), float(lost), int(best[0])


def _top1(spelling: str) -> float | None:
    from regraft.backbones.names import BackboneName, parse_backbone

    name = parse_backbone(spelling)
    usual = str(BackboneName(name.card_name, name.alpha))
    return _TOP1_OF_WIDTHS.get(usual, name.card.top1)


if __name__ == "__main__":
    main()
