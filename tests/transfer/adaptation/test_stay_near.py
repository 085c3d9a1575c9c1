from __future__ import annotations

import numpy as np

from regraft.transfer.adaptation.linear import answers, fit_linear
from regraft.transfer.adaptation.problem import Domains
from regraft.transfer.adaptation.stay_near import StayNear

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 2
SOURCE = np.outer(2 * LABELS - 1, [1, 0]) + 0.2 * RNG.normal(size=(60, 2))
TARGET = SOURCE @ np.array([[0.0, 1.0], [1.0, 0.0]])  # along the other axis
DOMAINS = Domains(SOURCE, LABELS, TARGET, 2)


def test_held_with_infinite_strength_it_is_the_source_head() -> None:
    kernel, bias = StayNear(np.inf).prepare(DOMAINS)(TARGET[:4], LABELS[:4])
    expected = fit_linear(SOURCE, LABELS, 2)
    np.testing.assert_array_equal(kernel, expected[0])
    np.testing.assert_array_equal(bias, expected[1])


def test_held_loosely_it_follows_the_target_labels() -> None:
    head = StayNear(1e-3).prepare(DOMAINS)(TARGET[:20], LABELS[:20])
    assert np.mean(answers(head, TARGET) == LABELS) == 1
    assert np.mean(answers(fit_linear(SOURCE, LABELS, 2), TARGET) == LABELS) < 0.8
