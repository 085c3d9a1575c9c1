"""Fine-tuning that was killed goes on; see `test_finetuning.py` for all else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_tops import (
    ROWS,
    VALIDATION,
    eagerly,
    moved,
    small_inputs,
    small_settings,
    small_top,
    trained_small,
    weights_of,
    without_seconds,
)

from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.finetuning import Top


@pytest.fixture(autouse=True, scope="module")
def without_graphs() -> Iterator[None]:
    with eagerly():
        yield


class StoppedError(Exception):
    """Stands for a killed process."""


def stopping_after(images: int, seen: list[float]) -> Any:
    def progress(more: float) -> None:
        seen.append(more)
        if sum(seen) >= images:
            raise StoppedError

    return progress


@pytest.mark.parametrize(
    "changed",
    [{"optimizer": "adamw"}, {"batchnorm": "train", "staged": True}],
    ids=lambda changed: " ".join(changed),
)
def test_a_killed_training_goes_on_as_if_it_had_not_been(tmp_path: Path, changed: dict[str, Any]) -> None:
    about, given = small_settings(epochs=3, **changed), {"validation": VALIDATION}
    where = {"at": "stem_relu"} if "staged" in changed else {"at": "b_add", "dropout": 0.3}
    top, file = small_top(**where), tmp_path / "kept"
    before = weights_of(top)
    expected = trained_small(top, about, **given)
    straight = weights_of(top)
    top, seen, rest, over = small_top(**where), [], [], []
    with pytest.raises(StoppedError):  # in the middle of the second epoch
        trained_small(top, about, kept=file, progress=stopping_after(30, seen), **given)
    assert seen == [0, 10, 10, 10]
    assert moved(before, weights_of(top)) == set()
    done = trained_small(top, about, kept=file, progress=rest.append, **given)
    assert rest == [20, 10, 10, 10, 10]
    assert without_seconds(done) == without_seconds(expected)
    assert (done.best_epoch, done.stopped_early) == (expected.best_epoch, expected.stopped_early)
    assert moved(straight, weights_of(top)) == set()
    top = small_top(**where)
    finished = trained_small(top, about, kept=file, progress=over.append, **given)  # killed after the last epoch
    assert over == [60]
    assert finished == done
    assert moved(straight, weights_of(top)) == set()


def test_what_was_kept_of_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    top, file = small_top(at="b_add"), tmp_path / "kept"
    _, labels = small_inputs(top)
    weight = np.array([1.0, 2.0, 3.0], np.float32)
    trained_small(top, kept=file)

    def kept_images(other: Top, about: FinetuneSettings | None = None, **changed: Any) -> float:
        seen: list[float] = []
        with pytest.raises(StoppedError):
            trained_small(other, about, kept=file, progress=stopping_after(0, seen), **changed)
        return seen[0]

    assert kept_images(top) == 0  # it starts elsewhere now
    assert kept_images(small_top(at="head_relu")) == 0
    same = small_top(at="b_add")  # and stays the same, for every training of it is stopped
    assert kept_images(same) == 40
    assert kept_images(same, small_settings(seed=1)) == 0
    for changed in (
        {"rows": ROWS[::-1]},
        {"labels": 2 - labels},
        {"validation": VALIDATION},
        {"validation": ROWS},
        {"epochs": 1},
        {"class_weight": weight},
        {"sampling": "balanced"},
        {"inputs": small_inputs(top, views=2)[0]},
    ):
        assert kept_images(same, **changed) == 0, changed
    assert kept_images(same) == 40
    file.write_bytes(file.read_bytes()[:-100])
    assert kept_images(same) == 0


def test_a_staged_training_that_is_killed_leaves_the_top_as_it_was() -> None:
    """At the beginning of its second stage the layers of the top have had the weights of the first."""
    top, seen = small_top(at="stem_relu"), []
    before = weights_of(top)
    with pytest.raises(StoppedError):
        trained_small(top, small_settings(staged=True), progress=stopping_after(30, seen))
    assert moved(before, weights_of(top)) == set()
