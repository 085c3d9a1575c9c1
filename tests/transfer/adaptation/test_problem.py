from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.transfer.adaptation.linear import probabilities
from regraft.transfer.adaptation.problem import Domains, Reduction


@settings(max_examples=30)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 20), st.integers(0, 99))
def test_a_head_unfolded_answers_on_plain_features_as_it_does_in_the_small_space(
    images: int, features: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    plain = rng.normal(2, 3, (images, features))
    reduction = Reduction.of(plain, width)
    small = reduction(plain)
    assert small.shape[1] == min(width, features, images - 1)
    head = rng.normal(size=(small.shape[1], 3)), rng.normal(size=3)
    np.testing.assert_allclose(
        reduction.unfolded(head).probabilities(plain.astype(np.float32)), probabilities(head, small), atol=1e-3
    )


@pytest.mark.parametrize("shape", [(30, 5), (5, 30)])
def test_it_is_principal_component_analysis(shape: tuple[int, int]) -> None:
    from sklearn.decomposition import PCA

    plain = np.random.default_rng(0).normal(size=shape)
    theirs = PCA(3).fit_transform(plain)
    ours = Reduction.of(plain, 3)
    np.testing.assert_allclose(np.abs(ours(plain) * ours.scale), np.abs(theirs), atol=1e-8)
    assert (ours(plain) ** 2).sum(axis=1).mean() == pytest.approx(1)


def test_features_that_are_all_the_same_leave_no_direction() -> None:
    assert Reduction.of(np.ones((4, 3)))(np.ones((2, 3))).shape == (2, 0)


def test_the_way_back_knows_no_labels_of_the_source() -> None:
    domains = Domains(np.zeros((3, 2)), np.array([0, 1, 0]), np.ones((4, 2)), 2, seed=5)
    back = domains.swapped(np.array([1, 1, 0, 0]))
    np.testing.assert_array_equal(back.source, domains.target)
    np.testing.assert_array_equal(back.source_labels, [1, 1, 0, 0])
    np.testing.assert_array_equal(back.target, domains.source)
    assert (back.classes, back.seed, len(back.labelled[1])) == (2, 5, 0)
