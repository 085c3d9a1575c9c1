"""Which images of two domains play which part: the source, the target to adapt to, the target to measure on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from regraft.errors import InputError
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile
from regraft.images.named import NAMED_SETS
from regraft.images.opening import open_images
from regraft.images.splitting import assign_splits
from regraft.images.unlabelled import is_plain_folder, read_plain_folder

LEAST_SOURCE = 2
"""Source images of each class, at least."""

LEAST_TARGET = 10
"""Target images to adapt to, at least."""

MEASURED = 0.5
"""The part of the target images that is only measured, where they have no test split of their own."""


@dataclass(frozen=True)
class Parts:
    """The images by the part they play; no content is in two parts.

    Attributes:
        source: labelled.
        adapted: of the target: adapted to, without labels.
        measured: of the target: in no part of adaptation or choice, not even without their labels. Empty where the
            target has no labels.
        labelled: the hashes of those of `adapted` whose labels are used.
        classes: sorted names.
        names: of the two collections.
        skipped: files that were left out, with the reason; the domain before their name.
        copies: how many source images were left out because the target has them.
    """

    source: tuple[LabelledImage, ...]
    adapted: tuple[LabelledImage, ...]
    measured: tuple[LabelledImage, ...]
    labelled: frozenset[str]
    classes: tuple[str, ...]
    names: tuple[str, str]
    skipped: tuple[SkippedFile, ...]
    copies: int

    @property
    def images(self) -> tuple[LabelledImage, ...]:
        """The images of all parts: source, adapted, measured."""
        return (*self.source, *self.adapted, *self.measured)

    def without(self, unreadable: Sequence[SkippedFile], readable: Collection[str], labels: int, seed: int) -> Parts:
        """The same without images that turned out not to be readable; others take the place of those with labels.

        Args:
            unreadable: one for each image that is not in `readable`, in the order of `images`.
            readable: the hashes of the others.
            labels, seed: as in `find_parts`.

        Raises:
            InputError: too few are left.
        """
        gone = [image.sha256 for image in self.images if image.sha256 not in readable]
        source = {image.sha256 for image in self.source}
        skipped = [
            skip
            for sha256, file in zip(gone, unreadable, strict=True)
            for skip in _of("source" if sha256 in source else "target", [file])
        ]
        kept = [
            tuple(image for image in images if image.sha256 in readable)
            for images in (self.source, self.adapted, self.measured)
        ]
        if self.measured and not kept[2]:
            raise InputError(
                "None of the target images that are to be measured can be read.",
                expected="at least one",
                received="; ".join(f"{file.name}: {file.reason}" for file in skipped[-3:]),
            )
        _check_numbers(kept[0], self.classes, kept[1], unreadable=skipped)
        return replace(
            self,
            source=kept[0],
            adapted=kept[1],
            measured=kept[2],
            labelled=draw_labelled(kept[1], self.classes, labels, seed),
            skipped=(*self.skipped, *skipped),
        )


def find_parts(
    source: str | Path,
    target: str | Path,
    *,
    path: Path | None = None,
    classes: Sequence[str] | None = None,
    labels: int = 0,
    per_class: int | None = None,
    seed: int = 0,
) -> Parts:
    """Opens two collections and deals out their images.

    Of a labelled target, its test split, or half of each class drawn by a seeded hash (`assign_splits`), is only
    measured. Source images that are in the target too are left out of the source.

    Args:
        source: labelled images, as `open_images` takes them.
        target: the same, or a folder with nothing but images in it, which have no labels.
        path: of a local copy of the named set that is source or target.
        classes: keep only these; None for all.
        labels: so many target images of each class have labels that are used.
        per_class: takes at most so many images of each class of the source, to adapt to, and to measure on; of images
            without labels, as many as that would be with all classes.
        seed: of all that is drawn.

    Raises:
        InputError: an error of opening; the classes differ; there are too few images; labels are asked for of a target
            without any.
    """
    if labels < 0 or (per_class is not None and per_class < 1):
        raise InputError(
            "A number of images cannot be used.",
            expected="--labels at least 0, --per-class at least 1",
            received=f"{labels}, {per_class}",
        )
    _check_path(source, target, path)
    given = open_images(source, path=_own(source, path), classes=classes)
    folder, copy = Path(target).expanduser(), _own(target, path)
    plain = copy is None and is_plain_folder(folder)
    found = read_plain_folder(folder) if plain else open_images(target, path=copy, classes=classes)
    if plain:
        if labels:
            raise InputError(
                f"The images in {target} have no labels.",
                expected="a folder for each class, for --labels",
                received=f"{len(found.images)} images directly inside",
                hint="leave --labels out: the method is then chosen without labels",
            )
    else:
        _check_classes(given, found)
    there = {image.sha256 for image in found.images}
    own = [image for image in given.images if image.sha256 not in there]
    copies = [SkippedFile(image.name, "also a target image") for image in given.images if image.sha256 in there]
    if plain:
        adapted, measured = list(found.images), []
    else:
        splits = assign_splits(found.images, seed=seed, validation=MEASURED / 2, test=MEASURED, exact=True)
        adapted = [image for image, split in zip(found.images, splits, strict=True) if split != "test"]
        measured = [image for image, split in zip(found.images, splits, strict=True) if split == "test"]
    if per_class is not None:
        own, measured = (_first(images, per_class, seed) for images in (own, measured))
        adapted = _first(adapted, per_class * len(given.classes) if plain else per_class, seed)
    _check_numbers(own, given.classes, adapted, copies=copies)
    return Parts(
        source=tuple(own),
        adapted=tuple(adapted),
        measured=tuple(measured),
        labelled=draw_labelled(adapted, given.classes, labels, seed),
        classes=given.classes,
        names=(given.name, found.name),
        skipped=(*_of("source", [*given.skipped, *copies]), *_of("target", found.skipped)),
        copies=len(copies),
    )


def _check_path(source: str | Path, target: str | Path, path: Path | None) -> None:
    if path is not None and _own(source, path) is None and _own(target, path) is None:
        raise InputError(
            "A local copy is given, but neither source nor target is a named data set with files of its own.",
            expected=", ".join(name for name, named in NAMED_SETS.items() if named.files),
            received=f"{source} and {target}",
        )


def _own(spec: str | Path, path: Path | None) -> Path | None:
    """A local copy belongs to whichever of the two has files of its own."""
    return path if isinstance(spec, str) and spec in NAMED_SETS and NAMED_SETS[spec].files else None


def _check_classes(source: ImageCollection, target: ImageCollection) -> None:
    missing = sorted(set(source.classes) - set(target.classes))
    extra = sorted(set(target.classes) - set(source.classes))
    if not missing and not extra:
        return
    common = sorted(set(source.classes) & set(target.classes))
    differences = [
        f"{words}: {', '.join(names[:8])}{f' and {len(names) - 8} more' if len(names) > 8 else ''}"
        for words, names in (("only in the source", missing), ("only in the target", extra))
        if names
    ]
    raise InputError(
        "Source and target have different classes.",
        expected="the same classes in both",
        received="; ".join(differences),
        hint=f"keep those they share: --classes {','.join(common)}"
        if len(common) > 1
        else "rename the folders so that the same thing has the same name in both",
    )


def _check_numbers(
    source: Sequence[LabelledImage],
    classes: Sequence[str],
    adapted: Sequence[LabelledImage],
    *,
    copies: Sequence[SkippedFile] = (),
    unreadable: Sequence[SkippedFile] = (),
) -> None:
    hint = f"source images that are in the target too and were left out: {len(copies)}" if copies else None
    if unreadable:
        some = "; ".join(f"{file.name}: {file.reason}" for file in unreadable[:3])
        hint = f"images that cannot be read: {len(unreadable)} ({some})"
    counts = Counter(image.label for image in source)
    if short := [label for label in classes if counts[label] < LEAST_SOURCE]:
        raise InputError(
            "There are too few source images.",
            expected=f"at least {LEAST_SOURCE} of each class",
            received=", ".join(f"{counts[label]} of '{label}'" for label in short[:5]),
            hint=hint,
        )
    if len(adapted) < LEAST_TARGET:
        raise InputError(
            "There are too few target images to adapt to.",
            expected=f"at least {LEAST_TARGET}, beside those that are only measured",
            received=str(len(adapted)),
            hint=hint if unreadable else None,
        )


def draw_labelled(images: Sequence[LabelledImage], classes: Sequence[str], count: int, seed: int) -> frozenset[str]:
    """The hashes of the target images whose labels are used, so many of each class, drawn by a seeded hash.

    Raises:
        InputError: a class has fewer.
    """
    if not count:
        return frozenset()
    there = Counter(image.label for image in images)
    if short := [label for label in classes if there[label] < count]:
        raise InputError(
            f"There are not {count} target images of every class to take labels from.",
            expected=f"at least {count} of each, beside those that are only measured",
            received=", ".join(f"{there[label]} of '{label}'" for label in short[:5]),
            hint=f"--labels {least}" if (least := min(there[label] for label in classes)) else None,
        )
    return frozenset(image.sha256 for image in _first(images, count, seed, "label"))


def _first(images: Sequence[LabelledImage], count: int, seed: int, purpose: str = "part") -> list[LabelledImage]:
    """At most so many of each class, those whose seeded content hash comes first, in the order given."""
    taken: Counter[str] = Counter()
    kept = set()
    for image in sorted(images, key=lambda image: _position(f"{purpose} {seed}:{image.sha256}")):
        taken[image.label] += 1
        if taken[image.label] <= count:
            kept.add(image.sha256)
    return [image for image in images if image.sha256 in kept]


def _position(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _of(domain: str, files: Sequence[SkippedFile]) -> list[SkippedFile]:
    return [SkippedFile(f"{domain}: {file.name}", file.reason) for file in files]
