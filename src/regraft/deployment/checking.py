"""An export put to the test: reopened in its own runtime and compared with the run, image by image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from regraft._progress import progress
from regraft.deployment.agreement import Agreement, SplitAgreement, compared, refuse
from regraft.deployment.export_format import ExportFormat, Images, OpenedExport, Precision, Probabilities
from regraft.errors import InputError, RegraftError
from regraft.images.labelled import LabelledImage
from regraft.images.opening import open_images
from regraft.images.reading import read_image
from regraft.images.resizing import resize
from regraft.runs.data import open_collection
from regraft.runs.folder import RunFolder
from regraft.runs.prediction import Predictor

_AT_ONCE = 8
_WHOLE = 12  # images tried at their original size


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

    @cached_property
    def splits(self) -> dict[str, list[LabelledImage]]:
        """The images that exports are compared on: `validation`, and `test` where the run was tested and has some."""
        names = ("validation", "test") if self.run.metrics().get("test") else ("validation",)
        return {name: self._of_split[name] for name in names if self._of_split[name]}

    def calibration(self, count: int = 300) -> list[Images]:
        """Training images for int8: so many at most, always the same ones, of the network's size."""
        train = self._of_split["train"]
        chosen = np.random.default_rng(0).permutation(len(train))[:count]
        return [read_image(train[row].source, self.predictor.head.size) for row in chosen]

    def pixels(self, split: str) -> Iterator[Images]:
        """The images of a split in their order, of the network's size."""
        for image in self.splits[split]:
            yield read_image(image.source, self.predictor.head.size)

    @cached_property
    def reference(self) -> dict[str, Probabilities]:
        """What the run answers on each split: float32 (n, classes)."""
        return {split: self.predictor.plain_probabilities(self.pixels(split)) for split in self.splits}

    @cached_property
    def _whole(self) -> tuple[list[Images], Probabilities]:
        """Some images at their original size, and what the run answers to them."""
        validation = self.splits["validation"]
        whole = [read_image(image.source) for image in validation[:: max(1, len(validation) // _WHOLE)][:_WHOLE]]
        height, width = self.predictor.head.size
        return whole, self.predictor.plain_probabilities([resize(image, height, width) for image in whole])

    def check(self, kind: ExportFormat, path: Path, precision: Precision) -> Agreement:
        """Reopens an export and compares it.

        Raises:
            RegraftError: it does not agree, on validation or on test: a top-1 that is no tie, or a probability past the
                tolerance (f32, f16); an accuracy more than a point and an image lower (int8); labels that are not the
                run's.
        """
        what = f"{kind.name} export in {precision}"
        opened = kind.open(path)
        if opened.labels != self.predictor.classes:
            raise RegraftError(f"The {what} carries other labels than the run: {opened.labels!r}.")
        answers = self._answers(opened, what)
        by_split = {split: self._compared(split, answers[split], precision) for split in self.splits}
        found = Agreement(
            **asdict(by_split["validation"]),
            recorded_agreement=self._recorded_agreement(answers["validation"]),
            test=by_split.get("test"),
            test_gone=self._test_gone,
        )
        if kind.any_size:
            whole, expected = self._whole
            sized = np.concatenate([opened.probabilities(image[None]) for image in whole])
            found = replace(
                found, whole_images=len(whole), whole_difference=float(np.abs(sized - expected).max(initial=0))
            )
        refuse(found, precision, what)
        return found

    @cached_property
    def _test_gone(self) -> int:
        """How many of the images that the run was tested on are no longer there."""
        tested = self.run.metrics().get("test") or {"images": 0}
        return max(0, int(tested["images"]) - len(self._of_split["test"]))

    def _answers(self, opened: OpenedExport, what: str) -> dict[str, Probabilities]:
        answers: dict[str, Probabilities] = {}
        with progress(f"Checking the {what}", sum(map(len, self.splits.values()))) as done:
            for split in self.splits:
                some: list[Probabilities] = []
                for pixels in _batches(self.pixels(split)):
                    some.append(opened.probabilities(pixels))
                    done(len(pixels))
                answers[split] = np.concatenate(some)
        return answers

    def _compared(self, split: str, answers: Probabilities, precision: Precision) -> SplitAgreement:
        images = self.splits[split]
        labels = np.array([self._index[image.label] for image in images])
        return compared(self.reference[split], answers, labels, [image.name for image in images], precision)

    def _recorded_agreement(self, answers: Probabilities) -> float:
        recorded = {
            row["sha256"]: self._index[row["predicted"]]
            for row in self.run.table("predictions").select(["sha256", "predicted"]).to_pylist()
        }
        images, best = self.splits["validation"], answers.argmax(axis=1)
        same = [best[row] == recorded[image.sha256] for row, image in enumerate(images) if image.sha256 in recorded]
        return float(np.mean(same)) if same else 0.0


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
