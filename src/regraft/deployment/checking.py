"""An export put to the test: reopened in its own runtime and compared with the run, image by image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._progress import progress
from regraft.deployment.export_format import ExportFormat, Images, OpenedExport, Precision, Probabilities
from regraft.errors import InputError, RegraftError
from regraft.images.labelled import LabelledImage
from regraft.images.opening import open_images
from regraft.images.reading import read_image
from regraft.images.resizing import resize
from regraft.runs.data import open_collection
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor

TOLERANCE: dict[Precision, float] = {"f32": 0.01, "f16": 0.05}
"""By how much a probability may differ from the run's; in int8 accuracy decides."""

TIE = 1e-3
"""Where the run's two likeliest classes are closer than this, either may come out first."""

POINTS = 0.01
"""By how much the accuracy of an int8 export may be lower than the run's."""

RESIZING_TOLERANCE = 0.2
"""By how much a probability may differ, beyond the precision's own, where the export resizes.

A level of 255 here and there, as rounding explains, moved one of the 8 × 8 digits, enlarged 28 times, by
0.05; photos move by 0.003. A resize that is wrong moves some by more than 0.5.
"""

_AT_ONCE = 8
_WHOLE = 12  # images tried at their original size


@dataclass(frozen=True)
class Agreement:
    """How an export compares with the run on the whole validation split.

    Attributes:
        images: how many were compared.
        top1_agreement: the share with the same likeliest class.
        differing: the names of the first of those with another one.
        ties: how many of them were ties in the run's own answer.
        largest_difference: of any probability.
        accuracy, run_accuracy: of the export and of the run on these images. Where the run's head was trained on
            train and validation together in the end, both have seen them: they serve to compare.
        recorded_agreement: the share with the likeliest class that `predictions.parquet` has, from before that.
        whole_images: how many were given at their original size as well, resized inside; 0 where it takes one size.
        whole_difference: the largest difference there.
    """

    images: int
    top1_agreement: float
    differing: list[str]
    ties: int
    largest_difference: float
    accuracy: float
    run_accuracy: float
    recorded_agreement: float
    whole_images: int = 0
    whole_difference: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


class Checker:
    """Compares exports with a run, which answers in f32 whatever it was trained in.

    Args:
        run: a finished run.
        images: where its images are now; where they were, if None.

    Raises:
        InputError: some of the images are gone.
    """

    def __init__(self, run: RunFolder, images: Path | None = None) -> None:
        self.run = run
        self.predictor = exact_predictor(run)
        self._of_split = images_of_run(run, images)
        self._index = {name: number for number, name in enumerate(self.predictor.classes)}

    @property
    def images(self) -> list[LabelledImage]:
        """Those of the validation split."""
        return self._of_split["validation"]

    def calibration(self, count: int = 300) -> list[Images]:
        """Training images for int8: so many at most, always the same ones, of the network's size."""
        train = self._of_split["train"]
        chosen = np.random.default_rng(0).permutation(len(train))[:count]
        return [read_image(train[row].source, self.predictor.head.size) for row in chosen]

    def pixels(self) -> Iterator[Images]:
        """The validation images in their order, of the network's size."""
        for image in self.images:
            yield read_image(image.source, self.predictor.head.size)

    @cached_property
    def reference(self) -> Probabilities:
        """What the run answers: float32 (n, classes)."""
        return self.predictor.plain_probabilities(self.pixels())

    @cached_property
    def _whole(self) -> tuple[list[Images], Probabilities]:
        """Some images at their original size, and what the run answers to them."""
        some = self.images[:: max(1, len(self.images) // _WHOLE)][:_WHOLE]
        whole = [read_image(image.source) for image in some]
        height, width = self.predictor.head.size
        return whole, self.predictor.plain_probabilities([resize(image, height, width) for image in whole])

    def check(self, kind: ExportFormat, path: Path, precision: Precision) -> Agreement:
        """Reopens an export and compares it.

        Raises:
            RegraftError: it does not agree: a top-1 that is no tie, or a probability past the tolerance (f32, f16);
                an accuracy more than a point lower (int8); labels that are not the run's.
        """
        what = f"{kind.name} export in {precision}"
        opened = kind.open(path)
        if opened.labels != self.predictor.classes:
            raise RegraftError(f"The {what} carries other labels than the run: {opened.labels!r}.")
        found = self._compared(self._answers(opened, what))
        if kind.any_size:
            whole, expected = self._whole
            answers = np.concatenate([opened.probabilities(image[None]) for image in whole])
            found = replace(
                found, whole_images=len(whole), whole_difference=float(np.abs(answers - expected).max(initial=0))
            )
        refuse(found, precision, what)
        return found

    def _answers(self, opened: OpenedExport, what: str) -> Probabilities:
        answers: list[Probabilities] = []
        with progress(f"Checking the {what}", len(self.images)) as done:
            for pixels in _batches(self.pixels()):
                answers.append(opened.probabilities(pixels))
                done(len(pixels))
        return np.concatenate(answers)

    def _compared(self, answers: Probabilities) -> Agreement:
        labels = np.array([self._index[image.label] for image in self.images])
        names = [image.name for image in self.images]
        recorded = {
            row["sha256"]: self._index[row["predicted"]]
            for row in self.run.table("predictions").select(["sha256", "predicted"]).to_pylist()
        }
        found = compared(self.reference, answers, labels, names)
        best = answers.argmax(axis=1)
        same = [
            best[row] == recorded[image.sha256] for row, image in enumerate(self.images) if image.sha256 in recorded
        ]
        return replace(found, recorded_agreement=float(np.mean(same)) if same else 0.0)


def compared(
    expected: Probabilities, answers: Probabilities, labels: npt.NDArray[np.int64], names: Sequence[str]
) -> Agreement:
    """Compares answers (n, classes) with those expected; labels are (n,), names are the images'.

    Raises:
        RegraftError: the shapes differ, or an answer is no number.
    """
    if answers.shape != expected.shape or not np.isfinite(answers).all():
        raise RegraftError(f"The export gives {answers.shape} and not {expected.shape} finite probabilities.")
    ranked = np.sort(expected, axis=1)
    tie = ranked[:, -1] - ranked[:, -2] < TIE
    best, wanted = answers.argmax(axis=1), expected.argmax(axis=1)
    other = best != wanted
    return Agreement(
        images=len(answers),
        top1_agreement=float(1 - other.mean()),
        differing=[names[row] for row in np.flatnonzero(other)[:10]],
        ties=int((other & tie).sum()),
        largest_difference=float(np.abs(answers - expected).max(initial=0)),
        accuracy=float((best == labels).mean()),
        run_accuracy=float((wanted == labels).mean()),
        recorded_agreement=0.0,
    )


def refuse(found: Agreement, precision: Precision, what: str) -> None:
    """Raises a RegraftError where an export is past what its precision explains."""
    wrong: list[str] = []
    if precision == "int8":
        if found.accuracy < found.run_accuracy - POINTS - 1e-9:
            wrong.append(
                f"its accuracy on {found.images} validation images is {100 * found.accuracy:.1f} %, more than a point "
                f"below the run's {100 * found.run_accuracy:.1f} %"
            )
    else:
        different = round((1 - found.top1_agreement) * found.images) - found.ties
        if different:
            wrong.append(f"{different} of {found.images} validation images get another class ({found.differing[0]} …)")
        if found.largest_difference > TOLERANCE[precision]:
            wrong.append(
                f"probabilities differ by up to {found.largest_difference:.3f} (at most {TOLERANCE[precision]})"
            )
        if (found.whole_difference or 0.0) > TOLERANCE[precision] + RESIZING_TOLERANCE:
            wrong.append(f"probabilities of images that it resizes differ by up to {found.whole_difference:.3f}")
    if wrong:
        hint = " Export it in f32 or f16." if precision == "int8" else ""
        raise RegraftError(f"The {what} does not agree with the run, and was not kept: {'; '.join(wrong)}.{hint}")


def exact_predictor(run: RunFolder) -> Predictor:
    """The run at work in f32, whatever it was trained in."""
    predictor = Predictor(run)
    predictor.head = replace(predictor.head, precision="f32")
    return predictor


def images_of_run(run: RunFolder, images: Path | None = None) -> dict[str, list[LabelledImage]]:
    """The images of a run found again by their content, for each of its splits; labels are those of the run.

    Args:
        run: its splits are written.
        images: where they are now, as for `regraft train`; where they were, if None.

    Raises:
        InputError: training or validation images are gone or have changed.
    """
    config = run.config()
    hint = f"name the folder they are in now: regraft export {run.path} --images FOLDER"
    try:
        found = open_images(str(images), classes=config.images.classes) if images else open_collection(config)
    except InputError as error:
        raise InputError(
            f"The images of {run.path}, with which exports are checked, are not there.", received=str(error), hint=hint
        ) from error
    by_hash = {image.sha256: image for image in found.images}
    split: dict[str, list[LabelledImage]] = {"train": [], "validation": [], "test": []}
    lost: list[str] = []
    for row in run.table("splits").to_pylist():
        if row["sha256"] in by_hash:
            split[row["split"]].append(replace(by_hash[row["sha256"]], label=row["label"]))
        elif row["split"] != "test":
            lost.append(row["image"])
    if lost:
        raise InputError(
            f"{len(lost)} images that {run.path} was made from are gone or have changed; they check exports.",
            expected="the same files",
            received=f"without {', '.join(sorted(lost)[:5])}" + (" …" if len(lost) > 5 else ""),
            hint=hint,
        )
    return split


def _batches(images: Iterator[Images]) -> Iterator[Images]:
    batch: list[Images] = []
    for image in images:
        batch.append(image)
        if len(batch) == _AT_ONCE:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)
