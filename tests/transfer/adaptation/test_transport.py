from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.transfer.adaptation._skada import fit_adapter, skada
from regraft.transfer.adaptation.linear import answers
from regraft.transfer.adaptation.problem import Domains, no_labels
from regraft.transfer.adaptation.transport import OptimalTransport, check_pairs


def test_two_images_go_to_the_nearest_two() -> None:
    """Costs 1 + 1 straight, 9 + 25 crossed: each goes straight to its own."""
    domains = Domains(np.array([[0.0], [4.0]]), np.array([0, 1]), np.array([[5.0], [1.0]]), 2)
    np.testing.assert_allclose(fit_adapter(skada().OTMappingAdapter(), domains), [[1.0], [5.0]])


def test_two_images_to_one_place_each_share_three() -> None:
    """Each of two source images has half of the mass: one and a half of three target images, in order."""
    domains = Domains(np.array([[0.0], [9.0]]), np.array([0, 1]), np.array([[1.0], [4.0], [10.0]]), 2)
    np.testing.assert_allclose(
        fit_adapter(skada().OTMappingAdapter(), domains), [[(1 + 0.5 * 4) / 1.5], [(0.5 * 4 + 10) / 1.5]]
    )


def test_a_target_that_was_moved_is_followed() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    source = np.outer(2 * labels - 1, [1, 0]) + 0.1 * rng.normal(size=(60, 2))
    target = source[::-1] + np.array([4, 0])  # all of it on one side of the source head
    head = OptimalTransport().prepare(Domains(source, labels, target, 2))(*no_labels(2))
    assert np.mean(answers(head, target) == labels[::-1]) == 1


def test_a_plan_that_no_memory_holds_is_refused() -> None:
    check_pairs(5_000, 10_000)
    with pytest.raises(InputError, match="60,000 × 1,797 = 107,820,000") as caught:
        check_pairs(60_000, 1_797)
    assert "--per-class" in str(caught.value)
