"""Which backbone for these images: each measured on their features, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base, open_base
from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.joint import member_spellings
from regraft.backbones.names import BackboneName
from regraft.backbones.weights import local_weights, weights_folder
from regraft.errors import InputError
from regraft.evaluation.intervals import wilson_interval
from regraft.features.extraction import open_store, rows_of
from regraft.features.store import Features
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile
from regraft.images.opening import open_images
from regraft.transfer._candidate import Measured, forward_units, measure
from regraft.transfer._pictures import Pictures
from regraft.transfer.preparation import Preparation
from regraft.transfer.probe import draw_folds, linear_probe, nearest_neighbours
from regraft.transfer.ranked import SCORES, RankedBackbone, Ranking
from regraft.transfer.ranking_findings import agreements, differences, pareto_front
from regraft.transfer.scores import h_scores, log_me
from regraft.transfer.time_budget import Budget, parse_duration

Tell = Callable[[str], object]


def rank_backbones(
    images: ImageCollection | str | Path,
    *,
    candidates: Sequence[str] | None = None,
    within: float | str | None = None,
    seed: int = 0,
    tell: Tell | None = None,
) -> Ranking:
    """Measures each candidate on the images, from features in the cache; what is not there is computed.

    Args:
        images: a collection, or what `open_images` takes: a folder of class folders, a manifest, a named set.
        candidates: backbones as they are written (`MobileNetV2-0.35@320`, a `.keras` file). None takes every network
            of the catalogue, in every width, whose weights are on this machine.
        within: seconds, or `30s`, `2m`: the candidates are taken in the order of their cost, and none is begun that
            would not be done in time, judged by those before it. The first always is.
        seed: of the probe's folds.
        tell: is told what a person may want to know meanwhile.

    Raises:
        InputError: bad images, no such candidate, no weights of any on this machine, a class with one image only.
    """
    start = time.perf_counter()
    budget = Budget(parse_duration(within) if isinstance(within, str) else _checked_seconds(within))
    names = list(dict.fromkeys(candidates)) if candidates else local_candidates()
    for name in names:
        if len(member_spellings(name)) > 1:
            raise InputError("Several backbones at once cannot be ranked.", expected="one each", received=name)
    collection = images if isinstance(images, ImageCollection) else open_images(images)
    places = {name: place for place, name in enumerate(collection.classes)}
    bases = _different({name: open_base(name) for name in names})  # a wrong name is told of before the minutes' work
    work = _Work(collection, bases, budget, seed, tell or (lambda text: None))
    with Preparation() as preparation:
        draw_folds(_labels(collection.images, places), _keys(collection.images), seed=seed)  # or nothing can be done
        work.run(preparation)
    return work.ranking(time.perf_counter() - start)


def local_candidates() -> list[str]:
    """Every network of the catalogue, in every width with official weights, whose weights are on this machine.

    Raises:
        InputError: there is none.
    """
    names = [BackboneName(card.name, alpha) for card in CATALOGUE.values() for alpha in card.alphas or (1.0,)]
    here = [str(name) for name in names if local_weights(name) is not None]
    if not here:
        raise InputError(
            "There are no weights of any backbone on this machine.",
            expected=f"weight files in {weights_folder()} (REGRAFT_WEIGHTS)",
            hint="name a backbone, which is then downloaded: regraft rank photos/ --backbone MobileNetV2",
        )
    return here


def _different(bases: dict[str, Base]) -> dict[str, Base]:
    """Without those that are there before in another spelling."""
    first: dict[str, str] = {}
    for name, base in bases.items():
        first.setdefault(base.identity, name)
    return {name: bases[name] for name in first.values()}


class _Work:
    """One ranking while it is made."""

    def __init__(
        self, collection: ImageCollection, bases: dict[str, Base], budget: Budget, seed: int, tell: Tell
    ) -> None:
        self._collection, self._bases, self._budget, self._seed, self._tell = collection, bases, budget, seed, tell
        self._images = list(collection.images)
        self._skipped = list(collection.skipped)
        self._rows: dict[str, RankedBackbone] = {}
        self._not_tried: list[str] = []
        self._failed: list[SkippedFile] = []

    def run(self, preparation: Preparation) -> None:
        """Measures one candidate after the other."""
        todo = list(self._bases)
        if self._budget.seconds is not None:
            for name in todo:
                preparation.begin_count(name)
            costs = {name: preparation.costs(name).macs for name in todo}
            todo.sort(key=lambda name: (costs[name] is None, costs[name] or 0))
        pictures = Pictures([(base.height, base.width) for base in self._bases.values()])
        preparation.begin_graph(todo[0])
        first_error: InputError | None = None
        for place, name in enumerate(todo):
            base = self._bases[name]
            macs = preparation.costs(name).macs if self._budget.seconds is not None else None
            if not self._budget.fits(forward_units(base, self._images, macs)):
                self._not_tried = todo[place:]
                break
            begun = time.perf_counter()
            try:
                pictures.begin(base, self._images)  # beside the graph
                preparation.rest()
                measured = measure(base, self._images, pictures)
            except InputError as error:
                first_error = first_error or error
                self._failed.append(SkippedFile(name, error.problem))
                self._tell(f"{name} could not be measured: {error}")
                continue
            finally:  # only now, with the forward pass timed
                preparation.begin_count(name)
                if place + 1 < len(todo):
                    preparation.begin_graph(todo[place + 1])
            self._leave_out(measured)
            self._rows[name] = self._row(name, measured, preparation)
            units = None if macs is None else float(macs * measured.computed)
            whole = time.perf_counter() - begun
            self._budget.done(units if measured.computed else 0, measured.forward, whole - measured.forward)
        if first_error is not None and not self._rows:
            raise first_error

    def _leave_out(self, measured: Measured) -> None:
        """Takes out what a candidate could not read, and measures those before it anew on the others."""
        if not measured.skipped:
            return
        gone = {file.name for file in measured.skipped}
        self._images = [image for image in self._images if image.name not in gone]
        self._skipped += measured.skipped
        self._tell(f"{len(gone)} images cannot be read and are left out of every comparison.")
        for name, row in self._rows.items():
            features = rows_of(open_store(self._bases[name], "openvino", row.precision), self._images)
            self._rows[name] = replace(row, **self._scores(features.reshape(len(features), -1)))

    def _row(self, name: str, measured: Measured, preparation: Preparation) -> RankedBackbone:
        begun = time.perf_counter()
        scores = self._scores(measured.features)
        costs, base = preparation.costs(name), self._bases[name]
        scoring = time.perf_counter() - begun
        row = RankedBackbone(
            name=name if base.network is None else str(base.network),
            size=(base.height, base.width),
            **scores,
            top1=_top1(base),
            features=measured.features.shape[1],
            parameters=costs.parameters,
            size_mb=None if costs.parameters is None else 4 * costs.parameters / 2**20,
            macs=costs.macs,
            ms_per_image=measured.milliseconds,
            precision=measured.precision,
            computed=measured.computed,
            on_front=False,
            seconds={"features": measured.seconds, "timing": measured.timing, "scores": scoring},
        )
        self._tell(f"{row.name}: {100 * row.accuracy:.1f} %, {row.ms_per_image:.1f} ms an image")
        return row

    def _scores(self, features: Features) -> dict[str, Any]:
        """All that depends on the images, as `RankedBackbone` calls it."""
        places = {label: place for place, label in enumerate(sorted({image.label for image in self._images}))}
        labels, keys = _labels(self._images, places), _keys(self._images)
        right = linear_probe(features, labels, draw_folds(labels, keys, seed=self._seed)) == labels
        neighbours = nearest_neighbours(features, labels, keys) == labels
        plain, regularised = h_scores(features, labels)
        return {
            "accuracy": float(right.mean()),
            "accuracy_interval": wilson_interval(int(right.sum()), len(right)),
            "neighbour_accuracy": float(neighbours.mean()),
            "log_me": log_me(features, labels),
            "h_score": regularised,
            "plain_h_score": plain,
            "right": right,
        }

    def ranking(self, seconds: float) -> Ranking:
        """What was found."""
        rows = sorted(self._rows.values(), key=lambda row: (-row.accuracy, row.ms_per_image))
        front = pareto_front([row.accuracy for row in rows], [row.ms_per_image for row in rows])
        rows = [replace(row, on_front=on_front) for row, on_front in zip(rows, front, strict=True)]
        labels = [image.label for image in self._images]
        classes = tuple(sorted(set(labels)))
        places = {label: place for place, label in enumerate(classes)}
        folds = draw_folds(_labels(self._images, places), _keys(self._images), seed=self._seed)
        scores = {name: [getattr(row, name) for row in rows] for name in SCORES}
        return Ranking(
            images=len(self._images),
            classes=classes,
            folds=int(folds.max()) + 1,
            backbones=tuple(rows),
            differences=tuple(differences([row.name for row in rows], [row.right for row in rows])),
            agreement=agreements([row.accuracy for row in rows], scores),
            not_tried=tuple(self._not_tried),
            failed=tuple(self._failed),
            skipped=tuple(self._skipped),
            within=self._budget.seconds,
            seconds=seconds,
        )


def _labels(images: Sequence[LabelledImage], places: dict[str, int]) -> npt.NDArray[np.int64]:
    return np.array([places[image.label] for image in images], np.int64)


def _keys(images: Sequence[LabelledImage]) -> list[str]:
    """What must not be parted: groups, or equal content."""
    return [f"group {image.group}" if image.group else image.sha256 for image in images]


def _top1(base: Base) -> float | None:
    """The card's accuracy, which is that of the usual width and size."""
    if base.network is None or str(base.network) != base.network.card_name:
        return None
    return base.network.card.top1


def _checked_seconds(within: float | None) -> float | None:
    if within is not None and not within > 0:  # written so that NaN fails
        raise InputError("The time cannot be used.", expected="seconds above 0", received=str(within))
    return within
