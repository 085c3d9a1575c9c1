from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from regraft.deployment.checking import Checker, images_of_run
from regraft.deployment.export_format import OpenedExport
from regraft.deployment.openvino_format import OpenVINOFormat
from regraft.errors import InputError, RegraftError
from regraft.runs.folder import RunFolder


class _Made(OpenedExport):
    """Answers with what it was made with."""

    def __init__(self, checker: Checker, answers: np.ndarray) -> None:
        self.labels, self._answers, self._next = checker.predictor.classes, answers, 0

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        self._next += len(images)
        return self._answers[self._next - len(images) : self._next]


class _Kind(OpenVINOFormat):
    any_size = False

    def __init__(self, opened: OpenedExport) -> None:
        self._opened = opened

    def open(self, path: Path) -> OpenedExport:
        return self._opened


def test_an_export_is_compared_with_the_run_on_the_whole_validation_split(small_run: RunFolder) -> None:
    checker = Checker(small_run)
    rows = small_run.table("splits").to_pylist()
    of_split = {name: {row["sha256"] for row in rows if row["split"] == name} for name in ("validation", "test")}
    assert {name: {image.sha256 for image in images} for name, images in checker.splits.items()} == of_split
    reference = np.concatenate(list(checker.reference.values()))
    made = _Made(checker, reference)
    found = checker.check(_Kind(made), Path("any"), "f32")
    assert found.images == len(of_split["validation"])
    assert found.test is not None
    assert (found.test.images, found.test_gone) == (len(of_split["test"]), 0)
    assert (found.test.top1_agreement, found.test.largest_difference) == (1.0, 0.0)
    assert found.test.accuracy == pytest.approx(small_run.metrics()["test"]["accuracy"])
    assert (found.top1_agreement, found.largest_difference) == (1.0, 0.0)
    assert found.recorded_agreement > 0.5
    assert found.whole_difference is None
    with pytest.raises(RegraftError, match="does not agree"):
        checker.check(_Kind(_Made(checker, reference[:, ::-1])), Path("any"), "f32")
    made.labels = made.labels[::-1]
    with pytest.raises(RegraftError, match="other labels"):
        checker.check(_Kind(made), Path("any"), "f32")


def test_test_images_are_not_looked_at_before_the_run_was_tested_and_may_be_gone(
    small_run: RunFolder, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "photos"
    shutil.copytree(photos, moved)
    first = images_of_run(small_run, moved)["test"][0]
    Path(str(first.source)).unlink()
    checker = Checker(small_run, moved)
    reference = np.concatenate(list(checker.reference.values()))
    found = checker.check(_Kind(_Made(checker, reference)), Path("any"), "f32")
    assert found.test is not None
    assert (found.test.images, found.test_gone) == (small_run.metrics()["test"]["images"] - 1, 1)
    untested = {**small_run.metrics(), "test": None}
    monkeypatch.setattr(RunFolder, "metrics", lambda self: untested)
    checker = Checker(small_run, moved)
    found = checker.check(_Kind(_Made(checker, checker.reference["validation"])), Path("any"), "f32")
    assert list(checker.splits) == ["validation"]
    assert (found.test, found.test_gone) == (None, 0)


def test_calibration_takes_training_images(small_run: RunFolder) -> None:
    checker = Checker(small_run)
    some = checker.calibration(7)
    assert len(some) == 7
    assert all(image.shape == (8, 8, 3) for image in some)
    np.testing.assert_array_equal(some, checker.calibration(7))
    assert len(checker.calibration()) == sum(row["split"] == "train" for row in small_run.table("splits").to_pylist())


def test_images_are_found_again_elsewhere(small_run: RunFolder, photos: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(photos, moved)
    some = images_of_run(small_run)["validation"][0]
    found = images_of_run(small_run, moved)
    assert [image.sha256 for image in found["validation"]] == [
        image.sha256 for image in images_of_run(small_run)["validation"]
    ]
    assert Path(str(found["validation"][0].source)).is_relative_to(moved)
    (moved / some.name.removeprefix("photos/")).unlink()
    with pytest.raises(InputError, match=r"1 images .* gone or have changed[\s\S]*--images"):
        images_of_run(small_run, moved)
    with pytest.raises(InputError, match="--images"):
        images_of_run(small_run, tmp_path / "nowhere")
