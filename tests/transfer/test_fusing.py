from __future__ import annotations

import math

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.training.scaling import source_scale
from regraft.transfer import fusing
from regraft.transfer.fusing import choose_set, gram_matrix, held_out


def made(seed: int, count: int = 18, width: int = 5, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    return (rng.normal(0, 1, (count, width)) + 2 * np.eye(classes, width)[labels]).astype(np.float32), labels


def refitted(features: np.ndarray, labels: np.ndarray, groups: list[str], penalty: float) -> np.ndarray:
    """Scores of each image by scikit-learn's ridge regression on the images of all other groups."""
    from sklearn.linear_model import Ridge

    targets, scores = np.eye(labels.max() + 1)[labels], np.empty((len(labels), labels.max() + 1))
    for group in set(groups):
        held = np.array([own == group for own in groups])
        fitted = Ridge(alpha=penalty, solver="svd").fit(features[~held].astype(float), targets[~held])
        scores[held] = fitted.predict(features[held].astype(float))
    return scores


@pytest.mark.parametrize(("seed", "together"), [(0, 1), (1, 2), (2, 3), (3, 4)])
def test_leaving_groups_out_is_as_refitting_without_them(seed: int, together: int) -> None:
    features, labels = made(seed)
    groups = [str(row // together) for row in range(len(labels))]
    targets = np.eye(3)[labels]
    found = held_out(features.astype(float) @ features.T, labels, groups, 3)
    by_hand = {}
    for strength in fusing.STRENGTHS:
        scores = refitted(features, labels, groups, strength * len(labels))
        by_hand[strength] = ((targets - scores) ** 2).sum(axis=1).mean(), scores
    strength = min(by_hand, key=lambda one: by_hand[one][0])
    assert found.strength == strength
    assert found.error == pytest.approx(by_hand[strength][0], rel=1e-6)
    np.testing.assert_array_equal(found.right, by_hand[strength][1].argmax(axis=1) == labels)
    assert found.accuracy == found.right.mean()


def test_copies_do_not_answer_for_each_other() -> None:
    """Random labels, every image twice: only where its copy is left out with it is an image not known by heart."""
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(0, 1, (40, 60)), 2, axis=0).astype(np.float32)
    labels = np.repeat(rng.integers(0, 2, 40), 2)
    gram = gram_matrix(features)
    assert held_out(gram, labels, [str(row) for row in range(80)], 2).accuracy > 0.95
    assert held_out(gram, labels, [str(row // 2) for row in range(80)], 2).accuracy < 0.75


def test_a_gram_matrix_has_a_mean_diagonal_of_one_and_sums_stand_for_sources_side_by_side() -> None:
    first, second = made(1)[0], 50 * made(2, width=3)[0]
    grams = [gram_matrix(first), gram_matrix(second)]
    assert [float(np.trace(gram)) / 18 for gram in grams] == pytest.approx([1, 1])
    both = np.concatenate([first, second], axis=1)
    scaled = both / source_scale(both, (5, 3))
    np.testing.assert_allclose(scaled @ scaled.T, sum(grams) / 2, atol=1e-6)


def sources() -> tuple[dict[str, np.ndarray], np.ndarray, list[str]]:
    """`left` tells the first class from the others, `right` the last, and `noise` nothing."""
    rng = np.random.default_rng(3)
    labels = np.arange(90) % 3
    clear = {"left": labels == 0, "right": labels == 2}
    features = {
        name: np.column_stack([3.0 * shown, np.ones(90)]) + rng.normal(0, 0.3, (90, 2)) for name, shown in clear.items()
    }
    features["noise"] = rng.normal(0, 1, (90, 2))
    grams = {name: gram_matrix(values.astype(np.float32)) for name, values in features.items()}
    return grams, labels, [str(row) for row in range(90)]


def test_what_complements_is_taken_and_what_does_not_is_not() -> None:
    grams, labels, groups = sources()
    counted: list[int] = []
    steps = choose_set(grams, labels, groups, 3, progress=counted.append)
    assert {step.added for step in steps if step.taken} == {"left", "right"}
    assert [step.taken for step in steps] == [True, True, False]
    assert sum(counted) == 3 + 2 + 1
    first, second, last = steps
    assert first.gain == first.accuracy == max(first.tried.values()) < 0.8
    assert second.accuracy == pytest.approx(first.accuracy + second.gain)
    assert second.accuracy > 0.9
    assert set(second.tried) == set(grams) - {first.added}
    assert last.added == "noise"
    assert last.gain <= last.standard_error
    first_right = held_out(grams[first.added], labels, groups, 3).right
    both = held_out((grams["left"] + grams["right"]) / 2, labels, groups, 3).right
    change = both.astype(int) - first_right
    assert second.standard_error == pytest.approx(change.std() / math.sqrt(90))


def test_the_choice_ends_where_it_is_told_to() -> None:
    grams, labels, groups = sources()
    assert len(choose_set(grams, labels, groups, 3, at_most=1)) == 1
    assert [step.taken for step in choose_set({"left": grams["left"]}, labels, groups, 3)] == [True]


def test_what_cannot_be_chosen_from() -> None:
    with pytest.raises(InputError, match="no source"):
        choose_set({}, np.array([0, 1]), ["a", "b"], 2)
    with pytest.raises(InputError, match="only one group"):
        held_out(np.eye(2), np.array([0, 1]), ["a", "a"], 2)
