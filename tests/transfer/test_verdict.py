from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.evaluation.paired import mcnemar, paired_difference_interval
from regraft.transfer.verdict import transfer_verdict

COUNTS = st.integers(0, 40)


def judged(both: int, run_only: int, control_only: int, neither: int):
    images = both + run_only + control_only + neither
    difference, low, high = paired_difference_interval(both, run_only, control_only, neither)
    p = mcnemar(control_only, run_only)
    accuracies = (both + run_only) / images, (both + control_only) / images
    return transfer_verdict(images, *accuracies, difference, (low, high), p), p, (low, high)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_a_difference_is_shown_only_where_the_test_and_the_interval_say_so(both, run_only, control_only, neither):
    if not both + run_only + control_only + neither:
        return
    verdict, p, (low, high) = judged(both, run_only, control_only, neither)
    shown = p < 0.05 and (low > 0 or high < 0)
    assert (verdict.kind != "no difference") == shown
    if shown:
        assert verdict.kind == ("helps" if run_only > control_only else "hurts")
    mirrored, _, _ = judged(both, control_only, run_only, neither)
    assert mirrored.kind == {"helps": "hurts", "hurts": "helps"}.get(verdict.kind, "no difference")
    assert not re.search(r"nan|None|-\d|  ", verdict.text)
    assert verdict.text.endswith(".")


def test_the_sentences():
    interval = (0.331, 0.572)
    assert transfer_verdict(60, 55 / 60, 27 / 60, 28 / 60, interval, 1e-6).text == (
        "Transfer helps here: 91.7 % with transfer, 45.0 % from scratch, on the same 60 test images. That is 46.7 "
        "percentage points more (95 % interval 33.1 to 57.2; p < 0.001)."
    )
    assert transfer_verdict(60, 27 / 60, 55 / 60, -28 / 60, (-0.572, -0.331), 0.0123).text == (
        "Transfer hurts here (negative transfer): 45.0 % with transfer, 91.7 % from scratch, on the same 60 test "
        "images. That is 46.7 percentage points less (95 % interval 33.1 to 57.2; p = 0.012)."
    )
    assert transfer_verdict(1, 1.0, 0.0, 1.0, (-0.2, 1.0), 1.0).text == (
        "Transfer makes no difference that can be shown here: 100.0 % with transfer, 0.0 % from scratch, on the same "
        "1 test image (p = 1.000). With transfer it may be anything from 20.0 percentage points worse to 100.0 better "
        "(95 % interval); more test images would tell."
    )


@pytest.mark.parametrize(
    ("interval", "p", "words"),
    [
        ((0.01, 0.2), 0.0501, "The interval alone leaves out 0; the test does not bear it out."),
        ((-0.2, -0.01), 0.06, "1.0 to 20.0 percentage points worse (95 % interval); more test images would tell. The"),
        ((-0.01, 0.2), 0.0499, "(p < 0.050)"),
        ((-0.01, 0.2), 0.049, "The test alone would call it a difference; the interval does not bear it out."),
        ((0.0, 0.2), 0.2, "0.0 to 20.0 percentage points better"),
    ],
)
def test_where_test_and_interval_disagree_no_difference_is_shown(interval, p, words):
    verdict = transfer_verdict(50, 0.9, 0.8, 0.1, interval, p)
    assert verdict.kind == "no difference"
    assert words in verdict.text
