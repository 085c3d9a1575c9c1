from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.runs.config import TrainConfig, make_config
from regraft.runs.data import RunData
from regraft.runs.finetune_config import AugmentationConfig
from regraft.runs.fitting import fit_heads, head_answers
from regraft.training.heads import TrainedHeads, rms_norm, train_heads
from regraft.training.settings import HeadSettings

MakeData = Callable[..., RunData]
SETTINGS = [HeadSettings(0.1), HeadSettings(0.05, 0.9, seed=3)]


def config_for(**head: Any) -> TrainConfig:
    return make_config({"images": {"source": "x"}, "head": {"batch_size": 7, **head}, "seed": 4})


def fit(data: RunData, config: TrainConfig, *splits: str, validation: bool = True) -> TrainedHeads:
    rows = data.rows(*splits)
    held = data.rows("validation") if validation else None
    return fit_heads(data, config, rows, held, settings=SETTINGS, epochs=3)


def assert_same(first: TrainedHeads, second: TrainedHeads) -> None:
    for name, value in vars(first).items():
        if name == "seconds":
            continue
        if name in ("weights", "best_weights"):
            pairs = zip(value, getattr(second, name), strict=True)
            assert all(np.array_equal(one.flat(), other.flat()) for one, other in pairs), name
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(second, name), name)
        else:
            assert value == getattr(second, name), name


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("scaled", [True, False])
def test_the_heads_are_those_of_the_rows_and_the_config(made_data: MakeData, activation: Any, scaled: bool) -> None:
    config = config_for(activation=activation, scale_features=scaled)
    data = made_data(config)
    train, validation = data.rows("train"), data.rows("validation")
    expected = train_heads(
        data.features[train],
        data.labels[train],
        SETTINGS,
        classes=2,
        epochs=3,
        order_seed=4,
        validation=(data.features[validation], data.labels[validation]),
        batch_size=7,
        activation=activation,
        scale=rms_norm(data.features[train]) if scaled else 1.0,
    )
    assert_same(fit(data, config, "train"), expected)


def test_the_scale_is_of_the_training_images_also_when_others_join_them(made_data: MakeData) -> None:
    config = config_for()
    data = made_data(config)
    both = fit(data, config, "train", "validation", validation=False)
    assert both.scale == fit(data, config, "train").scale == rms_norm(data.features[data.rows("train")])
    assert both.scale != rms_norm(data.features[data.rows("train", "validation")])
    assert np.isnan(both.val_loss).all()


def test_progress_is_passed_on(made_data: MakeData) -> None:
    calls: list[int] = []
    config = config_for()
    data = made_data(config)
    fit_heads(data, config, data.rows("train"), None, settings=SETTINGS, epochs=4, progress=calls.append)
    assert calls == [1] * 4


def test_standard_training_gets_the_same_images_in_place_of_their_features(
    made_data: MakeData, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def instead(*arguments: Any, **options: Any) -> str:
        calls.append((arguments, options))
        return "trained"

    monkeypatch.setattr("regraft.training.standard.train_heads_standard", instead)
    config = config_for(standard=True)
    data = made_data(config)
    train, validation = data.rows("train"), data.rows("validation")
    assert fit(data, config, "train") == "trained"  # type: ignore[comparison-overlap]
    fit(data, config, "train", validation=False)
    (base, images, labels), options = calls[0]
    assert base is data.base
    assert images == data.chosen(train)
    np.testing.assert_array_equal(labels, data.labels[train])
    seen, answers = options.pop("validation")
    assert seen == data.chosen(validation)
    np.testing.assert_array_equal(answers, data.labels[validation])
    assert options == {
        "classes": 2,
        "batch_size": 7,
        "activation": "softmax",
        "order_seed": 4,
        "class_weight": None,
        "sampling": "plain",
        "scale": rms_norm(data.features[train]),
        "settings": SETTINGS,
        "epochs": 3,
        "progress": None,
    }
    assert calls[1][1]["validation"] is None


def test_classes_are_balanced_over_the_images_trained_on(made_data: MakeData) -> None:
    config = config_for(class_weight="balanced", sampling="balanced")
    data = made_data(config)
    rows = np.concatenate([np.flatnonzero(data.labels == 0), np.flatnonzero(data.labels == 1)[:5]])
    expected = train_heads(
        data.features[rows],
        data.labels[rows],
        SETTINGS,
        classes=2,
        epochs=3,
        order_seed=4,
        batch_size=7,
        class_weight=[45 / 80, 45 / 10],
        sampling="balanced",
        scale=rms_norm(data.features[data.rows("train")]),
    )
    assert_same(fit_heads(data, config, rows, None, settings=SETTINGS, epochs=3), expected)


def with_views(data: RunData, count: int) -> RunData:
    """The same data in so many views more, each a little different."""
    noise = np.random.default_rng(5).normal(0, 0.3, (count, *data.features.shape)).astype(np.float32)
    return replace(data, views=np.concatenate([data.features[None], data.features + noise]))


def test_heads_learn_from_the_views_and_validate_on_the_plain_images(made_data: MakeData) -> None:
    config = config_for()
    data = with_views(made_data(config), 3)
    assert_same(fit(data, config, "train"), fit(replace(data, views=None), config, "train"))  # none were asked for
    config = config.model_copy(update={"augmentation": AugmentationConfig(views=2)})
    train, validation = data.rows("train"), data.rows("validation")
    expected = train_heads(
        data.views[:3, train],
        data.labels[train],
        SETTINGS,
        classes=2,
        epochs=3,
        order_seed=4,
        validation=(data.features[validation], data.labels[validation]),
        batch_size=7,
        scale=rms_norm(data.features[train]),
    )
    assert_same(fit(data, config, "train"), expected)


def test_answers_are_averaged_over_the_test_views(made_data: MakeData) -> None:
    config = config_for()
    data = with_views(made_data(config), 3)
    (weights, _) = fit(data, config, "train").weights
    rows = data.rows("test")
    np.testing.assert_array_equal(head_answers(weights, data, rows, config), weights.probabilities(data.features[rows]))
    config = config.model_copy(update={"augmentation": AugmentationConfig(test_views=2)})
    answers = [weights.probabilities(view[rows]) for view in data.views[:3]]
    np.testing.assert_allclose(head_answers(weights, data, rows, config), np.mean(answers, axis=0), rtol=0, atol=1e-6)
