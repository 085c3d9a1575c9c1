from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_tops import ROWS, eagerly, moved, small_inputs, small_top, weights_of

from regraft.errors import InputError
from regraft.training import rate_range as module
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.finetuning import Top
from regraft.training.rate_range import RateRange, check_range, rate_range

SETTINGS = FinetuneSettings(batch_size=8)


@pytest.fixture(scope="module")
def top() -> Iterator[Top]:
    with eagerly():
        yield small_top()


class MadeUp:
    """In place of a trainer: gives the losses that it was told to give, and notes what it was asked."""

    def __init__(self, losses: Callable[[int], float]) -> None:
        self._losses = losses
        self.rates: list[float] = []
        self.labels: list[npt.NDArray[np.int64]] = []
        self.inputs: list[npt.NDArray[Any]] = []
        self.class_weights: list[Any] = []

    def step(self, inputs: Any, labels: npt.NDArray[np.int64], rate: float, class_weight: Any = None) -> float:
        self.rates.append(rate)
        self.labels.append(labels)
        self.inputs.append(inputs)
        self.class_weights.append(class_weight)
        return self._losses(len(self.rates) - 1)


def tried(top: Top, losses: Callable[[int], float], **options: Any) -> tuple[RateRange, MadeUp]:
    """A range test whose losses are made up, one for each step from 0."""
    trainer = MadeUp(losses)
    inputs, labels = small_inputs(top)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "trainer_for", lambda *given: trainer)
        return rate_range(top, inputs, labels, options.pop("settings", SETTINGS), rows=ROWS, **options), trainer


def test_rates_rise_geometrically_over_all_steps(top: Top) -> None:
    found, trainer = tried(top, lambda step: 1.0, lowest=1e-5, highest=10.0, steps=13)
    np.testing.assert_allclose(found.rates, 10.0 ** (-5 + np.arange(13) / 2))
    np.testing.assert_array_equal(found.rates, trainer.rates)
    assert found.losses.tolist() == [1.0] * 13
    np.testing.assert_allclose(found.smoothed, 1.0)
    assert found.suggested is None  # nothing lowered the loss


@given(losses=st.lists(st.floats(0.01, 1.0), min_size=10, max_size=40))
def test_the_suggestion_is_a_tenth_of_the_rate_of_the_lowest_moving_average(top: Top, losses: list[float]) -> None:
    found, _ = tried(top, losses.__getitem__, lowest=1e-6, highest=1.0, steps=len(losses))
    assert found.losses.tolist() == losses  # never above log 3, what guessing costs: to the end
    # The average of all losses so far, each weighing 0.9 of the next.
    by_hand = [np.average(losses[: n + 1], weights=0.9 ** np.arange(n, -1, -1)) for n in range(len(losses))]
    np.testing.assert_allclose(found.smoothed, by_hand, rtol=1e-9)
    best = int(np.argmin(found.smoothed))
    if found.smoothed[best] >= found.smoothed[0] * (1 - 1e-6):
        assert found.suggested is None
    else:
        assert found.suggested == pytest.approx(found.rates[best] / 10)


def test_it_ends_where_the_loss_blows_up(top: Top) -> None:
    def losses(step: int) -> float:
        return 1.0 - 0.05 * step if step < 10 else 0.5 * 3.0 ** (step - 9)

    found, trainer = tried(top, losses, steps=60)
    assert found.smoothed[-1] > 4 * found.smoothed.min()
    assert found.smoothed[-2] <= 4 * found.smoothed.min()
    assert len(trainer.rates) == len(found.rates) == len(found.losses) < 20
    assert found.suggested == pytest.approx(found.rates[int(found.smoothed.argmin())] / 10)


def test_a_head_that_knows_the_images_is_no_reason_to_end(top: Top) -> None:
    """The first batch happens to be easy: what follows is many times its loss, and still better than guessing."""
    found, _ = tried(top, lambda step: 0.001 if step == 0 else 0.3, steps=20)
    assert len(found.losses) == 20


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_it_ends_at_a_loss_that_is_no_number(top: Top, bad: float) -> None:
    found, _ = tried(top, lambda step: 1.0 - 0.01 * step if step < 15 else bad, steps=60)
    assert len(found.losses) == 16
    assert not math.isfinite(found.losses[-1])
    assert found.suggested == pytest.approx(found.rates[14] / 10)
    nothing, _ = tried(top, lambda step: bad, steps=60)
    assert (len(nothing.losses), nothing.suggested) == (1, None)


def test_batches_are_full_and_go_through_the_images_anew(top: Top) -> None:
    _, labels = small_inputs(top)
    weight = np.array([1, 2, 3], np.float32)
    advanced: list[float] = []
    _, trainer = tried(top, lambda step: 1.0, steps=12, class_weight=weight, progress=advanced.append)
    assert [len(batch) for batch in trainer.labels] == [8] * 12  # of 20 images two whole batches an epoch
    assert advanced == [1] * 12
    assert all(given is weight for given in trainer.class_weights)
    inputs, _ = small_inputs(top)
    known = inputs.view(ROWS, 0)
    for epoch in range(6):
        drawn = np.concatenate(trainer.inputs[2 * epoch : 2 * epoch + 2])
        places = [int(np.flatnonzero((known == one).all(axis=(1, 2, 3)))[0]) for one in drawn]
        assert len(set(places)) == 16
        np.testing.assert_array_equal(np.concatenate(trainer.labels[2 * epoch : 2 * epoch + 2]), labels[ROWS[places]])
    _, few = tried(top, lambda step: 1.0, steps=10, settings=FinetuneSettings(batch_size=64))
    assert [len(batch) for batch in few.labels] == [20] * 10


def test_balanced_sampling_sees_all_classes_equally_often(top: Top) -> None:
    _, trainer = tried(top, lambda step: 1.0, steps=10, settings=FinetuneSettings(batch_size=20), sampling="balanced")
    assert all(np.ptp(np.bincount(batch, minlength=3)) <= 1 for batch in trainer.labels)


def test_the_top_is_left_as_it_was(top: Top) -> None:
    before, trainable = weights_of(top), [layer.trainable for layer in top.whole.layers]
    inputs, labels = small_inputs(top)
    settings = FinetuneSettings(batch_size=8, batchnorm="train", optimizer="sgd")
    found = rate_range(top, inputs, labels, settings, rows=ROWS, lowest=1e-4, highest=30.0, steps=12)
    assert moved(before, weights_of(top)) == set()
    assert [layer.trainable for layer in top.whole.layers] == trainable
    assert len(set(found.losses.tolist())) == len(found.losses)  # it did train
    again = rate_range(top, inputs, labels, settings, rows=ROWS, lowest=1e-4, highest=30.0, steps=12)
    np.testing.assert_array_equal(found.losses, again.losses)


@pytest.mark.parametrize(
    ("lowest", "highest", "steps"),
    [(0.0, 1.0, 20), (-1.0, 1.0, 20), (1.0, 1.0, 20), (1e-3, math.inf, 20), (math.nan, 1.0, 20), (1e-3, 1.0, 9)],
)
def test_ranges_that_cannot_be_tried_are_refused(top: Top, lowest: float, highest: float, steps: int) -> None:
    with pytest.raises(InputError, match="range of learning rates"):
        check_range(lowest, highest, steps)
    with pytest.raises(InputError, match="range of learning rates"):
        tried(top, lambda step: 1.0, lowest=lowest, highest=highest, steps=steps)
