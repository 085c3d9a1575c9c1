from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.training._course import Course, finite_or_none


class Numbered:
    """Stands for a trainer: its weights say which epoch they are of."""

    def __init__(self, epoch: float) -> None:
        self.epoch = epoch

    def weights(self) -> list[Any]:
        return [np.array(self.epoch)]


def course(losses: list[float | None], *, broken: int | None = None) -> Course:
    """The validation loss of the start and of every epoch; the training loss of one of them may be none."""
    made = Course.begun({"val_loss": losses[0]}, [np.array(0)])
    for epoch, loss in enumerate(losses[1:], 1):
        row = {"epoch": epoch, "loss": None if epoch == broken else 1.0, "val_loss": loss, "seconds": 0.5}
        made.add(row, Numbered(epoch))  # type: ignore[arg-type]
    return made


@given(losses=st.lists(st.none() | st.integers(0, 5).map(float), min_size=1, max_size=9), patience=st.integers(1, 5))
def test_the_best_epoch_is_the_first_of_the_lowest_loss_and_patience_counts_from_it(
    losses: list[float | None], patience: int
) -> None:
    found = course(losses)
    best = int(np.argmin([math.inf if loss is None else loss for loss in losses]))
    assert found.best == best
    assert [array.tolist() for array in found.best_weights] == [best]
    assert found.epoch == len(losses) - 1
    assert found.is_over(patience) == (found.epoch - best >= patience)
    assert not found.is_over(None)


def test_an_epoch_whose_loss_is_no_number_ends_it_and_is_never_the_best() -> None:
    found = course([1.0, 0.5, 0.1], broken=2)
    assert (found.best, found.is_over(None), found.has_diverged) == (1, True, True)
    assert not course([1.0, 0.5, 0.1]).has_diverged


def test_without_validation_the_last_epoch_is_the_best() -> None:
    found = Course.begun({}, [np.array(0)])
    assert (found.history, found.epoch, found.best, found.is_over(1)) == ([], 0, 0, False)
    assert not found.has_diverged
    for epoch in (1, 2, 3):
        found.add({"epoch": epoch, "loss": 1.0, "seconds": 0.1}, Numbered(epoch))  # type: ignore[arg-type]
        assert (found.best, found.best_weights[0].tolist()) == (epoch, epoch)
        assert not found.is_over(1)
    found.add({"epoch": 4, "loss": 1.0, "seconds": 0.1}, Numbered(math.nan))  # type: ignore[arg-type]
    assert found.has_diverged


def test_speed_is_that_of_the_epochs() -> None:
    assert course([1.0, 1.0, 1.0]).images_per_second(30) == pytest.approx(60)
    assert math.isnan(course([1.0]).images_per_second(30))


def test_numbers_for_json() -> None:
    assert [finite_or_none(value) for value in (1.5, math.nan, -math.inf)] == [1.5, None, None]
