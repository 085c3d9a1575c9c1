from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from regraft.errors import InputError
from regraft.transfer.probe import draw_folds, linear_probe, nearest_neighbours, rotated


def clouds(images: int, width: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    labels = np.arange(images) % classes
    centres = generator.normal(size=(classes, width))
    return centres[labels] + 0.5 * np.sqrt(width) * generator.normal(size=(images, width)), labels


@pytest.mark.parametrize(("images", "width"), [(40, 90), (60, 12)])
def test_the_probe_is_scikit_learns_on_the_raw_features(images: int, width: int) -> None:
    from sklearn.linear_model import LogisticRegression

    features, labels = clouds(images, width)
    folds = draw_folds(labels, range(images))
    expected = np.empty_like(labels)
    for fold in range(5):
        train = folds != fold
        scale = np.sqrt((features[train] ** 2).sum(axis=1).mean())
        regression = LogisticRegression(C=10.0, max_iter=10_000, tol=1e-8).fit(features[train] / scale, labels[train])
        expected[~train] = regression.predict(features[~train] / scale)
    answers = linear_probe(features, labels, folds, c=10.0)
    np.testing.assert_array_equal(answers, expected)
    assert 0.4 < (answers == labels).mean() < 1  # a case that could come out otherwise


def test_two_classes_by_hand() -> None:
    """Points on a line: the regression's boundary, found by minimising its loss directly, splits them."""
    features = np.array([[-3.0], [-2.0], [-1.0], [0.5], [1.0], [2.0], [3.0], [-0.5]])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    folds = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    expected = np.empty(8, int)
    for fold in (0, 1):
        train = folds != fold
        x = features[:, 0] / np.sqrt((features[train] ** 2).mean())
        signs = 2 * labels[train] - 1

        def loss(w: np.ndarray, x: np.ndarray = x[train], signs: np.ndarray = signs) -> float:
            return float(w[0] ** 2 / 2 + 5 * np.log1p(np.exp(-signs * (w[0] * x + w[1]))).sum())

        slope, offset = minimize(loss, np.zeros(2), tol=1e-10).x
        expected[~train] = (slope * x[~train] + offset > 0).astype(int)
    np.testing.assert_array_equal(linear_probe(features, labels, folds, c=5.0), expected)
    assert 0 < (expected == labels).mean() < 1


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(1, 9), width=st.integers(1, 20))
def test_rotated_points_keep_their_lengths_and_angles(seed: int, images: int, width: int) -> None:
    features = np.random.default_rng(seed).normal(size=(images, width)).astype(np.float32)
    fewer = rotated(features)
    assert fewer.shape == (images, min(images, width))
    exact = features.astype(float)
    np.testing.assert_allclose(fewer @ fewer.T, exact @ exact.T, atol=1e-9)


def test_folds_have_the_same_share_of_each_class() -> None:
    labels = np.repeat([0, 1], [40, 10])
    folds = draw_folds(labels, range(50))
    for fold in range(5):
        assert np.bincount(labels[folds == fold]).tolist() == [8, 2]
    np.testing.assert_array_equal(folds, draw_folds(labels, range(50)))
    assert (folds != draw_folds(labels, range(50), seed=1)).any()


@settings(max_examples=20)
@given(st.data())
def test_what_belongs_together_is_never_parted(data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.integers(0, 11), min_size=24, max_size=40))
    keys = [*range(12), *range(12), *groups]
    labels = np.array([key % 2 for key in keys])
    folds = draw_folds(labels, keys)
    together: dict[int, set[int]] = {}
    for key, fold in zip(keys, folds.tolist(), strict=True):
        together.setdefault(key, set()).add(fold)
    assert all(len(one) == 1 for one in together.values())
    assert len(set(folds.tolist())) == 5


def test_fewer_folds_where_a_class_has_not_so_many_images() -> None:
    labels = np.repeat([0, 1], [20, 3])
    folds = draw_folds(labels, range(23))
    assert set(folds.tolist()) == {0, 1, 2}
    assert sorted(folds[labels == 1].tolist()) == [0, 1, 2]
    one_group = ["a"] * 10 + list("bcdefghijk") + ["l", "l", "m"]
    assert set(draw_folds(labels, one_group).tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("labels", "keys"),
    [([0, 0, 0, 1], [1, 2, 3, 4]), ([0, 0, 1, 1], [1, 2, 3, 3]), ([0, 0, 0], [1, 2, 3])],
    ids=["one image", "one group", "one class"],
)
def test_too_few_for_any_folds(labels: list[int], keys: list[int]) -> None:
    with pytest.raises(InputError, match="too few images to cut into parts"):
        draw_folds(np.array(labels), keys)


def test_groups_of_several_classes_that_cannot_be_cut() -> None:
    # Class 2 is in the groups a and b only, class 1 in a and c only: any cut in two leaves some side without one.
    labels, keys = np.array([2, 2, 1, 1]), ["a", "b", "a", "b"]
    assert set(draw_folds(labels, keys).tolist()) == {0, 1}
    with pytest.raises(InputError, match="groups cannot be cut"):
        draw_folds(np.array([0, 0, 1, 1]), ["a", "b", "b", "c"])


def test_neighbours_by_hand() -> None:
    angles = np.deg2rad([0, 1, 3, 90, 92, 60])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.array([[1], [9], [2], [1], [5], [1]])
    labels = np.array([0, 0, 1, 1, 1, 0])
    keys = list(range(6))
    # 1 lies next to 0, and 2 to 1; the nearest to 60 degrees is 90.
    np.testing.assert_array_equal(nearest_neighbours(features, labels, keys, neighbours=1), [0, 0, 0, 1, 1, 1])
    # Of three: 0 asks 1, 2 and 60 degrees; 90 asks 92, 60 and 3 degrees.
    np.testing.assert_array_equal(nearest_neighbours(features, labels, keys, neighbours=3), [0, 0, 0, 1, 1, 1])
    # Two votes, one each: the nearer wins.
    np.testing.assert_array_equal(nearest_neighbours(features, labels, keys, neighbours=2)[0], 0)


def test_neighbours_of_the_same_group_are_not_asked() -> None:
    features = np.array([[1.0, 0.0], [1.0, 0.01], [1.0, 0.3], [0.0, 1.0], [0.1, 1.0]])
    labels = np.array([0, 0, 1, 1, 1])
    assert nearest_neighbours(features, labels, list("abcde"), neighbours=1)[0] == 0
    assert nearest_neighbours(features, labels, list("aacde"), neighbours=1)[0] == 1


def test_neighbours_equal_scikit_learns() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    features, labels = clouds(60, 12, classes=2)  # five votes of two classes are never equal
    expected = [
        KNeighborsClassifier(5, metric="cosine").fit(np.delete(features, i, 0), np.delete(labels, i)).predict([row])[0]
        for i, row in enumerate(features)
    ]
    np.testing.assert_array_equal(nearest_neighbours(features, labels, range(60)), expected)


def test_features_that_are_all_zero() -> None:
    labels = np.arange(10) % 2
    assert np.isin(nearest_neighbours(np.zeros((10, 3)), labels, range(10)), [0, 1]).all()
    assert np.isin(linear_probe(np.zeros((10, 3)), labels, draw_folds(labels, range(10))), [0, 1]).all()
