from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.deployment.page.calibration import bands, expected_error
from regraft.evaluation.intervals import wilson_interval


def test_answers_are_counted_by_their_confidence() -> None:
    confidence = np.array([0.999] * 30 + [0.97] * 10 + [0.92] * 20 + [0.3] * 5)
    right = np.array([True] * 30 + [True] * 9 + [False] + [True] * 10 + [False] * 10 + [False] * 5)
    low, middle, high = bands(confidence, right)
    assert (high.low, high.high, high.answers, high.right) == (0.99, 1.0, 30, 30)
    assert (middle.low, middle.high, middle.answers, middle.right) == (0.9, 0.99, 30, 19)
    assert (low.low, low.high, low.answers, low.right) == (0.0, 0.9, 5, 0)
    assert middle.interval == wilson_interval(19, 30)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=200))
def test_bands_reach_from_0_to_1_and_hold_every_answer(answers: list[tuple[float, bool]]) -> None:
    confidence = np.array([share for share, _ in answers])
    found = bands(confidence, np.array([good for _, good in answers], bool))
    assert (found[0].low, found[-1].high) == (0.0, 1.0)
    assert all(one.high == other.low for one, other in pairwise(found))
    assert sum(band.answers for band in found) == len(answers)
    assert sum(band.right for band in found) == sum(good for _, good in answers)
    assert all(band.answers >= 25 for band in found[1:])


def test_the_expected_error_is_the_weighted_gap() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    assert expected_error(confidence, np.array([True, True, False, False])) == pytest.approx(0.5 * 0.05 + 0.5 * 0.55)
    assert expected_error(np.array([1.0]), np.array([True])) == 0
