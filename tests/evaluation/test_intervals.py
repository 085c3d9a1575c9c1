from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.evaluation.intervals import wilson_interval


@given(n=st.integers(1, 100_000), share=st.floats(0, 1), confidence=st.floats(0.01, 0.999))
def test_equals_scipy(n: int, share: float, confidence: float) -> None:
    from scipy.stats import binomtest

    successes = round(share * n)
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(n=st.integers(1, 10_000), share=st.floats(0, 1))
def test_holds_the_share_and_stays_within_0_and_1(n: int, share: float) -> None:
    successes = round(share * n)
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert high - low > 0


def test_a_perfect_score_is_not_a_certain_one() -> None:
    low, high = wilson_interval(20, 20)
    assert high == 1
    assert low == pytest.approx(0.8389, abs=1e-4)


@pytest.mark.parametrize(
    ("successes", "n", "confidence"), [(0, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 2, 1.0), (1, 2, 0.0)]
)
def test_what_is_no_share_is_refused(successes: int, n: int, confidence: float) -> None:
    with pytest.raises(InputError):
        wilson_interval(successes, n, confidence)
