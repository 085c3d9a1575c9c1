"""Data sets that are known by a name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regraft._files import cache_folder, explained_disk_errors
from regraft.errors import InputError
from regraft.images._assembly import assemble
from regraft.images._idx import read_idx
from regraft.images._locking import locked
from regraft.images._printable import printable
from regraft.images.folders import scan_folder
from regraft.images.labelled import ImageCollection, LabelledImage, Split, sha256_of_pixels


@dataclass(frozen=True)
class RemoteFile:
    """A file at its official home: `sha256` is None where only the size is known."""

    url: str
    size: int
    sha256: str | None

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class NamedSet:
    """A data set known by its name.

    Attributes:
        name: how it is asked for.
        description: one line: what it shows, how much of it, under which terms.
        files: what is downloaded; none where the images come with a package.
        folder: the folder of class folders inside the archive; empty where `files` are the images themselves.
        check: raises where the unpacked folder is not what it should be.
    """

    name: str
    description: str
    files: tuple[RemoteFile, ...] = ()
    folder: str = ""
    check: Callable[[Path], None] = lambda folder: None


def _check_cats_and_dogs(folder: Path) -> None:
    counts = [len(list((folder / split).glob("*/*.jpg"))) for split in ("train", "validation")]
    if counts != [2000, 1000]:
        raise InputError(
            "The archive of cats-and-dogs does not hold the images it should.",
            expected="2000 JPEG files to train and 1000 to validate",
            received=f"{counts[0]} and {counts[1]}",
            hint="delete it and run the same command again",
        )


_MNIST_HOME = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_TRAIN_IMAGES, _TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
_TEST_IMAGES, _TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

NAMED_SETS: dict[str, NamedSet] = {
    named.name: named
    for named in (
        NamedSet("digits", "1,797 handwritten digits of 8×8 pixels, with scikit-learn (UCI; CC BY 4.0)"),
        NamedSet(
            "mnist",
            "70,000 handwritten digits of 28×28 pixels, 10,000 of them to test (CC BY-SA 3.0)",
            files=tuple(
                RemoteFile(f"{_MNIST_HOME}{name}.gz", size, sha256)
                for name, size, sha256 in (
                    (_TRAIN_IMAGES, 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
                    (_TRAIN_LABELS, 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
                    (_TEST_IMAGES, 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
                    (_TEST_LABELS, 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
                )
            ),
        ),
        NamedSet(
            "flowers",
            "3,670 photos of daisy, dandelion, roses, sunflowers, tulips (flower_photos; CC BY 2.0 per photographer)",
            files=(
                RemoteFile(
                    "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
                    228813984,
                    "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
                ),
            ),
            folder="flower_photos",
        ),
        NamedSet(
            "cats-and-dogs",
            "3,000 photos of cats and dogs, 1,000 of them to validate (cats_and_dogs_filtered; Microsoft Research, "
            "research use)",
            # Its SHA-256 was not to be had from a source we trust. What is checked instead: the archive's size, the
            # CRC-32 of every file in it, and how many photos it holds. To be replaced once the hash is known.
            files=(
                RemoteFile(
                    "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip", 68606236, sha256=None
                ),
            ),
            folder="cats_and_dogs_filtered",
            check=_check_cats_and_dogs,
        ),
    )
}
"""The data sets known by a name."""


def open_named(name: str, path: Path | None = None, classes: Collection[str] | None = None) -> ImageCollection:
    """A named data set, from a local copy if there is one, else from its official home.

    `digits` comes with scikit-learn (its 0…16 scaled to 0…255); the others are looked for in `path`, if given, else in
    `CACHE/datasets/NAME`, and downloaded there if they are missing (with resume, and SHA-256). An archive or the
    IDX files copied into that folder by hand are taken like downloaded ones. Of `mnist`, the official test images have
    the split `test`; of `cats-and-dogs`, the official training and validation images have theirs.

    Args:
        name: one of `NAMED_SETS`.
        path: the folder of a local copy: of class folders, or, for `mnist`, of the four IDX files, compressed or not;
            None for `digits`, which has no files.
        classes: keep only these; None for all.

    Raises:
        InputError: the name is unknown, it has none of one of `classes`, the local copy is not what it should be, or
            the set is not on this machine and cannot be downloaded; the message says how to copy it by hand.
    """
    if name not in NAMED_SETS:
        raise InputError(f"No data set is called {name!r}.", expected=", ".join(NAMED_SETS), received=repr(name))
    if path is not None and not NAMED_SETS[name].files:
        raise InputError(
            f"{name} is embedded: it comes with an installed package and is read from no folder.",
            received=printable(str(path)),
            hint=f"leave the path out, or give the folder alone: {printable(str(path))}",
        )
    if path is not None and not path.is_dir():
        raise InputError(f"There is no local copy of {name} at {path}.", expected="a folder")
    if name == "digits":
        return _collection("digits", _digits(), classes)
    named = NAMED_SETS[name]
    folder = path or _cached(named)
    if name == "mnist":
        return _collection("mnist", _mnist(folder), classes)
    if (folder / named.folder).is_dir():  # the folder the archive was unpacked in
        folder = folder / named.folder
    return scan_folder(folder, classes, name=name)


def is_mnist_folder(path: Path) -> bool:
    """Whether a folder holds MNIST's four IDX files."""
    return all(_idx_file(path, name) for name in (_TRAIN_IMAGES, _TRAIN_LABELS, _TEST_IMAGES, _TEST_LABELS))


def _cached(named: NamedSet) -> Path:
    """The set's folder in the cache, filled where it is empty."""
    from regraft.images.download import download  # brings half of the standard library's network modules

    folder = cache_folder() / "datasets" / named.name
    if not named.folder:
        for file in named.files:
            if not _idx_file(folder, file.name.removesuffix(".gz")):
                what = f"{named.name} ({file.name})"
                download(file.url, folder / file.name, size=file.size, sha256=file.sha256, what=what)
        return folder
    target = folder / named.folder
    if not target.is_dir():
        with explained_disk_errors(target), locked(target, named.name):
            if not target.is_dir():  # nobody made it while this process waited
                _unpack(named, folder, target)
    return target


def _unpack(named: NamedSet, folder: Path, target: Path) -> None:
    """Makes `target` of the set's archive, which is downloaded if it is not there."""
    from regraft.images._archives import extract
    from regraft.images.download import by_hand, check_file, download

    (file,) = named.files
    archive = folder / file.name
    if archive.exists():  # copied by hand: not checked yet, and not ours to delete
        check_file(archive, size=file.size, sha256=file.sha256, hint=f"delete it, or {by_hand(file.url, archive)}")
        extract(archive, named.folder, target, named.check)
    else:
        download(file.url, archive, size=file.size, sha256=file.sha256, what=named.name)
        extract(archive, named.folder, target, named.check)
        archive.unlink(missing_ok=True)


def _digits() -> list[LabelledImage]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return [
        LabelledImage(f"digits/{index:04d}", str(label), sha256_of_pixels(image), image)
        for index, (image, label) in enumerate(zip(pixels, bunch.target, strict=True))
    ]


def _mnist(folder: Path) -> list[LabelledImage]:
    images = [
        *_mnist_part(folder, _TRAIN_IMAGES, _TRAIN_LABELS, "train"),
        *_mnist_part(folder, _TEST_IMAGES, _TEST_LABELS, "test"),
    ]
    return sorted(images, key=lambda image: image.name)


def _mnist_part(folder: Path, images_name: str, labels_name: str, split: Split) -> list[LabelledImage]:
    files = []
    for name in (images_name, labels_name):
        file = _idx_file(folder, name)
        if file is None:
            from regraft.images.download import by_hand

            raise InputError(
                f"{folder} lacks a file of MNIST.",
                expected=f"{name} or {name}.gz",
                hint=by_hand(f"{_MNIST_HOME}{name}.gz", folder / f"{name}.gz"),
            )
        files.append(file)
    pixels, labels = read_idx(files[0], 3), read_idx(files[1], 1)
    if len(pixels) != len(labels) or pixels.shape[1:] != (28, 28) or (labels.size and labels.max() > 9):
        raise InputError(
            f"{files[0]} and {files[1].name} are not MNIST's.",
            expected="images of 28×28 pixels and a label from 0 to 9 for each",
            received=f"images {pixels.shape}, labels {labels.shape}",
        )
    return [
        LabelledImage(f"mnist/{split}/{index:05d}", str(label), sha256_of_pixels(image), image, split)
        for index, (image, label) in enumerate(zip(pixels, labels, strict=True))
    ]


def _idx_file(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)


def _collection(name: str, images: Sequence[LabelledImage], classes: Collection[str] | None) -> ImageCollection:
    labels = {image.label for image in images}
    kept = [image for image in images if classes is None or image.label in classes]
    return assemble(name, kept, (), labels, classes)
