from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from made_results import made_results
from scipy import stats

from regraft.studies.results import Results
from regraft.studies.scaling import OVERALL, scaling_costs

RATES = (0.01, 0.1, 1.0)
OWN = np.array([[0.90, 0.94, 0.92, 0.90], [0.80, 0.86, 0.84, 0.82], [0.70, 0.74, 0.71, 0.79]])
WRONG = np.array([[0.60, 0.66, 0.61, 0.63], [0.79, 0.87, 0.84, 0.83], [0.70, 0.72, 0.70, 0.77]])


def own(accuracy: Any = OWN) -> Results:
    axes = {"head.learning_rate": RATES, "head.momentum": (0.0,)}
    return made_results(accuracy, axes=axes, images=200, train_images=800)


def wrong(accuracy: Any = WRONG, rates: Any = RATES) -> Results:
    return made_results(accuracy, axes={"head.learning_rate": rates}, labels=[f"learning rate {r:g}" for r in rates])


def corrected(differences: Any) -> tuple[float, float]:
    """Half the width of the interval and the p value, for 200 images measured and 800 trained on."""
    error = differences.std(ddof=1) * math.sqrt(1 / 4 + 1 / 4)
    return stats.t.ppf(0.975, 3) * error, 2 * stats.t.sf(abs(differences.mean()) / error, 3)


def test_the_numbers_are_those_of_the_corrected_test() -> None:
    *costs, _ = scaling_costs(own(), wrong())
    assert [cost.setting for cost in costs] == ["learning rate 0.01", "learning rate 0.1", "learning rate 1"]
    plain = [corrected(WRONG[row] - OWN[row])[1] for row in range(3)]
    order = np.argsort(plain)
    adjusted = np.empty(3)
    adjusted[order] = np.minimum(np.maximum.accumulate(np.array(plain)[order] * [3, 2, 1]), 1)
    for row, cost in enumerate(costs):
        difference = WRONG[row] - OWN[row]
        half, _ = corrected(difference)
        assert (cost.own, cost.wrong) == pytest.approx((OWN[row].mean(), WRONG[row].mean()))
        assert cost.difference == pytest.approx(difference.mean())
        assert (cost.low, cost.high) == pytest.approx((difference.mean() - half, difference.mean() + half))
        assert cost.p == pytest.approx(adjusted[row])
        assert isinstance(cost.p, float)
    assert costs[0].p < 0.01 < costs[1].p


def test_the_last_one_is_of_all_settings_together() -> None:
    together = scaling_costs(own(), wrong())[-1]
    difference = WRONG.mean(axis=0) - OWN.mean(axis=0)
    half, p = corrected(difference)
    assert together.setting == OVERALL
    assert (together.own, together.wrong) == pytest.approx((OWN.mean(), WRONG.mean()))
    assert (together.difference, together.p) == pytest.approx((difference.mean(), p))
    assert (together.low, together.high) == pytest.approx((difference.mean() - half, difference.mean() + half))


def test_settings_are_paired_by_their_values_and_not_by_their_places() -> None:
    (cost,) = scaling_costs(own(), wrong(WRONG[2:], (1.0,)))
    assert (cost.own, cost.wrong) == pytest.approx((OWN[2].mean(), WRONG[2].mean()))
    turned = scaling_costs(own(), wrong(WRONG[::-1], RATES[::-1]))
    assert sorted(cost.difference for cost in turned) == pytest.approx(
        sorted(cost.difference for cost in scaling_costs(own(), wrong()))
    )


@pytest.mark.parametrize("which", ["own", "wrong"])
def test_what_diverged_either_way_is_left_out(which: str) -> None:
    accuracy = {"own": OWN.copy(), "wrong": WRONG.copy()}
    accuracy[which][1, 2] = math.nan
    costs = scaling_costs(own(accuracy["own"]), wrong(accuracy["wrong"]))
    assert [cost.setting for cost in costs] == ["learning rate 0.01", "learning rate 1", OVERALL]
    assert costs[-1].own == pytest.approx(OWN[[0, 2]].mean())
    accuracy[which][:] = math.nan
    assert scaling_costs(own(accuracy["own"]), wrong(accuracy["wrong"])) == []


def test_the_same_difference_in_every_repetition_is_not_taken_for_certain() -> None:
    """One image of 200 more or less in each of them would else have p = 0."""
    nearly = OWN - np.array([[0.005], [0.3], [0.0]])
    slight, clear, none, _ = scaling_costs(own(), wrong(nearly))
    assert slight.low < -0.005 < slight.high
    assert slight.p > 0.05 > clear.p
    assert (none.difference, none.p) == (0, 1)


def test_one_repetition_has_a_difference_and_no_test() -> None:
    costs = scaling_costs(own(OWN[:, :1]), wrong(WRONG[:, :1]))
    differences = WRONG[:, 0] - OWN[:, 0]
    assert [cost.difference for cost in costs] == pytest.approx([*differences, differences.mean()])
    assert all(math.isnan(value) for cost in costs for value in (cost.low, cost.high, cost.p))
