"""A seeded subset of a collection: so many images of each class."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace

from regraft.errors import InputError
from regraft.images.labelled import ImageCollection, LabelledImage


def take_per_class(collection: ImageCollection, count: int, *, seed: int) -> ImageCollection:
    """Keeps `count` images of every class: those whose seeded content hash comes first, so adding others moves few.

    Args:
        collection: as it was found; what was skipped stays listed.
        count: images of each class.
        seed: another number takes another subset.

    Raises:
        InputError: a class has fewer images.
    """
    by_class: dict[str, list[LabelledImage]] = defaultdict(list)
    for image in collection.images:
        by_class[image.label].append(image)
    short = {label: len(images) for label, images in sorted(by_class.items()) if len(images) < count}
    if short:
        raise InputError(
            f"There are not {count} images of every class.",
            expected=f"at least {count} images of each",
            received=", ".join(f"{number} of '{label}'" for label, number in list(short.items())[:5]),
            hint="ask for fewer, or leave these classes out",
        )

    def position(image: LabelledImage) -> str:
        return hashlib.sha256(f"subset {seed}:{image.sha256}".encode()).hexdigest()

    kept = {image.sha256 for images in by_class.values() for image in sorted(images, key=position)[:count]}
    return replace(collection, images=tuple(image for image in collection.images if image.sha256 in kept))
