from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from regraft.deployment.checking import Checker, compared, images_of_run, refuse
from regraft.deployment.export_format import OpenedExport
from regraft.deployment.openvino_format import OpenVINOFormat
from regraft.errors import InputError, RegraftError
from regraft.runs.folder import RunFolder

EXPECTED = np.array([[0.7, 0.3], [0.4997, 0.5003], [0.1, 0.9], [0.6, 0.4]], np.float32)
LABELS = np.array([0, 1, 0, 0])
NAMES = ["a", "b", "c", "d"]


def test_what_is_compared() -> None:
    answers = EXPECTED.copy()
    answers[1] = [0.5, 0.499]  # a tie, turned over
    answers[3] = [0.45, 0.55]
    found = compared(EXPECTED, answers, LABELS, NAMES)
    assert found.images == 4
    assert found.top1_agreement == 0.5
    assert found.differing == ["b", "d"]
    assert found.ties == 1
    assert found.largest_difference == pytest.approx(0.15)
    assert found.accuracy == accuracy_score(LABELS, answers.argmax(axis=1))
    assert found.run_accuracy == accuracy_score(LABELS, EXPECTED.argmax(axis=1))


@pytest.mark.parametrize("wrong", [EXPECTED[:3], EXPECTED * np.nan, EXPECTED[:, :1]])
def test_what_cannot_be_compared_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(RegraftError, match="finite probabilities"):
        compared(EXPECTED, wrong, LABELS, NAMES)


def test_what_is_past_the_tolerance_is_refused() -> None:
    same = compared(EXPECTED, EXPECTED, LABELS, NAMES)
    for precision in ("f32", "f16", "int8"):
        refuse(same, precision, "export")
    refuse(replace(same, top1_agreement=0.75, ties=1), "f32", "export")
    refuse(replace(same, largest_difference=0.04), "f16", "export")
    with pytest.raises(RegraftError, match=r"up to 0\.040 \(at most 0\.01\)"):
        refuse(replace(same, largest_difference=0.04), "f32", "export")
    with pytest.raises(RegraftError, match=r"1 of 4 validation images get another class \(d"):
        refuse(replace(same, top1_agreement=0.5, ties=1, differing=["d", "b"]), "f16", "export")
    with pytest.raises(RegraftError, match="that it resizes"):
        refuse(replace(same, whole_difference=0.3), "f16", "export")


def test_int8_may_lose_a_point() -> None:
    same = replace(compared(EXPECTED, EXPECTED, LABELS, NAMES), run_accuracy=0.93)
    refuse(replace(same, accuracy=0.92, largest_difference=0.4, top1_agreement=0.5), "int8", "export")
    with pytest.raises(RegraftError, match="more than a point"):
        refuse(replace(same, accuracy=0.915), "int8", "export")


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
    validation = [row for row in small_run.table("splits").to_pylist() if row["split"] == "validation"]
    assert {image.sha256 for image in checker.images} == {row["sha256"] for row in validation}
    made = _Made(checker, checker.reference)
    found = checker.check(_Kind(made), Path("any"), "f32")
    assert found.images == len(validation)
    assert (found.top1_agreement, found.largest_difference) == (1.0, 0.0)
    assert found.recorded_agreement > 0.5
    assert found.whole_difference is None
    with pytest.raises(RegraftError, match="does not agree"):
        checker.check(_Kind(_Made(checker, checker.reference[:, ::-1])), Path("any"), "f32")
    made.labels = made.labels[::-1]
    with pytest.raises(RegraftError, match="other labels"):
        checker.check(_Kind(made), Path("any"), "f32")


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
