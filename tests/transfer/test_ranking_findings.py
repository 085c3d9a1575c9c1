from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.evaluation.paired import mcnemar
from regraft.transfer.ranking_findings import Difference, agreements, differences, pareto_front

SHARES = st.sampled_from([0.5, 0.6, 0.7, 0.8])
TIMES = st.sampled_from([1.0, 2.0, 5.0, 9.0])


def test_the_front_by_hand() -> None:
    accuracies = [0.90, 0.88, 0.89, 0.80, 0.80]
    milliseconds = [9.0, 3.0, 9.5, 1.0, 1.0]  # the third is slower and worse than the first; the last two are equal
    assert pareto_front(accuracies, milliseconds) == [True, True, False, True, True]


@settings(max_examples=50)
@given(st.lists(st.tuples(SHARES, TIMES), min_size=1, max_size=8))
def test_the_front_beats_all_others_and_none_of_itself(points: list[tuple[float, float]]) -> None:
    front = pareto_front(*map(list, zip(*points, strict=True)))
    chosen = [point for point, on_front in zip(points, front, strict=True) if on_front]
    for point, on_front in zip(points, front, strict=True):
        better = [one for one in chosen if one[0] >= point[0] and one[1] <= point[1] and one != point]
        assert bool(better) != on_front


def test_pairs_on_the_same_images() -> None:
    right = [np.arange(100) < 60, np.arange(100) < 90, np.arange(100) >= 39]
    found = differences(["A", "B", "C"], right)
    assert [(pair.first, pair.second) for pair in found] == [("B", "A"), ("C", "A"), ("B", "C")]
    assert [round(pair.difference, 2) for pair in found] == [0.30, 0.01, 0.29]
    # B and A: 30 for B alone. C and A: 40 and 39. B and C: 39 and 10. Holm: the smallest times 3, the next times 2.
    assert [pair.p for pair in found] == pytest.approx([3 * mcnemar(30, 0), mcnemar(40, 39), 2 * mcnemar(39, 10)])
    assert [pair.shown for pair in found] == [True, False, True]
    assert found[0].words.startswith("B is more accurate than A (+30.0 points, p ")
    assert found[1].words == "C and A: no difference that can be shown (+1.0 points, p 1)"
    assert all(pair.interval[0] <= pair.difference <= pair.interval[1] for pair in found)


def test_no_pairs() -> None:
    assert differences(["A"], [np.ones(3, bool)]) == []
    assert Difference("A", "B", 0.0, (0.0, 0.0), 1.0).shown is False


def test_agreement_by_hand() -> None:
    accuracies = [0.9, 0.8, 0.7, 0.6]
    found = agreements(
        accuracies,
        {
            "same": [4, 3, 2, 1],
            "one swapped": [4, 2, 3, 1],
            "opposite": [1, 2, 3, 4],
            "partly": [70.0, None, 80.0, None],
        },
    )
    assert [round(one.tau or 0, 6) for one in found.values()] == [1, round(4 / 6, 6), -1, -1]
    assert [one.backbones for one in found.values()] == [4, 4, 4, 2]


@pytest.mark.parametrize("values", [[1.0, None], [None, None], [2.0, 2.0]])
def test_agreement_that_is_not_defined(values: list[float | None]) -> None:
    assert agreements([0.9, 0.8], {"score": values})["score"].tau is None
