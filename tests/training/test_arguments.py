from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.errors import InputError
from regraft.training import _arguments as arguments
from regraft.training.settings import HeadSettings
from regraft.training.weights import HeadWeights, initial_heads

SETTINGS = [HeadSettings(0.1), HeadSettings(0.1, hidden=(4, 3))]


@pytest.mark.parametrize(
    "weights",
    [[1.0], [1.0, 2.0, 3.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")], [1.0, float("inf")], [[1.0, 2.0]]],
)
def test_class_weights_that_cannot_be_used_are_refused(weights: Any) -> None:
    with pytest.raises(InputError, match="class weights cannot be used"):
        arguments.checked_class_weight(weights, 2)


def test_class_weights_become_an_array() -> None:
    weights = arguments.checked_class_weight([1, 0], 2)
    assert weights is not None
    assert (weights.dtype, weights.tolist()) == (np.float32, [1.0, 0.0])
    assert arguments.checked_class_weight(None, 2) is None


def test_features_are_views_whether_they_come_as_one_or_as_several() -> None:
    features, labels = np.ones((4, 3), np.float64), np.array([0, 1, 0, 1], np.int32)
    one, same = arguments.checked_views(features, labels, 2)  # type: ignore[arg-type]
    assert (one.shape, one.dtype, same.dtype) == ((1, 4, 3), np.float32, np.int64)
    several, again = arguments.checked_views(np.ones((5, 4, 3), np.float32), same, 2)
    assert (several.shape, again.tolist()) == ((5, 4, 3), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("features", "labels", "said"),
    [
        (np.ones((2, 4, 3)), np.zeros(8, int), r"views, images, width.*labels \(8,\)"),
        (np.ones((0, 4, 3)), np.zeros(4, int), "at least one of each"),
        (np.ones((2, 0, 3)), np.zeros(0, int), "at least one of each"),
        (np.ones((2, 2, 4, 3)), np.zeros(4, int), "images, width"),
        (np.full((2, 4, 3), np.nan), np.zeros(4, int), "not all finite"),
        (np.ones((2, 4, 3)), np.full(4, 2), "no class index"),
        (np.ones((2, 4, 3)), np.zeros(4), "no class index"),
    ],
)
def test_views_that_do_not_fit_are_refused(features: Any, labels: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        arguments.checked_views(features, labels, 2)


def test_weights_to_start_from_have_the_shape_of_the_settings() -> None:
    heads = initial_heads(SETTINGS, 5, 2)
    assert arguments.checked_start(heads, SETTINGS, 5, 2) is heads
    torn = HeadWeights((heads[1].layers[0], heads[1].layers[2]))
    for wrong, said in (
        (heads[:1], r"2 heads.*Received: 1"),
        (heads[::-1], r"layers 5 → 2.*5 → 4 → 3 → 2, of head 0"),
        ((heads[0], torn), r"a kernel \(4, 2\).*\(3, 2\)"),
        (initial_heads(SETTINGS, 6, 2), r"layers 5 → 2.*6 → 2, of head 0"),
    ):
        with pytest.raises(InputError, match=f"(?s)initial weights do not fit.*{said}"):
            arguments.checked_start(wrong, SETTINGS, 5, 2)


def test_an_unknown_sampling_is_refused() -> None:
    with pytest.raises(InputError, match="sampling"):
        arguments.checked_options(SETTINGS, 1, 1, 1.0, "twice")  # type: ignore[arg-type]
