from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from regraft.deployment.agreement import Agreement, SplitAgreement, compared, refuse
from regraft.errors import RegraftError

EXPECTED = np.array([[0.7, 0.3], [0.4997, 0.5003], [0.1, 0.9], [0.6, 0.4]], np.float32)
LABELS = np.array([0, 1, 0, 0])
NAMES = ["a", "b", "c", "d"]


def test_what_is_compared() -> None:
    answers = EXPECTED.copy()
    answers[1] = [0.5, 0.499]  # a tie, turned over
    answers[3] = [0.45, 0.55]
    found = compared(EXPECTED, answers, LABELS, NAMES, "f32")
    assert found.images == 4
    assert found.top1_agreement == 0.5
    assert found.differing == ["b", "d"]
    assert found.ties == 1
    assert found.largest_difference == pytest.approx(0.15)
    assert found.accuracy == accuracy_score(LABELS, answers.argmax(axis=1))
    assert found.run_accuracy == accuracy_score(LABELS, EXPECTED.argmax(axis=1))


def test_half_precision_turns_nearer_calls_over_than_single_precision_may() -> None:
    expected = np.array([[0.504, 0.496]], np.float32)
    for precision, ties in (("f32", 0), ("f16", 1)):
        assert compared(expected, expected[:, ::-1], LABELS[:1], NAMES[:1], precision).ties == ties


@pytest.mark.parametrize("wrong", [EXPECTED[:3], EXPECTED * np.nan, EXPECTED[:, :1]])
def test_what_cannot_be_compared_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(RegraftError, match="finite probabilities"):
        compared(EXPECTED, wrong, LABELS, NAMES, "f32")


def test_what_is_past_the_tolerance_is_refused() -> None:
    same = _same()
    for precision in ("f32", "f16", "int8"):
        refuse(same, precision, "export")
    refuse(replace(same, top1_agreement=0.75, ties=1), "f32", "export")
    refuse(replace(same, largest_difference=0.04), "f16", "export")
    with pytest.raises(RegraftError, match=r"validation images differ by up to 0\.040 \(at most 0\.01\)"):
        refuse(replace(same, largest_difference=0.04), "f32", "export")
    with pytest.raises(RegraftError, match=r"1 of 4 validation images get another class \(d"):
        refuse(replace(same, top1_agreement=0.5, ties=1, differing=["d", "b"]), "f16", "export")
    with pytest.raises(RegraftError, match="that it resizes"):
        refuse(replace(same, whole_difference=0.3), "f16", "export")


def test_int8_may_lose_a_point_or_one_image() -> None:
    many = replace(_same(images=1000), run_accuracy=0.93)
    refuse(replace(many, accuracy=0.92, largest_difference=0.4, top1_agreement=0.5), "int8", "export")
    with pytest.raises(RegraftError, match="93\\.0 %") as caught:
        refuse(replace(many, accuracy=0.919), "int8", "export")
    assert "more than a point" in str(caught.value)
    few = replace(_same(images=50), run_accuracy=0.94)
    refuse(replace(few, accuracy=0.92), "int8", "export")
    with pytest.raises(RegraftError, match=r"50 validation images is 90\.0 %, more than one image below"):
        refuse(replace(few, accuracy=0.90), "int8", "export")


@pytest.mark.parametrize(
    ("precision", "change", "message"),
    [
        ("int8", {"accuracy": 0.5}, "its accuracy on 40 test images is 50.0 %"),
        ("f32", {"largest_difference": 0.02}, "of test images differ by up to 0.020"),
        ("f16", {"top1_agreement": 0.95, "differing": ["z"]}, r"2 of 40 test images get another class \(z"),
    ],
)
def test_what_is_wrong_on_test_is_refused_too(precision: Any, change: dict[str, Any], message: str) -> None:
    tested = SplitAgreement(40, 1.0, [], 0, 0.0, 0.9, 0.9)
    refuse(_same(test=tested), precision, "export")
    with pytest.raises(RegraftError, match=message):
        refuse(_same(test=replace(tested, **change)), precision, "export")


def _same(**change: Any) -> Agreement:
    return Agreement(**asdict(compared(EXPECTED, EXPECTED, LABELS, NAMES, "f32")) | change)
