"""What a user calls IMAGES - a folder, a manifest, a name - as a collection."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from regraft.errors import InputError
from regraft.images._printable import printable
from regraft.images.arrays import ARRAY_SUFFIXES, read_arrays
from regraft.images.folders import LAYOUT, OUTSIDE, scan_folder
from regraft.images.labelled import ImageCollection
from regraft.images.manifests import MANIFEST_SUFFIXES, read_manifest
from regraft.images.named import NAMED_SETS, is_mnist_folder, open_named
from regraft.images.walking import IMAGE_EXTENSIONS, made_by_regraft


def open_images(
    spec: str | Path, *, path: Path | None = None, classes: Sequence[str] | None = None, minimum_classes: int = 2
) -> ImageCollection:
    """The labelled images a user asks for.

    `spec` is, in this order: a folder (`scan_folder`; if it holds MNIST's IDX files, `mnist`), even one that is called
    like a named data set, unless regraft has made it (`runs/digits`, seen from `runs`); a `.csv` or `.jsonl` file
    (`read_manifest`); a `.mat` or `.npz` file (`read_arrays`); the name of a data set (`open_named`). A `Path`, or text
    with a slash in it, is never taken for a name.

    Args:
        spec: a folder, a manifest, a file of arrays, or a name of `NAMED_SETS`.
        path: the folder of a local copy of a named set.
        classes: keep only these, blanks around a name aside; what belongs to others is no part of the collection, not
            in `skipped` either, and no duplicate of anything.
        minimum_classes: how many classes there must be: 2 to train, 1 to evaluate.

    Raises:
        InputError: there is no such thing, it has no images, or too few classes, or no class called like one of
            `classes`. Classes that are there but have no usable image are in `lost_classes`.
    """
    collection = _open(spec, path, None if classes is None else _asked(classes))
    if not collection.images:
        raise _no_images(collection, spec)
    if len(collection.classes) < minimum_classes:
        raise InputError(
            f"There is only one class in {_shown(spec)}: nothing to tell apart.",
            expected=f"at least two classes: {LAYOUT}",
            received=f"{len(collection.images)} images of '{collection.classes[0]}'" + _and_lost(collection),
            hint="add a folder with images of something else" if classes is None else "ask for a second class",
        )
    return collection


def _open(spec: str | Path, path: Path | None, classes: Sequence[str] | None) -> ImageCollection:
    text = os.fspath(spec)
    place = Path(text).expanduser()
    may_be_name = isinstance(spec, str) and "/" not in text and os.sep not in text
    if path is not None:
        if text not in NAMED_SETS:
            raise InputError(
                "A local copy is given for what is no named data set.",
                expected=", ".join(NAMED_SETS),
                received=_shown(spec),
                hint=f"give the folder alone: {printable(str(path))}",
            )
        return open_named(text, path, classes)
    named = may_be_name and text in NAMED_SETS
    if text and place.is_dir() and not (named and made_by_regraft(str(place))):  # runs/digits is a run on `digits`
        return open_named("mnist", place, classes) if is_mnist_folder(place) else scan_folder(place, classes)
    if place.suffix.lower() in MANIFEST_SUFFIXES and place.exists():
        return read_manifest(place, classes)
    if place.suffix.lower() in ARRAY_SUFFIXES and place.exists():
        return read_arrays(place, classes)
    if named:
        return open_named(text, classes=classes)
    raise _not_found(text, place, may_be_name)


def _asked(classes: Sequence[str]) -> list[str]:
    names = [name.strip() for name in classes]
    if not names or not all(names):
        raise InputError(
            "The classes to keep lack a name.",
            expected="at least one name, none of them empty: daisy,roses",
            received=repr(",".join(classes)) if names else "an empty list",
            hint="leave the option out to keep all classes",
        )
    return list(dict.fromkeys(names))


def _and_lost(collection: ImageCollection) -> str:
    lost = [f"'{label}'" for label in collection.lost_classes]
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    return f", no usable image of {', '.join(lost[:5])}{more}" if lost else ""


def _not_found(text: str, place: Path, may_be_name: bool) -> InputError:
    names = ", ".join(NAMED_SETS)
    if place.is_file():
        return InputError(
            f"{printable(text)} is a file, but neither a folder of images nor a manifest nor arrays.",
            expected=f"{LAYOUT}; or a manifest that ends with {' or '.join(MANIFEST_SUFFIXES)}; or arrays "
            f"in a file that ends with {' or '.join(ARRAY_SUFFIXES)}; or a data set: {names}",
            hint="to classify single images, use `regraft predict`"
            if place.suffix.lower() in IMAGE_EXTENSIONS
            else "give the folder that holds the images",
        )
    import difflib

    near = difflib.get_close_matches(text.lower(), NAMED_SETS, n=2) if may_be_name else []
    beside = _names_beside(place)
    near += difflib.get_close_matches(place.name, beside, n=2)
    what = "folder, manifest or data set" if may_be_name else "folder or manifest"
    return InputError(
        f"There is no {what} called {printable(text)!r}.",
        expected=f"{LAYOUT}; or a manifest ({', '.join(MANIFEST_SUFFIXES)}); or a data set: {names}",
        received=f"{printable(text)!r}, looked for from {printable(str(Path.cwd()))}",
        hint=f"did you mean {' or '.join(printable(name) for name in near)}?" if near else "check the name",
    )


def _names_beside(place: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in place.parent.iterdir() if not entry.name.startswith("."))
    except OSError:
        return []


def _no_images(collection: ImageCollection, spec: str | Path) -> InputError:
    if not collection.skipped:
        return InputError(f"{_shown(spec)} is empty.", expected=LAYOUT, hint="put the images there")
    reasons = Counter(file.reason.split(" (")[0] for file in collection.skipped)
    received = "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(5))
    loose = [
        file.name
        for file in collection.skipped
        if file.reason == OUTSIDE and "/" not in file.name and Path(file.name).suffix.lower() in IMAGE_EXTENSIONS
    ]
    if loose:
        return InputError(
            f"The images in {_shown(spec)} lie in no folder of a class, so they have no labels.",
            expected=LAYOUT,
            received=f"{len(loose)} images directly inside, such as {loose[0]!r}",
            hint="make a folder for each class and move the images there, or list them in a manifest: file_name,label",
        )
    return InputError(
        f"There is no usable image in {_shown(spec)}.",
        expected=LAYOUT,
        received=received,
        hint="for each file left out the reason is above" if len(collection.skipped) <= 5 else None,
    )


def _shown(spec: str | Path) -> str:
    return printable(os.fspath(spec))
