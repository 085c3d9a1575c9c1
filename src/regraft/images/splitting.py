"""Train, validation and test: drawn by content, so that an image stays where it is whatever joins it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from regraft.errors import InputError
from regraft.images.labelled import SPLITS, LabelledImage, Split

_DRAWN: tuple[Split, Split] = ("test", "validation")


@dataclass(frozen=True)
class _Draw:
    """How images without a given split are drawn."""

    seed: int
    test_seed: int
    validation: float
    test: float
    folds: int | None
    fold: int

    def seed_of(self, split: Split) -> int:
        return self.test_seed if split == "test" else self.seed


_NAMED = 5  # classes and groups a message names before it says how many more there are


def assign_splits(
    images: Sequence[LabelledImage],
    *,
    seed: int,
    validation: float = 0.2,
    test: float = 0.2,
    exact: bool = False,
    test_seed: int | None = None,
    folds: int | None = None,
    fold: int = 0,
) -> list[Split]:
    """The split of every image, drawn by a seeded hash of its content.

    The draw: with u the first 8 bytes (big-endian) of the SHA-256 of the text `SEED:KEY`, over 2^64, where KEY is the
    image's group, or the hexadecimal SHA-256 of its content if it has none, the image is a test image if u < test, a
    validation image if u < test + validation, else a training image. So images of equal content or of one group never
    part, and no image moves when others come or go; the proportions hold on average only.

    With `exact`, the keys of each class are sorted by u, and whole groups are taken in that order as long as they fit,
    first for test, then for validation, up to the class's share, rounded half up, at least 1 (the smallest group,
    where none fits). Images may then move when others come.

    For studies: `test_seed` draws the test images with a seed of their own, so that all runs of a study share them
    whatever their `seed`; the others are then validation images if a second u, of `seed`, is < validation /
    (1 - test). `folds` cuts what is not test into so many parts by the same draw, and part `fold` validates
    (cross-validation); with `exact`, the sorted keys of each class go to the parts in turn.

    Splits that are given are kept. Where only some are, the missing ones of test and validation are drawn as above from
    the training images and from those without a split; the rest of these train, as a split that is given gets no
    more. Images without a split go with the given split of their group.

    Args:
        images: without duplicates (see `drop_duplicates`).
        seed: another number gives another draw.
        validation: the fraction to validate on, above 0.
        test: the fraction to test on, above 0; both together below 1.
        exact: whether to fill each class's share exactly.
        test_seed: of the test images; `seed` where None.
        folds: at least 2; `validation` plays no part then.
        fold: which part validates, from 0.

    Returns:
        A split for each image, in their order.

    Raises:
        InputError: a fraction is out of range; there are fewer than two classes; a class has fewer than 3 images or
            none in some split; a group lies in two given splits; folds are asked for and validation images given.
    """
    _check_fractions(validation, test)
    _check_folds(folds, fold)
    if len({image.label for image in images}) < 2:
        raise InputError(
            "There is nothing to tell apart.",
            expected="images of at least two classes",
            received=", ".join(sorted({image.label for image in images})) or "no images",
        )
    given = _given_splits(images)
    present = {split for split in given if split}
    wanted = [split for split in _DRAWN if split not in present]
    if folds is not None and "validation" not in wanted:
        raise InputError(
            "The collection names its validation images, so there are no folds to draw.",
            expected="images without a validation split, or no folds",
        )
    free = [index for index, split in enumerate(given) if split is None or (split == "train" and wanted)]
    # Without a test split to draw, the folds take all images; a plain draw leaves the same share to train as ever.
    drawn_test = test if "test" in wanted or folds is None else 0.0
    draw = _Draw(seed, seed if test_seed is None else test_seed, validation, drawn_test, folds, fold)
    drawn = _fill(images, free, draw, wanted) if exact else {index: _drawn(images[index], draw) for index in free}
    splits = [split or "train" for split in given]
    for index, split in drawn.items():
        splits[index] = split if split in wanted else "train"
    _check_classes(images, splits, drawn=len(wanted) == 2, exact=exact, folds=folds)
    return splits


def count_splits(images: Sequence[LabelledImage], splits: Sequence[Split]) -> dict[str, dict[Split, int]]:
    """How many images of each class, in sorted order, lie in each split: `{"daisy": {"train": 120, …}, …}`."""
    counts = Counter((image.label, split) for image, split in zip(images, splits, strict=True))
    return {label: {split: counts[label, split] for split in SPLITS} for label in sorted({i.label for i in images})}


def _key(image: LabelledImage) -> str:
    return image.group or image.sha256


def _position(image: LabelledImage, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{_key(image)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _drawn(image: LabelledImage, draw: _Draw) -> Split:
    u = _position(image, draw.test_seed)
    if u < draw.test:
        return "test"
    if draw.folds is None and draw.seed == draw.test_seed:
        return "validation" if u < draw.test + draw.validation else "train"
    # Where among the images that are not test it lies, uniform from 0 to 1.
    rest = (u - draw.test) / (1 - draw.test) if draw.seed == draw.test_seed else _position(image, draw.seed)
    if draw.folds is None:
        return "validation" if rest < draw.validation / (1 - draw.test) else "train"
    return "validation" if int(rest * draw.folds) == draw.fold else "train"


def _fill(
    images: Sequence[LabelledImage], free: Sequence[int], draw: _Draw, wanted: Sequence[Split]
) -> dict[int, Split]:
    """Splits of the free images, each class's shares filled with whole groups."""
    classes: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index in free:
        classes[images[index].label][_key(images[index])].append(index)
    chosen: dict[str, Split] = {}  # by key: a group that spans classes is placed by the first of them
    for _, groups in sorted(classes.items()):
        total = sum(map(len, groups.values()))
        for later, split in zip(range(len(wanted), 0, -1), wanted, strict=True):
            seed = draw.seed_of(split)
            ordered = sorted(groups, key=lambda key: (_position(images[groups[key][0]], seed), key))
            left = [key for key in ordered if key not in chosen]
            if split == "validation" and draw.folds is not None:
                chosen.update(dict.fromkeys(left[draw.fold :: draw.folds], split))
                continue
            taken = sum(len(groups[key]) for key in ordered if chosen.get(key) == split)
            share = math.floor(round(total * (draw.test if split == "test" else draw.validation), 9) + 0.5)
            # One image stays for each split still to come, training among them.
            quota = max(1, min(share, taken + sum(len(groups[key]) for key in left) - later))
            for key in left:
                if taken + len(groups[key]) <= quota:
                    chosen[key] = split
                    taken += len(groups[key])
            if not taken and left:
                chosen[min(left, key=lambda key: len(groups[key]))] = split
        for key in groups:
            chosen.setdefault(key, "train")
    return {index: chosen[_key(images[index])] for index in free}


def _given_splits(images: Sequence[LabelledImage]) -> list[Split | None]:
    """The splits given, those of groups spread to their images without one."""
    of_group: dict[str, set[Split]] = defaultdict(set)
    for image in images:
        if image.group and image.split:
            of_group[image.group].add(image.split)
    if straddling := sorted(group for group, splits in of_group.items() if len(splits) > 1):
        named = [f"'{group}' in {' and '.join(sorted(of_group[group]))}" for group in straddling]
        raise InputError(
            f"The group '{straddling[0]}' lies in two splits: what is measured on one was learnt from the other.",
            expected="every group in one split, equal images counted to one group",
            received=_first(named),
            hint="give all images of a group, and all copies of an image, the same split, or leave their split empty",
        )
    return [image.split or next(iter(of_group.get(image.group or "", ())), None) for image in images]


def _check_fractions(validation: float, test: float) -> None:
    if not (validation > 0 and test > 0 and validation + test < 1):  # written so that NaN fails
        raise InputError(
            "The fractions for validation and test do not leave three splits.",
            expected="both above 0, together below 1",
            received=f"validation {validation:g}, test {test:g}",
        )


def _check_folds(folds: int | None, fold: int) -> None:
    if not (fold == 0 if folds is None else folds >= 2 and 0 <= fold < folds):
        raise InputError(
            "There is no such fold.",
            expected="at least 2 folds, counted from 0",
            received=f"fold {fold} of {'none' if folds is None else folds}",
        )


def _check_classes(
    images: Sequence[LabelledImage], splits: Sequence[Split], *, drawn: bool, exact: bool, folds: int | None
) -> None:
    poor = {label: counts for label, counts in count_splits(images, splits).items() if not all(counts.values())}
    if not poor:
        return
    received = [
        f"'{label}' {', '.join(f'{cast(dict[str, int], counts)[split]} {split}' for split in SPLITS)}"
        for label, counts in poor.items()
    ]
    ways = ["add images", "leave these classes out"]
    few = [label for label, counts in poor.items() if sum(counts.values()) < 3]
    if not few and drawn and not exact:
        ways = ["--exact (exact proportions in each class)", "another --seed", "other fractions", *ways]
    elif not few and drawn:
        ways = ["smaller groups", "other fractions", *ways]
    elif not few:
        ways = ["move images between the splits", "give no splits at all", *ways]
    if not few and folds is not None:
        ways = ["fewer folds", *ways]
    names = _first([f"'{label}'" for label in few or poor])
    raise InputError(
        f"Fewer than 3 images of {names}." if few else f"Some split has no image of {names}.",
        expected="at least one image of each class to train, to validate and to test on",
        received=_first(received),
        hint="; or ".join(ways),
    )


def _first(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
