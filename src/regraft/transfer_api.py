"""The same jobs from Python, of what, when and how to transfer: each function does what its command does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.backbones.catalogue import DEFAULT_BACKBONE

if TYPE_CHECKING:
    from regraft.transfer.adaptation.job import Adaptation
    from regraft.transfer.ranked import Ranking


def classify(
    images: Sequence[str | Path] | str | Path,
    *,
    backbone: str = DEFAULT_BACKBONE,
    weights: str | Path | None = None,
    top: int = 5,
) -> dict[str, Any]:
    """Says which of ImageNet's 1,000 classes is on images, with a network's own head: the picture before transfer.

    Args:
        images: image files and folders of images; or one labelled collection by itself.
        backbone: a network of the catalogue.
        weights: a file of the user's own, with the 1000-class layer.
        top: answers to give for each image.

    Returns:
        `images` with their `answers`, and of a labelled collection what came of each class, as
        `transfer.as_it_comes.classify_as_it_comes` lists it; `conclusion` says what the head cannot name.

    Raises:
        InputError: no image can be read, or the network or its weights are not there.
    """
    from regraft.reports.as_it_comes_words import what_is_missing
    from regraft.transfer.as_it_comes import classify_as_it_comes

    found = classify_as_it_comes(images, backbone, weights=None if weights is None else Path(weights), top=top)
    collection = found["collection"]
    source = [str(images)] if isinstance(images, str | Path) else list(map(str, images))
    return {**found, "conclusion": None if collection is None else what_is_missing(collection, source)}


def rank(
    images: str | Path,
    *,
    backbones: Sequence[str] | None = None,
    within: float | str | None = None,
    seed: int = 0,
) -> Ranking:
    """Ranks backbones for labelled images: accuracy of a linear probe, cheap scores, cost, and time on this machine.

    Args:
        images: a folder of class folders, a manifest, a named set.
        backbones: the candidates; every network of the catalogue whose weights are on this machine where None.
        within: seconds, or `30s`, `2m`: the cheapest first, and none begun that would not be done in time.
        seed: of the parts that the probe is measured on.

    Returns:
        `.backbones`, the most accurate first; which can be told apart; how far each score agrees with the probe …

    Raises:
        InputError: bad images, no such candidate, no weights of any on this machine, a class with one image only.
    """
    from regraft.transfer.ranking import rank_backbones

    return rank_backbones(images, candidates=backbones, within=within, seed=seed)


def adapt(
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
) -> Adaptation:
    """Takes a classifier from labelled source images to target images of another kind with few labels or none.

    Args:
        source: labelled images.
        target: labelled images, of which half are only measured; or a folder with nothing but images in it.
        backbone, weights: of the frozen features; `EfficientNetLite0` where None.
        path: a local copy of the named set that is source or target.
        classes: keep only these.
        labels: the labels of so many target images of each class are used to train on.
        per_class: at most so many images of each class of the source, to adapt to, and to measure on; of images without
            labels, as many as that would be with all classes.
        methods: choose among these, such as `["coral"]`; among all that can be had where None.
        seed: of all that is drawn.
        output: a new or empty folder for `adaptation.json`, `predictions.csv`, `labels.txt`, `model.keras` and
            `figure.svg`; nothing is written where None.

    Returns:
        `.facts` (what every method reached before and after, the choice and the verdict), `.probabilities` …

    Raises:
        InputError: skada is not installed, or something about the images, the backbone, the methods or the folder.
    """
    from regraft.reports.adaptation_figure import draw_adaptation
    from regraft.transfer.adaptation.job import adapt_domains

    return adapt_domains(
        source,
        target,
        backbone=backbone,
        weights=weights,
        path=path,
        classes=classes,
        labels=labels,
        per_class=per_class,
        methods=methods,
        seed=seed,
        output=output,
        draw=lambda facts: draw_adaptation(facts).svg,
    )
