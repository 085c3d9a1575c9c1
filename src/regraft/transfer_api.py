"""The same jobs from Python, of what, when and how to transfer: each function does what its command does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regraft.backbones.catalogue import DEFAULT_BACKBONE


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
