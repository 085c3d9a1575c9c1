from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.studies.proportions_parts import Part, divided, epochs_of, parts_of


@given(st.integers(0, 5), st.integers(6, 60), st.integers(0, 100))
def test_parts_are_nested_and_validate_on_a_fifth_of_each_class(less: int, count: int, seed: int) -> None:
    labels = np.repeat([0, 1, 2], 20).astype(np.int64)
    groups = [str(row) for row in range(60)]
    train, validation = divided(labels, groups, count, seed)
    assert len(set(train) | set(validation)) == len(train) + len(validation) == count
    fewer = {*np.concatenate(divided(labels, groups, count - less, seed)).tolist()}
    assert fewer <= {*train.tolist(), *validation.tolist()}
    for label in range(3):
        here, held = (labels[train] == label).sum(), (labels[validation] == label).sum()
        assert held == max(1, np.floor(0.2 * (here + held) + 0.5))
    again = divided(labels, groups, count, seed)
    assert (again[0].tolist(), again[1].tolist()) == (train.tolist(), validation.tolist())


def test_groups_stay_together() -> None:
    labels = np.repeat([0, 1], 20).astype(np.int64)
    groups = [f"group {row // 4}" for row in range(40)]
    train, validation = divided(labels, groups, 40, 0)
    assert not {groups[row] for row in train} & {groups[row] for row in validation}
    assert [int((labels[validation] == label).sum()) for label in (0, 1)] == [4, 4]


class Counted(str):
    """A group's name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, str(other))

    __hash__ = str.__hash__


def test_many_groups_are_not_compared_each_with_each() -> None:
    labels = np.repeat([0, 1], 500).astype(np.int64)
    divided(labels, [Counted(row) for row in range(1000)], 1000, 0)
    assert Counted.compared < 10 * 1000


def test_a_part_may_divide_a_group_and_its_two_sides_do_not() -> None:
    labels = np.repeat([0, 1], 20).astype(np.int64)
    groups = [f"group {row // 4}" for row in range(40)]
    train, validation = divided(labels, groups, 20, 0)
    part = {groups[row] for row in (*train, *validation)}
    assert part & {groups[row] for row in set(range(40)) - {*train.tolist(), *validation.tolist()}}
    assert not {groups[row] for row in train} & {groups[row] for row in validation}


def test_a_part_without_images_of_a_class_is_named() -> None:
    labels = np.array([0] * 50 + [1] * 50, np.int64)
    parts = parts_of(labels, [str(row) for row in range(100)], [0.005, 0.02, 0.021, 0.5, 1.0], [0, 1], 2)
    assert [part.images for part in parts] == [1, 2, 50, 100]
    assert [bool(part.problem) for part in parts] == [True, True, False, False]
    assert parts[2] == Part(0.5, 50)
    assert "no image to train on" in parts[0].problem


@pytest.mark.parametrize(("images", "epochs"), [(800, 20), (400, 28), (200, 40), (40, 89)])
def test_smaller_parts_get_more_epochs(images: int, epochs: int) -> None:
    assert epochs_of(20, images, 800) == epochs
