from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from regraft.training._order import EpochOrder

LABELS = np.array([2] * 20 + [0] * 3 + [4] * 7)


def test_plain_epochs_are_permutations_and_one_view_takes_no_random_number() -> None:
    order, expected = EpochOrder(LABELS, 7), np.random.default_rng(7)
    for _ in range(3):
        images, views = order.next_epoch()
        np.testing.assert_array_equal(images, expected.permutation(30))
        assert views.tolist() == [0] * 30


def test_a_view_of_each_image_is_drawn_anew_in_every_epoch() -> None:
    order = EpochOrder(LABELS, 7, views=4)
    epochs = [order.next_epoch() for _ in range(40)]
    for images, views in epochs:
        assert sorted(images) == list(range(30))
        assert set(views.tolist()) <= {0, 1, 2, 3}
    counts = np.bincount(np.concatenate([views for _, views in epochs]))
    assert counts.shape == (4,)
    assert (np.abs(counts - 300) < 75).all()  # five standard deviations
    assert (epochs[0][1] != epochs[1][1]).any()


@given(counts=st.lists(st.integers(0, 12), min_size=1, max_size=5).filter(any), seed=st.integers(0, 9))
@hypothesis_settings(max_examples=60, deadline=None)
def test_balanced_epochs_see_classes_equally_often(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    order = EpochOrder(labels, seed, "balanced", views=2)
    images, views = order.next_epoch()
    assert len(images) == len(views) == len(labels)
    seen = np.bincount(labels[images], minlength=len(counts))[np.array(counts) > 0]
    assert seen.max() - seen.min() <= 1
    for label, number in enumerate(counts):
        times = np.bincount(images, minlength=len(labels))[labels == label]
        if number:
            assert times.max() - times.min() <= 1  # nothing comes again before everything of its class has come


def test_balanced_epochs_differ_and_repeat_with_their_seed() -> None:
    first, again = EpochOrder(LABELS, 1, "balanced"), EpochOrder(LABELS, 1, "balanced")
    epochs = [first.next_epoch()[0].tolist() for _ in range(2)]
    assert epochs == [again.next_epoch()[0].tolist() for _ in range(2)]
    assert epochs[0] != epochs[1]
    assert EpochOrder(LABELS, 2, "balanced").next_epoch()[0].tolist() != epochs[0]
