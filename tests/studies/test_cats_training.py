from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_cats import NETWORK, begin, two_classes

from regraft.backbones.base import open_base
from regraft.runs.data import RunData
from regraft.runs.folder import RunFolder
from regraft.studies import cats_training
from regraft.studies.cats_study import CatsStudy
from regraft.studies.cats_training import (
    TUNING_RATE,
    images_per_second,
    train_head_alone,
    tuned_config,
    with_base,
    with_fewer_images,
)


@pytest.fixture(scope="module")
def study(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> CatsStudy:
    folder = tmp_path_factory.mktemp("training")
    return begin(two_classes(photos, folder), folder / "study")


@pytest.fixture(scope="module")
def data(study: CatsStudy) -> RunData:
    return study.data(NETWORK, study.repetitions[0])


def test_the_config_of_a_fine_tuning_is_that_of_the_head_and_the_plain_images(study: CatsStudy) -> None:
    config = study.config(NETWORK, study.repetitions[0])
    tuned = tuned_config(config, 5, 3)
    assert tuned.finetune is not None
    assert (tuned.finetune.last, tuned.finetune.epochs, tuned.finetune.learning_rate) == (5, 3, TUNING_RATE)
    assert tuned.augmentation.views == 0
    assert (tuned.head, tuned.images, tuned.seed) == (config.head, config.images, config.seed)
    assert tuned.finetune.wish() == {"last": 5}


def test_fewer_training_images_leave_the_others_where_they_are(data: RunData) -> None:
    some = with_fewer_images(data, 4, seed=0)
    train = some.rows("train")
    assert np.bincount(some.labels[train]).tolist() == [4, 4]
    before = {image.sha256: place for place, image in enumerate(data.images)}
    rows = [before[image.sha256] for image in some.images]
    assert (data.splits[rows] == some.splits).all()
    assert (data.features[rows] == some.features).all()
    assert (data.labels[rows] == some.labels).all()
    for split in ("validation", "test"):
        assert len(some.rows(split)) == len(data.rows(split))
    assert [image.sha256 for image in with_fewer_images(data, 4, seed=0).images] == [i.sha256 for i in some.images]
    assert len(with_fewer_images(data, 1000, seed=0).images) == len(data.images)


def test_another_base_gives_the_same_images_other_features(data: RunData, monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_base(data, data.base) is data
    asked: list[Any] = []

    def extract(images: Any, base: Any, *, precision: str) -> Any:
        asked.append((images, base.spelling, precision))
        return SimpleNamespace(features=lambda: np.ones((len(images), 3), np.float32))

    monkeypatch.setattr(cats_training, "extract", extract)
    other = with_base(data, open_base("EfficientNetLite0@48"))
    assert asked == [(data.images, "EfficientNetLite0@48", "f32")]
    assert (other.base.spelling, other.features.shape) == ("EfficientNetLite0@48", (len(data.images), 3))
    assert (other.splits is data.splits, other.images is data.images) == (True, True)


def test_the_speed_is_that_of_the_images_and_nothing_is_kept(data: RunData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft.features.extraction.open_store", lambda *_: pytest.fail("kept something"))
    assert images_per_second(data.base, data.images[:5]) > 0


def test_a_head_alone_is_recorded_as_a_run(study: CatsStudy, data: RunData, tmp_path: Path) -> None:
    config = study.config(NETWORK, study.repetitions[0])
    run = RunFolder(tmp_path / "alone")
    train_head_alone(run, config, data, {})
    metrics = run.metrics()
    trained = metrics["trained"]
    features = data.features.shape[1]
    assert trained["parameters"] == (features + 1) * 128 + 129
    assert (trained["epochs"], trained["layers"]) == (2, [])
    assert trained["computing_seconds"] > 0
    assert trained["seconds"] == pytest.approx(2 * trained["epoch_seconds"])
    assert run.config() == config
    assert "test" not in metrics
    assert set(run.table("predictions")["split"].to_pylist()) == {"validation"}
    row = next(r for r, s in enumerate(study.frozen.settings) if s.values["head.activation"] == "sigmoid")
    assert metrics["validation"]["accuracy"] == study.frozen.accuracy[row, 0]
    assert metrics["validation"]["log_loss"] == pytest.approx(study.frozen.loss[row, 0], abs=1e-4)
