"""The images a run was taught with that look most like a new one to its base."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from regraft._files import cache_folder
from regraft.backbones.base import Base
from regraft.backbones.joint import members_of
from regraft.errors import InputError, RegraftError, UnreadableImageError
from regraft.features.engines import member_precisions, open_engine
from regraft.features.extraction import extract, open_store
from regraft.images.labelled import LabelledImage
from regraft.images.manifests import MANIFEST_SUFFIXES
from regraft.images.named import NAMED_SETS, is_mnist_folder
from regraft.images.opening import open_images
from regraft.runs.prediction import Predictor
from regraft.runs.thumbnails import thumbnail

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_MEMORY = 256_000_000  # bytes of features held
_COMPUTED = 5_000  # images whose features are computed anew, at most: the machine has answers to give meanwhile
_AT_ONCE = 128  # of them between two looks at whether to stop
_PIXELS = 64_000_000  # bytes of images held where they are no files of their own


@dataclass(frozen=True)
class Neighbour:
    """An image the run was taught with.

    Attributes:
        sha256: of its content.
        name, label: as the run has them.
        similarity: the cosine of the angle between its features and those of the image asked for, at most 1; with
            several backbones the mean over them.
    """

    sha256: str
    name: str
    label: str
    similarity: float


@dataclass(frozen=True)
class Nearest:
    """The answer: `neighbours`, the most similar first, if the state is `ready`.

    Attributes:
        state: `ready`; `preparing`, ask again; or `unavailable`, for a reason.
        reason: why there are none, or why they have no pictures; empty where all is well.
        neighbours: at most as many as were asked for.
        among: of so many images.
        of: that the run was taught with in all.
    """

    state: Literal["ready", "preparing", "unavailable"]
    reason: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    among: int = 0
    of: int = 0


class Neighbours:
    """Finds the nearest of the training and validation images of a run; both taught the head that answers.

    Nothing is read before the first question, which a thread of its own then prepares: the features from the cache, or
    computed again from the images, if those are there. Where there are more than fit some 250 MB, a fixed sample of
    them is searched. Safe to call from many threads.

    Args:
        predictor: of the run.
        features: gives the features (features,) of an image of the base's size (`Explainer.features`).
    """

    def __init__(self, predictor: Predictor, features: Callable[[Pixels], Floats]) -> None:
        self._predictor = predictor
        self._features = features
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._images: tuple[LabelledImage, ...] = ()  # in the order of the rows
        self._found: dict[str, LabelledImage] = {}
        self._rows: list[Floats] = []  # of each member (images, features), every row of length 1
        self._state = Nearest("preparing")

    def nearest(self, pixels: Pixels, count: int = 6) -> Nearest:
        """The nearest images to one of the base's size, uint8 (height, width, 3); at the first call, `preparing`."""
        self.prepare()
        state = self._state
        if state.state != "ready":
            return state
        features, start = self._features(pixels), 0
        similarity = np.zeros(len(self._images), np.float32)
        for rows in self._rows:
            own = features[start : start + rows.shape[1]]
            similarity += rows @ own / max(float(np.linalg.norm(own)), _LEAST) / len(self._rows)
            start += rows.shape[1]
        best = np.argsort(-similarity, kind="stable")[:count]
        near = (self._images[row] for row in best)
        neighbours = tuple(
            Neighbour(image.sha256, image.name, image.label, min(1.0, float(similarity[row])))
            for row, image in zip(best, near, strict=True)
        )
        return Nearest("ready", state.reason, neighbours, state.among, state.of)

    def thumbnail(self, sha256: str) -> bytes | None:
        """A small picture (JPEG) of one of the images, by its hash; None where there is none."""
        image = self._found.get(sha256)
        if image is None:
            return None
        try:
            return thumbnail(image)
        except (OSError, UnreadableImageError):
            return None

    def prepare(self, wait: bool = False) -> None:
        """Starts what has to be done before the first answer, once.

        Args:
            wait: until it is done.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._prepare, name="neighbours", daemon=True)
                self._thread.start()
        if wait:
            self._thread.join()

    def close(self) -> None:
        """Stops what is still being prepared."""
        self._stopped.set()

    def _prepare(self) -> None:
        try:
            self._state = self._prepared()
        except RegraftError as error:
            self._state = Nearest("unavailable", str(error).splitlines()[0])
        except Exception as error:  # whatever it is, the answers do not need it
            self._state = Nearest("unavailable", f"The training images cannot be searched ({type(error).__name__}).")

    def _prepared(self) -> Nearest:
        taught = [row for row in self._predictor.run.table("splits").to_pylist() if row["split"] != "test"]
        # By hash: the first of them are a fair sample, and the same one every time.
        taught.sort(key=lambda row: str(row["sha256"]))
        reason = ""
        try:
            self._found = _found(self._predictor, taught)
        except InputError as error:
            reason = error.problem
        if not reason and not self._found:
            reason = "The training images are not where they were."
        base = self._predictor.base
        images = [LabelledImage(row["image"], row["label"], row["sha256"], Path()) for row in taught]
        try:
            self._rows, kept = self._cached(base, images), images
            if len(self._rows[0]) < len(images):
                kept = images[: len(self._rows[0])]
        except KeyError:
            if not self._found:
                return Nearest("unavailable", f"{reason} Their features are no longer in the cache either.")
            there = [self._found[image.sha256] for image in images if image.sha256 in self._found]
            self._rows, kept = self._computed(base, there[:_COMPUTED])
        self._images = tuple(kept)
        if not kept:
            return Nearest("unavailable", reason or "None of the training images can be read.")
        return Nearest("ready", reason, (), len(kept), len(taught))

    def _cached(self, base: Base, images: Sequence[LabelledImage]) -> list[Floats]:
        """The rows of each member as they were computed for the run.

        Raises:
            KeyError: some are not there.
        """
        engine = self._predictor.run.config().backbone.engine
        hashes, room = [image.sha256 for image in images], 0
        stores = [open_store(member, engine, precision) for member, precision in self._members(base)]
        for store in stores:
            if missing := store.missing(hashes):
                raise KeyError(f"{len(missing)} images have no features")
            room += store.read(hashes[:1]).nbytes
        most = max(1, _MEMORY // max(room, 1))
        return [_unit(np.asarray(store.read(hashes[:most]), np.float32)) for store in stores]

    def _computed(self, base: Base, images: Sequence[LabelledImage]) -> tuple[list[Floats], list[LabelledImage]]:
        """The rows of each member, and the images that can be read; computed, and kept in the cache."""
        rows: list[Floats] = []
        for member, precision in self._members(base):
            engine = open_engine("openvino", member, precision)
            images = images[: max(1, _MEMORY // (4 * int(np.prod(engine.shape))))]
            readable: list[LabelledImage] = []
            for start in range(0, len(images), _AT_ONCE):
                if self._stopped.is_set():
                    return [], []
                readable += extract(images[start : start + _AT_ONCE], member, engine=engine).images
            images = readable
        for member, precision in self._members(base):
            store = open_store(member, "openvino", precision)
            rows.append(_unit(np.asarray(store.read([image.sha256 for image in images]), np.float32)))
        return rows, list(images)

    def _members(self, base: Base) -> list[tuple[Base, str]]:
        members = members_of(base)
        return list(zip(members, member_precisions(self._predictor.head.precision, len(members)), strict=True))


_LEAST = float(np.finfo(np.float32).tiny)


def _unit(rows: Floats) -> Floats:
    """The rows, flattened, each divided by its length, in place."""
    rows = rows.reshape(len(rows), -1)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _LEAST)
    return rows


def _found(predictor: Predictor, taught: Sequence[dict[str, str]]) -> dict[str, LabelledImage]:
    """The images by hash, of those that are there; whether a file still has that content shows when it is read.

    Files are where the run has found them, so nothing is read for this; what has no file is opened once.

    Raises:
        InputError: they cannot be opened, or are not on this machine.
    """
    asked = predictor.run.config().images
    place = Path(asked.source)
    listed = place.suffix.lower() in MANIFEST_SUFFIXES and place.is_file()
    if asked.path is None and (listed or (place.is_dir() and not is_mnist_folder(place))):
        root = place.parent if listed else place
        paths = ((row, root / row["image"]) for row in taught)
        return {
            row["sha256"]: LabelledImage(row["image"], row["label"], row["sha256"], path)
            for row, path in paths
            if path.is_file()
        }
    named = NAMED_SETS.get(asked.source)
    if named and named.files and asked.path is None and not (cache_folder() / "datasets" / named.name).is_dir():
        raise InputError(f"The images of {named.name} are not on this machine.")  # and are not downloaded for this
    wanted = {row["sha256"] for row in taught}
    collection = open_images(asked.source, path=asked.path, classes=asked.classes, minimum_classes=1)
    return _held([image for image in collection.images if image.sha256 in wanted])


def _held(images: Sequence[LabelledImage]) -> dict[str, LabelledImage]:
    """The images by hash; those that are arrays as copies, so that the others of their array can go, while they fit."""
    held, room = {}, _PIXELS
    for image in images:
        source = image.source
        if isinstance(source, np.ndarray):
            room -= source.nbytes
            if room < 0:
                continue
            source = source.copy()
        held[image.sha256] = LabelledImage(image.name, image.label, image.sha256, source)
    return held
