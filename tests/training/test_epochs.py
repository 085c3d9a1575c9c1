from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.training import _epochs
from regraft.training._epochs import BestEpoch, finite_heads, measure, train_epoch
from regraft.training._order import EpochOrder
from regraft.training._stacked import StackedHeads
from regraft.training._stacked_layers import StackedNetworks
from regraft.training.settings import HeadSettings
from regraft.training.weights import initial_heads, initial_weights

SETTINGS = [HeadSettings(0.1, seed=seed, hidden=(4,)) for seed in range(3)]
LINEAR = [HeadSettings(0.1, seed=seed) for seed in range(3)]


def stacks() -> list[Any]:
    linear = StackedHeads(*initial_weights(LINEAR, 5, 3), LINEAR, 32, 1.0)
    return [linear, StackedNetworks(initial_heads(SETTINGS, 5, 3), SETTINGS, 1.0, 0)]


class Listening:
    """A stack that keeps what it is shown."""

    head_axis = 0

    def __init__(self) -> None:
        self.parameters = [np.zeros((2, 1, 1), np.float32)]
        self.rows: list[Any] = []
        self.labels: list[Any] = []

    def step(self, rows: Any, labels: Any) -> tuple[Any, Any]:
        self.rows.append(rows.copy())
        self.labels.append(labels.copy())
        return np.array([1.0, 2.0]) * len(rows), np.array([0, len(rows)])


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("sampling", ["plain", "balanced"])
def test_all_stacks_see_the_same_batches_of_the_views_that_were_drawn(views: int, sampling: Any) -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 1])
    # A feature vector that says which view of which image it is.
    features = np.stack([[(view, image) for image in range(7)] for view in range(views)]).astype(np.float32)
    first, second = Listening(), Listening()
    means = train_epoch([first, second], features, labels, EpochOrder(labels, 3, sampling, views), 3)  # type: ignore[list-item]
    images, drawn = EpochOrder(labels, 3, sampling, views).next_epoch()
    assert [len(rows) for rows in first.rows] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(first.rows), np.stack([drawn, images], axis=1))
    np.testing.assert_array_equal(np.concatenate(first.labels), labels[images])
    np.testing.assert_array_equal(np.concatenate(second.rows), np.concatenate(first.rows))
    for mean in means:
        np.testing.assert_allclose(mean, [[1, 2], [0, 1]])


@pytest.mark.parametrize("kind", [0, 1])
def test_a_measurement_is_the_same_in_parts(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(20, 5)).astype(np.float32), rng.integers(0, 3, 20)
    stack = stacks()[kind]
    whole = measure(stack, features, labels, 3)
    monkeypatch.setattr(stack, "rows_at_once", 6)
    np.testing.assert_allclose(measure(stack, features, labels, 3), whole, rtol=1e-5)
    for head, weights in enumerate(stack.heads_of(stack.parameters)):
        answers = weights.probabilities(features)
        assert whole[0, head] == pytest.approx(-np.log(answers[np.arange(20), labels]).mean(), rel=1e-5)
        assert whole[1, head] == pytest.approx((answers.argmax(axis=1) == labels).mean())


@pytest.mark.parametrize("kind", [0, 1])
def test_each_head_is_kept_at_its_own_best_epoch(kind: int) -> None:
    stack = stacks()[kind]
    best, last = BestEpoch(stack, keep=True), BestEpoch(stack, keep=False)
    after = []
    for epoch, losses in enumerate(([0.5, 0.2, np.nan], [0.4, 0.2, np.nan], [0.6, 0.1, np.nan])):
        for array in stack.parameters:
            array += 1
        best.update(epoch, np.array(losses))
        last.update(epoch, np.full(3, np.nan))
        after.append([head.flat() for head in stack.heads_of(stack.parameters)])
    assert best.epoch.tolist() == [2, 3, 0]
    assert last.epoch.tolist() == [3, 3, 3]
    kept = [head.flat() for head in best.heads()]
    np.testing.assert_array_equal(kept[0], after[1][0])
    np.testing.assert_array_equal(kept[1], after[2][1])
    np.testing.assert_allclose(kept[2], after[0][2] - 1, atol=1e-6)
    for head, expected in zip(last.heads(), after[2], strict=True):
        np.testing.assert_array_equal(head.flat(), expected)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_head_with_a_weight_that_is_no_number_is_found(kind: int) -> None:
    stack = stacks()[kind]
    assert finite_heads(stack).tolist() == [True] * 3
    bias = stack.parameters[-1]
    np.moveaxis(bias, stack.head_axis, 0)[1].flat[0] = np.inf
    assert finite_heads(stack).tolist() == [True, False, True]


def test_slices_cover_everything_once() -> None:
    assert [list(range(10))[part] for part in _epochs._slices(10, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
