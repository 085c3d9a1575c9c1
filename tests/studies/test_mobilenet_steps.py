from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from small_mobilenet import SMALL, Finished, finished

from regraft.errors import InputError
from regraft.studies.mobilenet_runs import Step, read_steps
from regraft.studies.mobilenet_steps import DECAY, RATES, FourSteps


@pytest.fixture
def done(photos: Path) -> Finished:
    return finished(photos)


@pytest.fixture
def steps(done: Finished) -> list[Step]:
    return read_steps(done.folder)


def test_frozen_is_frozen_and_batchnorm_keeps_all_it_has(done: Finished, steps: list[Step]) -> None:
    best = {step.number: step.best_epoch > 0 for step in steps}
    assert done.moved[1] == done.moved[2] == set()
    assert done.moved[3] == ({"conv_2", "conv_3"} if best[3] else set())
    assert done.moved[4] == ({"conv_1", "conv_2", "conv_3"} if best[4] else set())
    assert best[3] or best[4]


def test_each_earlier_group_learns_slower(steps: list[Step]) -> None:
    assert [step.rates["head"] for step in steps] == list(RATES)
    assert list(steps[0].rates) == list(steps[1].rates) == ["head"]
    third, fourth = steps[2].rates, steps[3].rates
    assert list(third) == ["head", "conv_3", "conv_2"]
    assert list(fourth) == ["head", "conv_3", "conv_2", "conv_1"]
    for rates in (third, fourth):
        assert [one / other for one, other in pairwise(rates.values())] == pytest.approx([DECAY] * (len(rates) - 1))
    assert 3 <= DECAY <= 10
    assert max(fourth.values()) < max(third.values())


def test_what_each_step_sees_and_trains(steps: list[Step]) -> None:
    assert [step.views for step in steps] == [0, SMALL.views, SMALL.tuned_views, None]
    head, last = 6 * 3 + 3, 3 * 3 * (4 * 5 + 5 * 6)
    assert [step.parameters for step in steps] == [head, head, head + last, head + last + 3 * 3 * 3 * 4]
    assert [step.epochs for step in steps] == list(SMALL.steps)
    for step in steps:
        assert step.seconds == pytest.approx(sum(row["seconds"] for row in step.history[1:]), abs=1e-3)
        assert len(step.history) <= step.epochs + 1


def test_steps_whose_weights_are_gone_cannot_be_gone_on_with(done: Finished) -> None:
    with pytest.raises(InputError, match="is gone"):
        FourSteps(done.study)
