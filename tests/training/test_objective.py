from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from regraft.training._objective import Objective, answers_of, losses_and_probabilities, one_hot
from regraft.training.settings import HeadSettings

SMOOTHING = (0.0, 0.2)
WEIGHTS = np.array([0.5, 2.0, 1.0], np.float32)


def loss_by_hand(logits: list[float], label: int, smoothing: float, weight: float) -> float:
    """The cross-entropy of one image; a single logit stands for class 1 of two."""
    both = [0.0, *logits] if len(logits) == 1 else logits
    total = sum(map(math.exp, both))
    targets = [(1 - smoothing) * (k == label) + smoothing / len(both) for k in range(len(both))]
    return -weight * sum(t * math.log(math.exp(x) / total) for t, x in zip(targets, both, strict=True))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_their_derivative_by_hand(outputs: int, weighted: bool) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(outputs, 2, 5)).astype(np.float32)
    labels = rng.integers(0, max(outputs, 2), 5)
    classes = WEIGHTS[: max(outputs, 2)]
    settings = [HeadSettings(0.1, label_smoothing=s) for s in SMOOTHING]
    found = logits.copy()
    losses, correct = Objective(settings, outputs, classes if weighted else None).descend(found, labels)

    def by_hand(values: Any, head: int, image: int) -> float:
        weight = float(classes[labels[image]]) if weighted else 1.0
        return loss_by_hand(values[:, head, image].tolist(), int(labels[image]), SMOOTHING[head], weight)

    for head in range(2):
        assert losses[head] == pytest.approx(sum(by_hand(logits, head, image) for image in range(5)), rel=1e-5)
        for image in range(5):
            for output in range(outputs):
                step = np.zeros(logits.shape)
                step[output, head, image] = 1e-4
                slope = (by_hand(logits + step, head, image) - by_hand(logits - step, head, image)) / 2e-4
                assert found[output, head, image] == pytest.approx(slope, abs=1e-5)
    np.testing.assert_array_equal(correct, (answers_of(logits) == labels).sum(axis=1))


@pytest.mark.parametrize("outputs", [1, 3])
def test_losses_stay_finite_and_exact_for_logits_that_overflow_an_exponential(outputs: int) -> None:
    logits = np.full((outputs, 1, 2), -200, np.float32)
    logits[-1] = 300
    labels = np.array([outputs - 1 or 1, 0])  # a certain and right answer, and a certain and wrong one
    with np.errstate(over="ignore"):
        losses = losses_and_probabilities(logits, one_hot(labels, outputs))
    np.testing.assert_allclose(losses, [[0, 300 if outputs == 1 else 500]])
    np.testing.assert_array_equal(logits[-1], 1)
