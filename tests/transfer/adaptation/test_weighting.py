from __future__ import annotations

import numpy as np
import pytest

from regraft.transfer.adaptation._skada import skada
from regraft.transfer.adaptation.linear import answers
from regraft.transfer.adaptation.problem import Domains, no_labels
from regraft.transfer.adaptation.weighting import MOST, ImportanceWeighting, capped, importance

RNG = np.random.default_rng(0)


def test_the_weights_are_the_ratio_of_the_densities() -> None:
    """Of two normal distributions one apart the logarithm of the ratio is x - 1/2."""
    source, target = RNG.normal(0, 1, (3000, 1)), RNG.normal(1, 1, (1500, 1))
    weights = importance(source, target, penalty=1e-6)
    assert abs(weights.mean() - 1) < 1e-9
    near = np.abs(source[:, 0]) < 2
    slope, level = np.polyfit(source[near, 0], np.log(weights[near]), 1)
    assert abs(slope - 1) < 0.1
    assert abs(level + 0.5) < 0.15


def test_those_of_skada_are_their_inverse_still() -> None:
    """Why they are not used. Once this fails, skada's can be."""
    source, target = RNG.normal(0, 1, (300, 1)), RNG.normal(1, 1, (300, 1))
    adapter = skada().DiscriminatorReweightAdapter()
    domain = np.repeat([1, -2], 300)
    both = np.concatenate([source, target])
    adapter.fit(both, sample_domain=domain)
    theirs = adapter.compute_weights(both, sample_domain=domain)[:300]
    assert np.corrcoef(np.log(theirs), source[:, 0])[0, 1] < -0.9


def test_no_image_decides_everything() -> None:
    source = np.concatenate([RNG.normal(0, 1, (199, 2)), [[8.0, 8.0]]])
    weights = importance(source, RNG.normal(8, 1, (200, 2)), penalty=1e-6)
    assert weights.max() == weights[199] == MOST  # 200 without a limit
    assert weights.mean() == pytest.approx(1)
    assert (weights > 0).all()


def test_what_is_above_the_limit_goes_to_the_others_by_hand() -> None:
    # 2 of 5 for the first; the others' 3 in proportions 4 : 1 : 1 : 0 make the second 2 too; 1 is left for 1 : 1 : 0.
    np.testing.assert_allclose(capped(np.array([94, 4, 1, 1, 1e-9]), 2), [2, 2, 0.5, 0.5, 0], atol=1e-8)
    np.testing.assert_allclose(capped(np.array([1.0, 2, 3]), 2), [0.5, 1, 1.5])


def test_where_the_rule_changes_the_part_like_the_target_is_learnt() -> None:
    """The class is 1 above 0 on the left, and below 0 on the right, where the target is."""
    source = RNG.uniform(-1, 1, (400, 2)) * [3, 1]
    labels = ((source[:, 1] > 0) == (source[:, 0] < 0)).astype(np.int64)
    target = np.column_stack([RNG.uniform(1, 3, 200), RNG.uniform(-1, 1, 200)])
    head = ImportanceWeighting().prepare(Domains(source, labels, target, 2))(*no_labels(2))
    assert np.mean(answers(head, target) == (target[:, 1] < 0)) > 0.85
