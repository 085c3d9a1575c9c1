"""The picture before any transfer: what a network says of images with the head it was trained with.

For labelled images also how often that is right, where ImageNet has such a class at all.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regraft.backbones.catalogue import DEFAULT_BACKBONE
from regraft.backbones.classifier import open_classifier
from regraft.backbones.imagenet import ImageNetClass, imagenet_classes, match_label
from regraft.errors import InputError, UnreadableImageError
from regraft.features.classification import Answer, classify_images
from regraft.images.arrays import ARRAY_SUFFIXES
from regraft.images.labelled import ImageCollection, LabelledImage
from regraft.images.manifests import MANIFEST_SUFFIXES
from regraft.images.named import NAMED_SETS
from regraft.images.opening import open_images
from regraft.images.walking import IMAGE_EXTENSIONS

_RANKED = 5  # ImageNet's own measure beside the first answer


def classify_as_it_comes(
    images: Sequence[str | Path] | str | Path,
    backbone: str = DEFAULT_BACKBONE,
    *,
    weights: Path | None = None,
    top: int = 5,
    path: Path | None = None,
) -> dict[str, Any]:
    """Gives a network's own answers for images: ImageNet's likeliest classes, with their probabilities.

    Args:
        images: image files and folders that hold nothing but images; or one labelled collection by itself: a folder of
            class folders, a manifest, a file of arrays, or the name of a data set (`flowers`).
        backbone: a name of the catalogue (`MobileNetV2-0.35@320`).
        weights: a weight file with the 1000-class layer; searched for where None.
        top: answers to give for each image.
        path: the folder of a local copy of a named set.

    Returns:
        Plain data: `backbone`; `weights` (`file`, `sha256`, `origin`); `images`, for each `image`, its `label` where it
        has one, and `answers`, likeliest first (`wordnet_id`, `name`, `probability` from 0 to 1); `skipped` (`image`,
        `reason`); and `collection`, None for images without labels, else its `name`, `images` (their number) and
        `classes`. Of each class: `class`, `images`, `imagenet` (`name`, `kinds` or `none`, as
        `backbones.imagenet.Match` has it), `word`, `imagenet_classes`, `top1` and `top5` (the share of images with one
        of these first, or among the first five; None where there are none), and `answers`: all that came first for
        some image, the commonest first (`wordnet_id`, `name`, `images`, `share`).

    Raises:
        InputError: no image can be read; a collection is not alone; the backbone is unknown, a saved model, or without
            weights here; `top` is out of range.
    """
    asked = [images] if isinstance(images, str | Path) else list(images)
    _check_top(top)
    if not asked:
        raise InputError("There is nothing to classify.", expected="image files, or a folder of images")
    classifier = open_classifier(backbone, weights=weights)
    collection = _collection(asked, path)
    names: list[str] = []
    sources: list[Any] = []
    skipped: list[dict[str, str]] = []
    if collection is None:
        for file in _files(asked, skipped):
            names.append(str(file))
            sources.append(file)
    else:
        names = [image.name for image in collection.images]
        sources = [image.source for image in collection.images]
        skipped = [{"image": file.name, "reason": file.reason} for file in collection.skipped]
    found = classify_images(classifier, sources, top=max(top, _RANKED))
    answered: list[dict[str, Any]] = []
    judged: list[tuple[LabelledImage, tuple[Answer, ...]]] = []
    for number, (name, answers) in enumerate(zip(names, found, strict=True)):
        if isinstance(answers, UnreadableImageError):
            skipped.append({"image": name, "reason": str(answers)})
            continue
        label = {} if collection is None else {"label": collection.images[number].label}
        answered.append({"image": name, **label, "answers": [_plain(answer) for answer in answers[:top]]})
        if collection is not None:
            judged.append((collection.images[number], answers))
    if not answered:
        raise _none_readable(skipped)
    used = classifier.weights
    return {
        "backbone": str(classifier.network),
        "weights": {"file": str(used.path), "sha256": used.sha256, "origin": used.origin},
        "images": answered,
        "skipped": skipped,
        "collection": None if collection is None else _before(collection, judged),
    }


def _check_top(top: int) -> None:
    known = len(imagenet_classes())
    if not 1 <= top <= known:
        raise InputError("There are not so many answers.", expected=f"1 to {known}", received=str(top))


def _collection(asked: Sequence[str | Path], path: Path | None) -> ImageCollection | None:
    """The labelled collection that is asked for; None where it is images without labels."""
    labelled = [one for one in asked if _is_collection(one)]
    if not labelled and path is None:
        return None
    if len(asked) > 1:
        one = os.fspath((labelled or asked)[0])
        raise InputError(
            "A labelled collection is classified by itself.",
            expected="one folder of class folders, manifest or data set; or any number of images",
            received=f"{len(asked)} arguments, {one} among them",
        )
    return open_images(asked[0], path=path, minimum_classes=1)


def _is_collection(asked: str | Path) -> bool:
    place = Path(asked).expanduser()
    if _is_folder(place):
        return not _is_plain_folder(place)
    if _is_there(place):
        return place.suffix.lower() in (*MANIFEST_SUFFIXES, *ARRAY_SUFFIXES)
    return isinstance(asked, str) and asked in NAMED_SETS


def _is_folder(place: Path) -> bool:
    return _is_there(place) and place.is_dir()


def _is_there(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # too long for a path; whoever reads it says so
        return False


def _is_plain_folder(folder: Path) -> bool:
    """Whether a folder holds images and no folders, hidden ones aside."""
    entries = [entry for entry in _entries(folder) if not entry.name.startswith(".")]
    return any(_looks_like_image(entry) for entry in entries) and not any(entry.is_dir() for entry in entries)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []  # `open_images` has the words for it


def _looks_like_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_EXTENSIONS


def _files(asked: Sequence[str | Path], skipped: list[dict[str, str]]) -> list[Path]:
    """The files meant, those of plain folders by their names; what is no image there is noted."""
    files: list[Path] = []
    for one in asked:
        place = Path(one).expanduser()
        if not _is_folder(place):
            files.append(place)
            continue
        for entry in _entries(place):
            if _looks_like_image(entry) and not entry.name.startswith("."):
                files.append(entry)
            else:
                hidden = entry.name.startswith(".")
                reason = "a hidden file" if hidden else "not an image, by its extension"
                skipped.append({"image": str(entry), "reason": reason})
    return files


def _none_readable(skipped: Sequence[dict[str, str]]) -> InputError:
    some = "; ".join(f"{file['image']}: {file['reason']}" for file in skipped[:5])
    more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    none = "The image cannot" if len(skipped) == 1 else f"None of the {len(skipped):,} images can"
    return InputError(f"{none} be read.", received=some + more)


def _before(collection: ImageCollection, judged: Sequence[tuple[LabelledImage, tuple[Answer, ...]]]) -> dict[str, Any]:
    """How a network's own answers fit the labels of a collection."""
    by_class: dict[str, list[tuple[Answer, ...]]] = {label: [] for label in collection.classes}
    for image, answers in judged:
        by_class[image.label].append(answers)
    return {
        "name": collection.name,
        "images": len(judged),
        "classes": [_class_before(label, answers) for label, answers in by_class.items()],
    }


def _class_before(label: str, answers: Sequence[tuple[Answer, ...]]) -> dict[str, Any]:
    match = match_label(label)
    right = set(match.classes)
    first = Counter(ranked[0].imagenet for ranked in answers)
    commonest = sorted(first.items(), key=lambda item: (-item[1], item[0].index))
    measured = bool(right) and bool(answers)
    among = [sum(any(a.imagenet in right for a in ranked[:count]) for ranked in answers) for count in (1, _RANKED)]
    return {
        "class": label,
        "images": len(answers),
        "imagenet": match.kind,
        "word": match.word,
        "imagenet_classes": [_identity(one) for one in match.classes],
        "top1": among[0] / len(answers) if measured else None,
        "top5": among[1] / len(answers) if measured else None,
        "answers": [{**_identity(one), "images": count, "share": count / len(answers)} for one, count in commonest],
    }


def _identity(one: ImageNetClass) -> dict[str, Any]:
    return {"wordnet_id": one.wordnet_id, "name": one.name}


def _plain(answer: Answer) -> dict[str, Any]:
    return {**_identity(answer.imagenet), "probability": answer.probability}
