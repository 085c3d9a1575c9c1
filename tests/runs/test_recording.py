from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.evaluation.metrics import evaluate_predictions
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import SkippedFile
from regraft.runs.config import TrainConfig, make_config
from regraft.runs.data import RunData
from regraft.runs.fitting import fit_heads
from regraft.runs.folder import RunFolder
from regraft.runs.recording import (
    augmentation_facts,
    backbone_facts,
    chosen_facts,
    collection_facts,
    image_counts,
    warnings,
    write_head,
    write_inputs,
    write_measured,
)
from regraft.training.heads import TrainedHeads
from regraft.training.settings import HeadSettings

MakeData = Callable[..., RunData]
CONFIG = make_config({"images": {"source": "x"}, "seed": 2})
SETTINGS = [HeadSettings(0.05), HeadSettings(0.05, 0.5, True, 0.01, 3)]


@pytest.fixture
def data(made_data: MakeData) -> RunData:
    return made_data(CONFIG)


def fitted(data: RunData, settings: list[HeadSettings] = SETTINGS, epochs: int = 3) -> TrainedHeads:
    return fit_heads(data, CONFIG, data.rows("train"), data.rows("validation"), settings=settings, epochs=epochs)


def test_the_inputs_of_a_run(data: RunData, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_inputs(run, CONFIG, {"python": "3"}, data)
    assert run.config() == CONFIG
    assert (tmp_path / "environment.json").read_text().split() == ["{", '"python":', '"3"', "}"]
    assert run.skipped() == [SkippedFile("blue/broken.jpg", "empty")]
    assert run.classes() == ["blue", "red"]
    splits = run.table("splits").to_pydict()
    assert splits["sha256"] == [image.sha256 for image in data.images]
    assert splits["split"] == data.splits.tolist()
    assert not (tmp_path / "metrics.json").exists()


def random_probabilities(data: RunData, split: str) -> Any:
    share = np.random.default_rng(len(split)).random((len(data.rows(split)), 1), dtype=np.float32)
    return np.concatenate([share, 1 - share], axis=1)


@pytest.mark.parametrize("splits", [["validation"], ["validation", "test"]])
def test_what_is_measured_is_what_is_written(data: RunData, tmp_path: Path, splits: list[str]) -> None:
    run = RunFolder(tmp_path)
    by_split = {split: random_probabilities(data, split) for split in splits}
    metrics = write_measured(run, data, by_split)
    assert set(metrics) == set(splits)
    rows = run.table("predictions").to_pylist()
    assert {row["split"] for row in rows} == set(splits)
    majority = int(np.bincount(data.labels[data.rows("train")]).argmax())
    for split, probabilities in by_split.items():
        labels = data.labels[data.rows(split)]
        assert metrics[split] == evaluate_predictions(labels, probabilities, data.classes, majority=majority)
        own = [row for row in rows if row["split"] == split]
        assert [row["image"] for row in own] == [image.name for image in data.chosen(data.rows(split))]
        assert [row["p(red)"] for row in own] == probabilities[:, 1].tolist()
        right = [row["label"] == row["predicted"] for row in own]
        assert np.mean(right) == metrics[split]["accuracy"]


def test_the_baseline_is_of_the_training_images(made_data: MakeData, tmp_path: Path) -> None:
    data = made_data(CONFIG)
    blue = np.flatnonzero((data.labels == 0) & (data.splits == "train"))
    moved = data.splits.copy()
    moved[blue[1:]] = "validation"  # most images are blue now, but few of those to train on
    data = replace(data, splits=moved)
    metrics = write_measured(RunFolder(tmp_path), data, {"validation": random_probabilities(data, "validation")})
    assert metrics["validation"]["baseline"]["class"] == "red"


def test_facts(data: RunData) -> None:
    assert image_counts(data) == {
        "train": len(data.rows("train")),
        "validation": len(data.rows("validation")),
        "test": len(data.rows("test")),
        "skipped": 1,
    }
    assert collection_facts(data) == {"name": "made up", "classes": ["blue", "red"]}
    facts = backbone_facts(data)
    assert facts == {
        "name": "EfficientNetLite0",
        "weights_origin": data.base.weights.origin,
        "weights_sha256": data.base.weights.sha256,
        "licence": "Apache-2.0",
        "size": [224, 224],
        "features": 6,
        "precision": "f32",
        "computed": 3,
        "preprocessing": "lite",
    }
    saved = replace(data, base=replace(data.base, network=None))
    assert backbone_facts(saved)["licence"] == "that of the saved model"


def test_the_setting_that_was_chosen(data: RunData) -> None:
    trained = fitted(data)
    assert chosen_facts(trained, 1) == {
        "label": "lr 0.05, momentum 0.5, Nesterov, weight decay 0.01",
        "learning_rate": 0.05,
        "momentum": 0.5,
        "nesterov": True,
        "weight_decay": 0.01,
        "seed": 3,
        "epoch": int(trained.best_epoch[1]),
        "head": 1,
        "heads": 2,
        "diverged": 0,
    }


def test_a_chosen_head_with_hidden_layers(data: RunData, tmp_path: Path) -> None:
    setting = HeadSettings(0.01, optimizer="adam", hidden=(4, 3), dropout=0.1)
    trained = fitted(data, [setting])
    facts = chosen_facts(trained, 0)
    assert facts["label"] == "lr 0.01, Adam, hidden 4-3, dropout 0.1"
    assert facts.items() >= {"hidden": [4, 3], "hidden_activation": "relu", "dropout": 0.1, "optimizer": "adam"}.items()
    write_head(RunFolder(tmp_path), CONFIG, data, trained.weights[0], setting)
    head = RunFolder(tmp_path).head()
    np.testing.assert_array_equal(head.weights.flat(), trained.weights[0].flat())
    assert head.dropout == 0.1


def test_a_head_comes_back(data: RunData, tmp_path: Path) -> None:
    trained = fitted(data)
    write_head(RunFolder(tmp_path), CONFIG, data, trained.weights[0], trained.settings[0])
    head = RunFolder(tmp_path).head()
    np.testing.assert_array_equal(head.kernel, trained.kernel[0])
    np.testing.assert_array_equal(head.bias, trained.bias[0])
    assert (head.activation, head.backbone, head.base) == ("softmax", "EfficientNetLite0", data.base.identity)
    assert (head.size, head.precision) == ((224, 224), "f32")


def test_there_is_nothing_to_warn_of(data: RunData) -> None:
    assert warnings(replace(fitted(data), best_epoch=np.array([1, 1])), 0, data, CONFIG) == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("scaling", "inputs were scaled 0 to 1"),
        ("lost", "No image of 'green', 'violet'"),
        ("diverged", r"diverged for: lr 1e\+300\. These heads"),
        ("skipped", "40 files were left out"),
        ("last epoch", "best epoch on validation was the last"),
    ],
)
def test_what_a_reader_must_know(data: RunData, what: str, said: str) -> None:
    config: TrainConfig = CONFIG
    settings = [HeadSettings(0.05), HeadSettings(1e300)] if what == "diverged" else SETTINGS
    trained = fitted(data, settings)
    trained = replace(trained, best_epoch=np.array([3 if what == "last epoch" else 1, 1]))
    if what == "scaling":
        config = make_config({"images": {"source": "x"}, "backbone": {"scaling": "0 to 1"}})
    if what == "lost":
        collection = replace(data.collection, lost_classes=("violet",), classes=("blue", "green", "red"))
        data = replace(data, collection=collection)
    if what == "skipped":
        data = replace(data, skipped=tuple(SkippedFile(str(number), "empty") for number in range(40)))
    (warning,) = warnings(trained, 0, data, config)
    assert re.search(said, warning)


@pytest.mark.parametrize(
    ("augmentation", "finetune", "facts"),
    [
        ({}, None, None),
        ({"views": 3}, None, (3, 0)),
        ({"test_views": 2}, None, (0, 2)),
        ({}, {}, (0, 0)),  # fine-tuning has views of its own
        ({"views": 0}, {}, None),
        ({"views": 0, "test_views": 2}, {}, (0, 2)),
    ],
)
def test_the_policy_is_written_down_where_it_was_used(
    data: RunData, augmentation: dict[str, int], finetune: Any, facts: tuple[int, int] | None
) -> None:
    values = {"images": {"source": "x"}, "augmentation": augmentation}
    config = make_config(values if finetune is None else {**values, "finetune": finetune})
    policy = Augmentation(horizontal_flip=True, zoom=(0.8, 1.0))
    found = augmentation_facts(replace(data, augmentation=policy), config)
    if facts is None:
        assert found == {}
        return
    assert (found["views"], found["test_views"]) == facts
    assert Augmentation.from_dict(found["policy"]) == policy
    assert found["label"] == "horizontal flip, zoom 80–100 % of the side"


def test_a_policy_that_changes_nothing_gives_fine_tuning_no_views(data: RunData) -> None:
    config = make_config({"images": {"source": "x"}, "finetune": {}})
    assert augmentation_facts(replace(data, augmentation=Augmentation()), config) == {}
