from __future__ import annotations

import numpy as np

from regraft.transfer.adaptation._skada import fit_adapter, skada
from regraft.transfer.adaptation.coral import Coral, moved_trainer
from regraft.transfer.adaptation.linear import answers, fit_linear, probabilities
from regraft.transfer.adaptation.problem import Domains, no_labels

RNG = np.random.default_rng(0)
LABELS = np.arange(200) % 2
SOURCE = RNG.normal(size=(200, 3)) * 0.3 + np.outer(LABELS, [1, 0, 0])
TURN = np.array([[0, 2, 0], [1, 0, 0], [0, 0, 1.0]])
TARGET = SOURCE @ TURN + [3, -1, 2]  # the same classes, stretched, turned and moved
DOMAINS = Domains(SOURCE, LABELS, TARGET, 2)


def test_without_shrinkage_the_moved_source_has_the_targets_covariance() -> None:
    moved = fit_adapter(skada().CORALAdapter(reg=None), DOMAINS)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(TARGET.T), atol=1e-9)
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=1e-9)


def test_the_head_is_for_plain_target_features() -> None:
    stretched = Domains(SOURCE, LABELS, SOURCE * [4, 1, 1] + [9, 9, 9], 2)
    head = Coral().prepare(stretched)(*no_labels(3))
    assert np.mean(answers(head, stretched.target) == LABELS) > 0.9
    alone = fit_linear(SOURCE, LABELS, 2)
    assert np.mean(answers(alone, stretched.target) == LABELS) < 0.6


def test_a_head_of_another_space_is_folded_back() -> None:
    centre, basis = np.array([1.0, 2, 3]), RNG.normal(size=(3, 2))
    moved = (SOURCE - centre) @ basis
    few = TARGET[:4], LABELS[:4]
    folded = moved_trainer(DOMAINS, moved, centre, basis)(*few)
    there = moved_trainer(
        Domains(moved, LABELS, (TARGET - centre) @ basis, 2), moved, np.zeros(2)
    )((few[0] - centre) @ basis, few[1])  # fmt: skip
    np.testing.assert_allclose(
        probabilities(folded, TARGET), probabilities(there, (TARGET - centre) @ basis), atol=1e-9
    )
