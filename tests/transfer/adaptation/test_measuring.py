from __future__ import annotations

import numpy as np
import pytest

from regraft.evaluation.intervals import wilson_interval
from regraft.evaluation.paired import mcnemar, paired_difference_interval
from regraft.transfer.adaptation.measuring import adaptation_verdict, compare_with, share_of

TITLES = {"source-only": "source alone", "good": "good one", "bad": "bad one", "same": "same one"}


def answered(*counts: int) -> np.ndarray:
    """Of 100 images the first `counts[0]` right, then the others wrong …"""
    right = np.zeros(100, bool)
    right[: counts[0]] = True
    return right


def test_a_share_has_its_wilson_interval() -> None:
    found = share_of(answered(60))
    assert found["accuracy"] == 0.6
    assert found["accuracy_interval"] == list(wilson_interval(60, 100))
    assert found["images"] == 100


def test_every_method_is_compared_on_the_same_images_and_p_is_holms() -> None:
    right = {"source-only": answered(60), "good": answered(80), "bad": answered(40), "same": answered(60)}
    found = compare_with(right, TITLES, "source-only")
    assert list(found) == ["good", "bad", "same"]
    assert found["good"]["difference"] == pytest.approx(0.2)
    assert found["good"]["interval"] == list(paired_difference_interval(60, 20, 0, 20)[1:])
    assert found["good"]["p"] == pytest.approx(3 * mcnemar(20, 0))
    assert [found[name]["kind"] for name in found] == ["helps", "hurts", "no difference"]
    assert "Bad one hurts: 20.0 percentage points less than the source alone" in found["bad"]["text"]
    assert found["same"]["p"] == 1


def test_what_chance_explains_is_no_difference() -> None:
    assert adaptation_verdict("CORAL", "source alone", 0.03, (-0.01, 0.07), 0.2).kind == "no difference"
    assert adaptation_verdict("CORAL", "source alone", 0.03, (0.01, 0.05), 0.06).kind == "no difference"
    assert adaptation_verdict("CORAL", "source alone", 0.03, (-0.01, 0.07), 0.04).kind == "no difference"
    helps = adaptation_verdict("CORAL", "source alone", 0.03, (0.01, 0.05), 0.0001)
    assert helps.kind == "helps"
    assert "p < 0.001" in helps.text
