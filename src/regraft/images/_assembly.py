"""The end of every way to find images: the asked classes are there, each content stays once, lost classes are named."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from regraft.errors import InputError
from regraft.images.duplicates import drop_duplicates
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile


def check_asked(name: str, classes: Collection[str] | None, labels: Collection[str]) -> None:
    """Raises InputError where one of the classes asked for is not among the labels that were found."""
    if missing := [label for label in classes or () if label not in labels]:
        raise InputError(
            f"{name} has no class {', '.join(repr(label) for label in missing)}.",
            expected=f"some of {', '.join(sorted(labels))}" if labels else None,
            received=", ".join(classes or ()),
        )


def assemble(
    name: str,
    images: Sequence[LabelledImage],
    skipped: Sequence[SkippedFile],
    labels: Collection[str],
    classes: Collection[str] | None,
) -> ImageCollection:
    """The collection of what was found.

    Args:
        name: of the collection.
        images: of the asked classes only, in the order of their names, duplicates among them.
        skipped: what was left out of the asked classes, and what belongs to no class.
        labels: every label that was seen, with images or without.
        classes: those asked for; None for all.

    Raises:
        InputError: one of `classes` is not among the labels.
    """
    check_asked(name, classes, labels)
    stay, duplicates = drop_duplicates(images)
    usable = {image.label for image in stay}
    wanted = set(labels) if classes is None else set(classes)
    return ImageCollection(
        name=name,
        images=tuple(stay),
        skipped=tuple(sorted((*skipped, *duplicates), key=lambda file: (file.name, file.reason))),
        classes=tuple(sorted(usable)),
        lost_classes=tuple(sorted(wanted - usable)),
    )
