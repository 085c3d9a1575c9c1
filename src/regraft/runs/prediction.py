"""A finished run at work: answers for new images, and a measurement on new labelled ones. No Keras, no TensorFlow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.base import Base, open_base
from regraft.backbones.graph import base_graph, cached_graph
from regraft.backbones.joint import SIGN, JointBase
from regraft.errors import InputError, UnreadableImageError
from regraft.evaluation.metrics import evaluate_predictions
from regraft.features.augmented import extract_views
from regraft.features.engines import joint_precision, member_precisions
from regraft.features.joint_engine import JointEngine
from regraft.images._hashing import why
from regraft.images.augmentation import Augmentation, read_view
from regraft.images.labelled import ImageCollection, SkippedFile, sha256_of_pixels
from regraft.images.reading import read_image
from regraft.runs.data import find_base
from regraft.runs.folder import RunFolder
from regraft.runs.head import SavedHead

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Prediction:
    """The answer for one image: the likeliest class, its probability, and those of all classes, likeliest first."""

    image: str
    label: str
    probability: float
    probabilities: dict[str, float]


def answer(image: str, classes: Sequence[str], probabilities: npt.NDArray[np.float32]) -> Prediction:
    """The answer for an image of that name, from the probability of each class, (classes,)."""
    order = np.argsort(-probabilities, kind="stable")
    ranked = {classes[index]: float(probabilities[index]) for index in order}
    label, probability = next(iter(ranked.items()))
    return Prediction(image, label, probability, ranked)


class Predictor:
    """Predicts with a run through the graph of its base and its head.

    Attributes:
        run: the run folder.
        classes: in the order of the probabilities' columns.
        head: the last layers; `head.size` is the (height, width) that images are brought to.

    Args:
        run: a run folder, or its path.
        throughput: for as many images a second as can be, in place of each as soon as can be.

    Raises:
        InputError: the folder is no finished run.
    """

    def __init__(self, run: RunFolder | Path | str, *, throughput: bool = False) -> None:
        self.run = run if isinstance(run, RunFolder) else RunFolder(run)
        self.throughput = throughput
        self.classes = self.run.classes()
        self.head: SavedHead = self.run.head()
        known = max(2, self.head.weights.outputs)
        if len(self.classes) != known:
            raise InputError(
                f"{self.run.path / 'labels.txt'} does not fit the run's head.",
                expected=f"{known} classes",
                received=str(len(self.classes)),
            )

    @cached_property
    def _engine(self) -> Any:
        from regraft.features.openvino_engine import OpenVINOEngine

        latency = not self.throughput
        graph = cached_graph(self.head.base)
        if graph is None and isinstance(self.base, JointBase):
            members = self.base.members
            each = member_precisions(self._precision(), len(members))
            graphs = [base_graph(member) for member in members]
            return JointEngine([OpenVINOEngine(*pair, latency=latency) for pair in zip(graphs, each, strict=True)])
        return OpenVINOEngine(graph or base_graph(self.base), self._precision(), latency=latency)

    def _precision(self) -> str:
        """That of the run, or f32 on a processor without bf16.

        Several backbones of a run may differ in it; the run's own model, in their place, computes as the finest does.
        """
        from regraft.features.openvino_engine import resolve_precision

        each = self.head.precision.split(SIGN)
        if len(each) > 1 and not isinstance(self.base, JointBase):
            each = ["f32"]
        return joint_precision(["f32" if precision == "f32" else resolve_precision("auto") for precision in each])

    @cached_property
    def base(self) -> Base:
        """The base as the run had it; from the run's own model where its weights are no longer to be found."""
        try:
            base = find_base(self.run.config().backbone, fetch=False)
            if base.identity == self.head.base:
                return base
        except InputError:
            pass
        return open_base(str(self.run.model))

    @cached_property
    def _views(self) -> tuple[Augmentation, int]:
        """The policy and the number of views that answers are averaged over, beside the plain image."""
        wanted = self.run.config().augmentation.test_views
        return (
            Augmentation.from_dict(self.run.metrics()["augmentation"]["policy"]) if wanted else Augmentation(),
            wanted,
        )

    @property
    def views(self) -> int:
        """How many test views an answer is averaged over, beside the plain image."""
        return self._views[1]

    def seen(self, source: Path | bytes | Pixels) -> list[Pixels]:
        """What the run looks at of an image: it, brought to the base's size, then its test views if the run has any.

        Safe to call from many threads at once.

        Args:
            source: a file, the bytes of a file, or pixels: uint8 (height, width) or (height, width, 3).

        Returns:
            Each uint8 (height, width, 3).

        Raises:
            UnreadableImageError: it cannot be decoded; the message is the reason.
        """
        policy, views = self._views
        size = self.head.size
        plain = read_image(source, size)
        if not views:
            return [plain]
        try:
            content = source.read_bytes() if isinstance(source, Path) else source
        except OSError as error:  # it has gone since
            raise UnreadableImageError(why(error)) from error
        sha256 = sha256_of_pixels(content) if isinstance(content, np.ndarray) else hashlib.sha256(content).hexdigest()
        return [plain, *(read_view(content, size, policy, sha256, number) for number in range(1, views + 1))]

    def probabilities(self, images: Iterable[Sequence[Pixels]]) -> npt.NDArray[np.float32]:
        """Class probabilities (n, classes) float32, averaged over the views of each image.

        One thread at a time may call it. Images are taken from the iterable only when they can be worked on.

        Args:
            images: what `seen` gave for each image.
        """
        counts: list[int] = []

        def views() -> Iterator[Pixels]:
            for seen in images:
                counts.append(len(seen))
                yield from seen

        answers = self.plain_probabilities(views())
        if not counts:
            return answers
        sums = np.add.reduceat(answers, np.cumsum([0, *counts[:-1]]))
        return np.asarray(sums / np.array(counts, np.float32)[:, None], np.float32)

    def plain_probabilities(self, pixels: Iterable[Pixels]) -> npt.NDArray[np.float32]:
        """Class probabilities (n, classes) for uint8 RGB images of the base's size, each as it is."""
        return self.head.weights.probabilities(self._engine.run(pixels))

    def predict(self, images: Sequence[Path | str]) -> tuple[list[Prediction], list[SkippedFile]]:
        """Gives the answers for image files, and the files that could not be read, with the reason.

        For a few images: `bulk.predict_files` streams any number of them.

        Raises:
            InputError: none of them can be read.
        """
        names: list[str] = []
        skipped: list[SkippedFile] = []

        def readable() -> Iterator[list[Pixels]]:
            for image in images:
                try:
                    seen = self.seen(Path(image))
                except UnreadableImageError as error:
                    skipped.append(SkippedFile(str(image), str(error)))
                else:
                    names.append(str(image))
                    yield seen

        answers = self.probabilities(readable())
        if skipped and not names:
            raise InputError(
                f"None of the {len(skipped)} images can be read.",
                received="; ".join(f"{file.name}: {file.reason}" for file in skipped[:5]),
            )
        return [answer(name, self.classes, row) for name, row in zip(names, answers, strict=True)], skipped

    def evaluate(self, collection: ImageCollection) -> dict[str, Any]:
        """Measures the run on labelled images that it was not made from.

        Images that took part in training or in the choice (by content hash), and others of their groups, are left out
        and counted: measured on them, any classifier looks better than it is. The run's own test images may be
        among the rest.

        Returns:
            What `evaluate_predictions` gives, with `collection`, `left_out` (images seen before) and `skipped`.

        Raises:
            InputError: a label the run does not know, or no image is left.
        """
        unknown = sorted({image.label for image in collection.images} - set(self.classes))
        if unknown:
            raise InputError(
                f"{collection.name} has labels that {self.run.path} does not know.",
                expected=", ".join(self.classes),
                received=", ".join(unknown),
                hint="rename the class folders, or name the classes to keep with --classes",
            )
        used = [row for row in self.run.table("splits").to_pylist() if row["split"] != "test"]
        seen = {row["sha256"] for row in used}
        groups = {row["group"] for row in used} - {None}
        fresh = [image for image in collection.images if image.sha256 not in seen and image.group not in groups]
        if not fresh:
            raise InputError(
                f"There is no image in {collection.name} that {self.run.path} was not trained on.",
                expected="labelled images that took no part in training",
                received=f"{len(collection.images)} images, all of them used for training or for the choice",
            )
        policy, views = self._views
        extracted = extract_views(fresh, self.base, policy, views, precision=self._precision())
        if not extracted.images:
            raise InputError(f"None of the {len(fresh)} images in {collection.name} can be read.")
        index = {name: number for number, name in enumerate(self.classes)}
        labels = np.array([index[image.label] for image in extracted.images], np.int64)
        probabilities = np.mean([self.head.weights.probabilities(seen) for seen in extracted.features()], axis=0)
        metrics = self.run.metrics()
        measured = metrics.get("test") or metrics["validation"]  # a cell of a study has not been tested
        majority = index[measured["baseline"]["class"]]
        return {
            "collection": collection.name,
            **evaluate_predictions(labels, probabilities, self.classes, majority=majority),
            "left_out": len(collection.images) - len(fresh),
            "skipped": [
                {"file": file.name, "reason": file.reason} for file in (*collection.skipped, *extracted.skipped)
            ],
        }
