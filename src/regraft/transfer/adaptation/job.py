"""The job: two collections of images → features → every method → the choice → the measurement → what is saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base, open_base
from regraft.backbones.catalogue import DEFAULT_BACKBONE
from regraft.features.extraction import extract
from regraft.images.labelled import LabelledImage
from regraft.training.weights import HeadWeights
from regraft.transfer.adaptation._skada import skada
from regraft.transfer.adaptation.choosing import (
    LABEL_FREE,
    best,
    cross_validated,
    cross_validation_scores,
    label_free_scores,
    told_apart,
)
from regraft.transfer.adaptation.images import Parts, find_parts
from regraft.transfer.adaptation.linear import Labels, Linear, answers
from regraft.transfer.adaptation.measuring import Right, compare_with, share_of
from regraft.transfer.adaptation.methods import METHODS, Method, wanted_methods
from regraft.transfer.adaptation.problem import Domains, Reduction
from regraft.transfer.adaptation.saving import check_folder, save_adaptation
from regraft.transfer.adaptation.transport import OptimalTransport, check_pairs

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What adapting gave.

    Attributes:
        facts: what was done and found, as plain JSON: `adaptation.json`.
        head: the chosen method's head, for plain features of the base.
        base: computes the features.
        images: of the target, those that were adapted to and then those that were measured.
        probabilities: float32 (images, classes): the chosen head's answers for them.
        folder: where all of it was written; None where it was not.
    """

    facts: dict[str, Any]
    head: HeadWeights
    base: Base
    images: tuple[LabelledImage, ...]
    probabilities: Features
    folder: Path | None = None

    @property
    def chosen(self) -> str:
        """The name of the chosen method."""
        return str(self.facts["chosen"]["method"])


def adapt_domains(
    source: str | Path,
    target: str | Path,
    *,
    backbone: str | None = None,
    weights: str | Path | None = None,
    path: str | Path | None = None,
    classes: Sequence[str] | None = None,
    labels: int = 0,
    per_class: int | None = None,
    methods: Sequence[str] | None = None,
    seed: int = 0,
    output: str | Path | None = None,
    draw: Callable[[dict[str, Any]], str] | None = None,
    tell: Callable[[str], object] | None = None,
) -> Adaptation:
    """Takes a classifier from labelled source images to target images of another kind with few labels or none.

    Every method is tried, beside the source alone, the target's labels alone, and both together. The method is chosen
    by cross-validation on the target's labels, or by a score that needs none (`choosing`); the target images that
    are measured take no part in that, nor in adapting.

    Args:
        source: labelled images: a folder of class folders, a manifest, a named set.
        target: the same, or a folder with nothing but images in it, which have no labels: nothing can be measured then.
        backbone, weights: of the frozen features; `EfficientNetLite0` where None.
        path: a local copy of the named set that is source or target.
        classes: keep only these.
        labels: the labels of so many target images of each class are used to train on.
        per_class: at most so many images of each class of the source, to adapt to, and to measure on.
        methods: choose among these (`methods.METHODS`); among all that can be had where None.
        seed: of all that is drawn.
        output: a new or empty folder for `adaptation.json`, `predictions.csv`, `labels.txt`, `model.keras` and
            `figure.svg`; nothing is written where None.
        draw: gives the figure as SVG from the facts; without it there is none in the folder.
        tell: told what is worth knowing as it happens.

    Raises:
        InputError: skada is not installed, or something about the images, the backbone, the methods or the folder that
            the user can put right.
    """
    started = time.perf_counter()
    tried = wanted_methods(methods, labelled=labels > 0)
    folder = Path(output) if output is not None else None
    if folder is not None:
        check_folder(folder)
    skada()  # says at once that it is missing
    base = open_base(backbone or DEFAULT_BACKBONE, weights=Path(weights) if weights is not None else None)
    parts = find_parts(
        source, target, path=Path(path) if path is not None else None, classes=classes, labels=labels,
        per_class=per_class, seed=seed,
    )  # fmt: skip
    if any(method.name == OptimalTransport.name for method in tried):
        check_pairs(len(parts.source), len(parts.adapted))
    if parts.copies and tell is not None:
        images = "1 source image is" if parts.copies == 1 else f"{parts.copies:,} source images are"
        tell(f"{images} in the target too: left out of the source.")
    parts, features, precision = _features(parts, base, labels, seed)
    seconds = {"features": round(time.perf_counter() - started, 3)}
    began = time.perf_counter()
    with _one_thread():
        reduction, domains = _domains(parts, features, seed)
        heads, rows = _fit_all(tried, domains)
        apart = share_of(told_apart(domains))
        chosen, reason = _choice(rows, methods, labels, apart)
        measured, truth = reduction(features[2]), _numbers(parts.measured, parts.classes)
        verdict = _measure(rows, heads, measured, truth, chosen)
    seconds |= {
        "methods": round(time.perf_counter() - began, 3),
        "total": round(time.perf_counter() - started, 3),
    }
    head = reduction.unfolded(heads[chosen])
    facts: dict[str, Any] = {
        "source": {"name": parts.names[0], "images": len(parts.source), "left_out_as_copies": parts.copies},
        "target": {
            "name": parts.names[1],
            "adapted_to": len(parts.adapted),
            "labelled": len(parts.labelled),
            "measured": len(parts.measured),
        },
        "classes": list(parts.classes),
        "labels_per_class": labels,
        "per_class": per_class,
        "asked_for": None if methods is None else list(methods),
        "backbone": base.spelling,
        "precision": precision,
        "seed": seed,
        "told_apart": apart,
        "methods": rows,
        "chosen": {"method": chosen, "title": METHODS[chosen].title, "by": reason},
        "verdict": verdict,
        "skipped": [{"file": file.name, "reason": file.reason} for file in parts.skipped],
        "seconds": seconds,
    }
    shares = np.concatenate([head.probabilities(features[1]), head.probabilities(features[2])])
    done = Adaptation(facts, head, base, (*parts.adapted, *parts.measured), shares, folder)
    if folder is not None:
        save_adaptation(done.facts, head, base, parts, shares, folder, draw)
    return done


def _features(parts: Parts, base: Base, labels: int, seed: int) -> tuple[Parts, list[Features], str]:
    """The features of the three parts, and the parts without what could not be read."""
    extracted = extract(parts.images, base)
    row = {image.sha256: number for number, image in enumerate(extracted.images)}
    parts = parts.without(extracted.skipped, row.keys(), labels, seed)
    found = extracted.features()
    return (
        parts,
        [
            found[np.array([row[image.sha256] for image in images], np.int64)]
            for images in (parts.source, parts.adapted, parts.measured)
        ],
        extracted.precision,
    )


def _domains(parts: Parts, features: Sequence[Features], seed: int) -> tuple[Reduction, Domains]:
    reduction = Reduction.of(np.concatenate(features[:2]))  # the measured images have no say in the space either
    target = reduction(features[1])
    known = np.array([image.sha256 in parts.labelled for image in parts.adapted], np.bool_)
    labelled = [image for image in parts.adapted if image.sha256 in parts.labelled]
    return reduction, Domains(
        source=reduction(features[0]),
        source_labels=_numbers(parts.source, parts.classes),
        target=target,
        classes=len(parts.classes),
        labelled=(target[known], _numbers(labelled, parts.classes)),
        seed=seed,
    )


def _numbers(images: Sequence[LabelledImage], classes: Sequence[str]) -> Labels:
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index[image.label] for image in images], np.int64)


def _fit_all(methods: Sequence[Method], domains: Domains) -> tuple[dict[str, Linear], list[dict[str, Any]]]:
    """Every method's head, and what `adaptation.json` says of it before anything is measured."""
    from regraft._progress import progress

    heads: dict[str, Linear] = {}
    rows: list[dict[str, Any]] = []
    labels = domains.labelled[1]
    validated = len(labels) > 0 and int(np.bincount(labels, minlength=domains.classes).min()) >= 2
    with progress("Methods", len(methods), "methods") as advance:
        for method in methods:
            trainer = method.prepare(domains)
            heads[method.name] = trainer(*domains.labelled)
            scores: dict[str, float] = {}
            if validated:
                scores = cross_validation_scores(cross_validated(trainer, domains), labels)
            elif not method.needs_labels:
                scores = label_free_scores(method, domains, heads[method.name])
            rows.append(
                {
                    "name": method.name,
                    "title": method.title,
                    "what": method.what,
                    "needs_labels": method.needs_labels,
                    "source": method.source,
                    "scores": scores,
                }
            )
            advance(1)
    return heads, rows


def _choice(
    rows: Sequence[dict[str, Any]], asked: Sequence[str] | None, labels: int, apart: dict[str, Any]
) -> tuple[str, str]:
    """The chosen method and, in words, how it was chosen."""
    able = {row["name"]: row["scores"] for row in rows if row["scores"] and (asked is None or row["name"] in asked)}
    if asked is not None and len(set(asked)) == 1:
        return asked[0], "asked for"
    if not able:  # one label of each class validates nothing, and methods that need labels have no other score
        names = [row["name"] for row in rows if asked is None or row["name"] in asked]
        return names[0], "the first that was asked for: with one label of each class nothing can be validated"
    if all("cross_validation" in scores for scores in able.values()):
        words = f"cross-validation on {labels} target labels of each class"
        return best({name: tuple(scores.values()) for name, scores in able.items()}), words
    if "source-only" in able and apart["accuracy_interval"][0] <= 0.5:
        return "source-only", "the domains, which cannot be told apart: there is nothing to adapt to"
    words = "there and back, a score that needs no target labels"
    return best({name: (scores[LABEL_FREE],) for name, scores in able.items()}), words


def _measure(
    rows: Sequence[dict[str, Any]],
    heads: dict[str, Linear],
    features: npt.NDArray[np.float64],
    truth: Labels,
    chosen: str,
) -> dict[str, Any] | None:
    """Adds accuracies and differences to the rows; gives the verdicts on the chosen method."""
    if not len(truth):
        return None
    right: dict[str, Right] = {name: answers(head, features) == truth for name, head in heads.items()}
    titles = {row["name"]: row["title"] for row in rows}
    against = {name: compare_with(right, titles, name) for name in ("source-only", "target-only") if name in right}
    for row in rows:
        row["measured"] = share_of(right[row["name"]])
        row["against"] = {name: compared[row["name"]] for name, compared in against.items() if row["name"] in compared}
    found: dict[str, Any] = {name: compared[chosen] for name, compared in against.items() if chosen in compared}
    return found


def _one_thread() -> Any:
    """Small matrices: threads would wait for each other, and their number would change the last digits."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(1, user_api="blas")
