from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_tops import eagerly, small_network

from regraft.backbones.base import Base, open_base
from regraft.errors import InputError
from regraft.images.augmentation import Augmentation
from regraft.images.folders import scan_folder
from regraft.images.labelled import LabelledImage
from regraft.training.finetuning import Finetuned, top_probabilities
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import ImagePixels
from regraft.transfer import scratch
from regraft.transfer.scratch import (
    Scratch,
    ScratchSettings,
    TriedRate,
    best_trained_epoch,
    forget,
    train_scratch,
)

ROWS, VALIDATION = np.arange(24), np.arange(24, 36)
HEAD = HeadSettings(0.1)
TWO = ScratchSettings(epochs=4, learning_rates=(1e-5, 0.01), trial_epochs=2, batch_size=8)


@pytest.fixture(autouse=True)
def quickly() -> Iterator[None]:
    with eagerly():
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    import keras

    path = tmp_path_factory.mktemp("source") / "source.keras"
    network = small_network()
    keras.Model(network.inputs, keras.layers.Dense(3)(network.output)).save(path)
    return open_base(str(path))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledImage]:
    """36 images of 8 pixels, alternately reddish and bluish."""
    folder, draw = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for number in range(36):
        pixels = draw.integers(0, 130, (8, 8, 3))
        pixels[..., 2 * (number % 2)] += 60
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "ab"[number % 2] / f"{number:02}.png")
    return sorted(scan_folder(folder).images, key=lambda image: Path(image.name).name)


def trained(base: Base, images: list[LabelledImage], settings: ScratchSettings = TWO, **changed: Any) -> Scratch:
    given = {"rows": ROWS, "validation": VALIDATION, "head": HEAD, **changed}
    return train_scratch(base, images, np.arange(36) % 2, 2, settings, **given)


@pytest.fixture(scope="module")
def done(
    base: Base, images: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Scratch, Path, float]:
    kept, counted = tmp_path_factory.mktemp("kept") / "state.safetensors", []
    with eagerly():
        return trained(base, images, kept=kept, progress=counted.append), kept, sum(counted)


def test_the_rate_with_the_lowest_validation_loss_is_trained_with_from_the_start(done: Any) -> None:
    result, _, counted = done
    assert [(one.learning_rate, one.epochs) for one in result.tried] == [(1e-5, 2), (0.01, 2)]
    best = min(result.tried, key=lambda one: one.val_loss)
    assert result.settings.learning_rate == best.learning_rate == 0.01
    assert (result.settings.batchnorm, result.settings.optimizer, result.settings.epochs) == ("train", "adam", 4)
    assert [row["epoch"] for row in result.done.history] == [0, 1, 2, 3, 4]
    assert counted == pytest.approx(TWO.all_epochs * len(ROWS))
    assert TWO.all_epochs == 4 + 2 * 2


def test_the_seconds_are_those_of_all_epochs_the_trials_included(done: Any) -> None:
    scratch, *_ = done
    own = sum(row["seconds"] for row in scratch.done.history if row["epoch"])
    assert own < scratch.seconds


def test_it_learns_and_the_top_holds_the_best_epoch(done: Any, images: list[LabelledImage]) -> None:
    result = done[0]
    rows = result.done.history
    assert rows[result.done.best_epoch]["val_loss"] == min(row["val_loss"] for row in rows) < rows[0]["val_loss"]
    answers = top_probabilities(result.top, ImagePixels(images, (8, 8), Augmentation()), VALIDATION)
    right = (answers.argmax(axis=1) == VALIDATION % 2).mean()
    assert right == rows[result.done.best_epoch]["val_accuracy"]
    assert right > 0.8


def test_what_was_kept_is_gone_on_with(
    done: Any, base: Base, images: list[LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, kept, _ = done
    assert len(list(kept.parent.iterdir())) == 3
    monkeypatch.setattr("regraft.training.finetuning._trained_epoch", lambda *_: pytest.fail("trained again"))
    counted: list[float] = []
    again = trained(base, images, kept=kept, progress=counted.append)
    assert (again.tried, again.done) == (first.tried, first.done)
    assert sum(counted) == pytest.approx(TWO.all_epochs * len(ROWS))
    for one, other in zip(again.top.whole.get_weights(), first.top.whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    (other_file := kept.with_name("other.safetensors")).write_bytes(b"")
    forget(kept)
    assert list(kept.parent.iterdir()) == [other_file]


def test_a_single_rate_is_not_tried_and_may_do_without_validation(base: Base, images: list[LabelledImage]) -> None:
    one = replace(TWO, learning_rates=(0.01,), epochs=1)
    result = trained(base, images, one, validation=None)
    assert result.tried == ()
    assert (result.done.best_epoch, one.all_epochs) == (1, 1)
    with pytest.raises(InputError, match="no choosing a learning rate"):
        trained(base, images, validation=None)


def test_a_rate_that_diverges_is_not_chosen(base: Base, images: list[LabelledImage]) -> None:
    result = trained(base, images, replace(TWO, learning_rates=(1e30, 0.01), epochs=1, trial_epochs=1))
    assert result.tried[0].val_loss is None
    assert result.tried[0].val_accuracy is None
    assert result.settings.learning_rate == 0.01


def test_of_equals_and_where_all_diverge_the_lowest_rate_is_chosen() -> None:
    bad = [TriedRate(rate, 1, None, None) for rate in (0.1, 0.01)]
    assert scratch._best(bad) == 0.01
    assert scratch._best([TriedRate(0.1, 1, 0.5, 1.0), TriedRate(0.01, 1, 0.5, 1.0), *bad]) == 0.01


def test_the_best_trained_epoch_is_never_the_random_start() -> None:
    rows = [{"epoch": 0, "val_loss": 0.1}, {"epoch": 1, "val_loss": 0.3}, {"epoch": 2, "val_loss": 0.2}]
    assert best_trained_epoch(Finetuned(tuple(rows), 0, False, 1.0)) == 2
    assert best_trained_epoch(Finetuned((*rows, {"epoch": 3, "val_loss": None}), 0, False, 1.0)) == 2
    assert best_trained_epoch(Finetuned(({"epoch": 1}, {"epoch": 2}), 2, False, math.nan)) == 2
