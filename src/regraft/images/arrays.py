"""Images that are arrays in a file: NumPy's `.npz` and MATLAB's `.mat`."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError
from regraft.images._assembly import assemble
from regraft.images._printable import printable
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile, Split, sha256_of_pixels

ARRAY_SUFFIXES = (".mat", ".npz")

LAYOUT = (
    "images and their labels in pairs such as x_train and y_train, X_trn05 and t_trn05, or images and labels: grey "
    "(N, height, width) or colour (N, height, width, 3), N last in MATLAB's order; a whole number or a name for each"
)

_IMAGES = ("x", "images", "image", "data", "pixels")
_LABELS = ("y", "t", "labels", "label", "target", "targets")
_NAME = re.compile(rf"({'|'.join(sorted(_IMAGES + _LABELS, key=len, reverse=True))})(?:_(.+))?|(.+)_(images|labels)")
_SPLITS: dict[str, Split] = {
    "train": "train", "trn": "train", "valid": "validation", "val": "validation", "test": "test", "tst": "test",
}  # fmt: skip

Array = npt.NDArray[Any]


def read_arrays(path: Path, classes: Collection[str] | None = None) -> ImageCollection:
    """The labelled images of an `.npz` or a `.mat` file.

    Arrays belong together by their names: `X_trn05` and `t_trn05`, `x_train` and `y_train`, `images` and `labels`,
    `test_images` and `test_labels`. What comes after the first `_` (or before `_images`) names the pair; if it begins
    with `train`, `trn`, `val`, `valid`, `test` or `tst`, its images have that split. Upper and lower case are the same.

    Images are (N, height, width) or (N, height, width, 3 or 1), and in MATLAB's order (height, width, N) or (height,
    width, 3 or 1, N): where the labels fit both, it is the order of the kind of file. Values are uint8; or other
    numbers from 0 to 255; or fractions from 0 to 1, or truth values, that are multiplied by 255. An array of images
    without one of labels is in `skipped`.

    Args:
        path: the file. Of `.npz` nothing pickled is read; of `.mat` all versions but 7.3.
        classes: keep only these; None for all.

    Raises:
        InputError: it cannot be read, has no such pair, or one whose shapes or values cannot be; or there is no class
            called like one of `classes`.
    """
    arrays = _loaded(path)
    pairs = _pairs(arrays)
    if not pairs:
        raise InputError(
            f"There are no images with labels in {printable(str(path))}.",
            expected=LAYOUT,
            received=", ".join(f"{printable(name)} {array.shape}" for name, array in arrays.items()) or "nothing",
        )
    images: list[LabelledImage] = []
    for name, (pixels, labels) in sorted(pairs.items()):
        where = f"{printable(path.name)}, {printable(name)}" if name else printable(path.name)
        split = next((split for word, split in _SPLITS.items() if name.startswith(word)), None)
        names = _label_names(labels, where)
        digits = len(str(len(names)))
        prefix = f"{path.stem}/{name}/" if name else f"{path.stem}/"
        images += [
            LabelledImage(f"{prefix}{index:0{digits}d}", label, sha256_of_pixels(image), image, split)
            for index, (image, label) in enumerate(
                zip(_ordered(pixels, len(names), path.suffix.lower() == ".mat", where), names, strict=True)
            )
        ]
    labels_found = {image.label for image in images}
    kept = [image for image in images if classes is None or image.label in classes]
    alone = [
        SkippedFile(f"{path.stem}/{name}", "images without an array of labels")
        for name, (pair, is_images) in _named(arrays).items()
        if is_images and pair not in pairs
    ]
    return assemble(path.stem, kept, alone, labels_found, classes)


def _loaded(path: Path) -> dict[str, Array]:
    try:
        if path.suffix.lower() == ".npz":
            if not zipfile.is_zipfile(path):  # NumPy would leave a broken object behind
                raise ValueError("it is no archive, or not whole")
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        from scipy.io import loadmat

        found = loadmat(path)
    except NotImplementedError as error:
        raise InputError(
            f"{printable(str(path))} is of MATLAB's version 7.3, which is not read.",
            hint="save it again in MATLAB: save('name.mat', …, '-v7')",
        ) from error
    except Exception as error:  # whatever a damaged file raises in a parser
        raise InputError(
            f"{printable(str(path))} cannot be read.",
            expected="arrays of numbers, as np.savez or MATLAB's save -v7 write them",
            received=printable(str(error)),
        ) from error
    return {name: np.asarray(array) for name, array in found.items() if not name.startswith("__")}


def _pairs(arrays: Mapping[str, Array]) -> dict[str, tuple[Array, Array]]:
    """By the name of the pair: its images and its labels."""
    sides: dict[str, dict[str, Array]] = {}
    for name, (pair, is_images) in _named(arrays).items():
        sides.setdefault(pair, {})["images" if is_images else "labels"] = arrays[name]
    return {pair: (side["images"], side["labels"]) for pair, side in sides.items() if len(side) == 2}


def _named(names: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """Of the arrays whose name says what they are: the name of the pair, and whether it is its images."""
    found = {name: match for name in names if (match := _NAME.fullmatch(name.lower()))}
    return {
        name: (match[2] or "", match[1] in _IMAGES) if match[1] else (match[3], match[4] in _IMAGES)
        for name, match in found.items()
    }


def _label_names(labels: Array, where: str) -> list[str]:
    flat = labels.ravel() if labels.size == max(labels.shape, default=0) else None
    if flat is not None and flat.dtype.kind in "iub":
        return [str(int(label)) for label in flat]
    if flat is not None and flat.dtype.kind == "f" and np.isfinite(flat).all() and np.array_equal(flat, np.rint(flat)):
        return [str(int(label)) for label in flat]
    if flat is not None and flat.dtype.kind == "O":  # a cell array of MATLAB's
        flat = np.array([str(np.asarray(cell).item()) if np.asarray(cell).size == 1 else "" for cell in flat])
    if flat is not None and flat.dtype.kind == "U" and all(name.strip() for name in flat):
        return [str(name).strip() for name in flat]
    raise InputError(
        f"The labels of {where} cannot be used.",
        expected="one for each image, whole numbers or names: (N,), (N, 1) or (1, N)",
        received=f"{labels.dtype} {labels.shape}",
        hint="of one-hot rows take the position of the 1" if labels.ndim == 2 and labels.size else None,
    )


def _ordered(pixels: Array, count: int, matlab: bool, where: str) -> npt.NDArray[np.uint8]:
    """The images as uint8 (count, height, width) or (count, height, width, 3)."""
    shape = pixels.shape
    first, last = len(shape) in (3, 4) and shape[0] == count, len(shape) in (3, 4) and shape[-1] == count
    is_last = last and (matlab or not first)
    ordered = np.moveaxis(pixels, -1, 0) if is_last else pixels
    fits = (first or last) and (ordered.ndim == 3 or ordered.shape[3] in (1, 3)) and ordered.size
    if not fits:
        raise InputError(
            f"The images of {where} cannot be used.",
            expected=f"(N, height, width), (N, height, width, 3), or with N last, for {count} labels",
            received=f"{pixels.dtype} {shape}",
        )
    if ordered.ndim == 4 and ordered.shape[3] == 1:
        ordered = ordered[..., 0]
    return np.ascontiguousarray(_as_bytes(ordered, where))


def _as_bytes(values: Array, where: str) -> npt.NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind in "iuf":
        low, high = float(values.min()), float(values.max())
        factor = 255.0 if values.dtype.kind == "f" and high <= 1 else 1.0
        if low >= 0 and high <= 255:
            return np.rint(values * factor).astype(np.uint8)
        received = f"{values.dtype} from {low:g} to {high:g}"
    else:
        received = str(values.dtype)
    raise InputError(
        f"The images of {where} are not on a scale that is known.",
        expected="numbers from 0 to 255, or fractions from 0 to 1",
        received=received,
        hint="undo what was done to them: whitened or centred images cannot be told from wrong ones",
    )
