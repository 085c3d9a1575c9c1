from __future__ import annotations

import json
import math
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.training._stacked import StackedHeads
from regraft.training.heads import (
    HeadWeights,
    TrainedHeads,
    balanced_class_weight,
    head_probabilities,
    initial_weights,
    rms_norm,
    train_heads,
)
from regraft.training.settings import HeadSettings, grid

Data = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]

SETTINGS = [
    HeadSettings(0.1),
    HeadSettings(0.05, momentum=0.9),
    HeadSettings(0.05, momentum=0.9, nesterov=True, seed=1),
    HeadSettings(0.1, weight_decay=0.05, seed=2),
    HeadSettings(0.03, momentum=0.8, nesterov=True, weight_decay=0.02),
    HeadSettings(0.02, momentum=0.5, weight_decay=0.01, seed=1),
]


def blobs(count: int, width: int, classes: int, seed: int = 0) -> Data:
    """Non-negative features, like those of a pooled base, in overlapping groups."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).uniform(0, 1, (classes, width))
    labels = rng.integers(0, classes, count)
    features = np.maximum(centres[labels] + rng.normal(0, 0.7, (count, width)), 0)
    return features.astype(np.float32), labels


@pytest.fixture(scope="module")
def keras() -> Any:
    pytest.importorskip("tensorflow", reason="compares with Keras on TensorFlow, which is not installed")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    if keras.backend.backend() == "openvino":
        pytest.skip("Keras runs on OpenVINO here, which cannot train")
    return keras


def keras_head(keras: Any, setting: HeadSettings, start: tuple[Any, Any], activation: str) -> Any:
    model = keras.Sequential(
        [keras.layers.Input((start[0].shape[0],)), keras.layers.Dense(start[0].shape[1], activation=activation)]
    )
    model.layers[0].set_weights(start)
    model.compile(
        optimizer=keras.optimizers.SGD(
            setting.learning_rate,
            momentum=setting.momentum,
            nesterov=setting.nesterov,
            weight_decay=setting.weight_decay or None,
        ),
        loss="sparse_categorical_crossentropy" if activation == "softmax" else "binary_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # compiling would take longer than all that is computed
    )
    return model


def keras_history(model: Any, data: Data, validation: Data, epochs: int) -> npt.NDArray[np.float64]:
    """Trains on the batches of `train_heads` with order seed 7; loss, accuracy, val_loss, val_accuracy (4, epochs)."""
    features, labels = data
    order = np.random.default_rng(7)
    history = np.zeros((4, epochs))
    for epoch in range(epochs):
        chosen = order.permutation(len(features))
        for start in range(0, len(features), 32):
            rows = chosen[start : start + 32]
            measured = model.train_on_batch(features[rows], labels[rows])
            history[:2, epoch] += np.multiply(measured, len(rows) / len(features))
        history[2:, epoch] = model.test_on_batch(*validation)
    return history


@pytest.mark.parametrize(("activation", "scale"), [("softmax", 1.0), ("softmax", 3.7), ("sigmoid", 1.0)])
def test_equals_keras_dense_and_sgd_after_50_epochs(keras: Any, activation: Any, scale: float) -> None:
    classes, settings = (4, SETTINGS) if scale == 1 and activation == "softmax" else (2, SETTINGS[2:5])
    data, validation = blobs(75, 12, classes), blobs(40, 12, classes, seed=1)
    trained = train_heads(
        *data,
        settings,
        classes=classes,
        epochs=50,
        order_seed=7,
        validation=validation,
        activation=activation,
        scale=scale,
    )
    kernels, biases = initial_weights(settings, 12, classes if activation == "softmax" else 1)
    shrunk = (data[0] / np.float32(scale), data[1]), (validation[0] / np.float32(scale), validation[1])
    for head, setting in enumerate(settings):
        model = keras_head(keras, setting, (kernels[head], biases[head]), activation)
        history = keras_history(model, *shrunk, epochs=50)
        kernel, bias = model.layers[0].get_weights()
        np.testing.assert_allclose(trained.kernel[head], kernel / scale, rtol=0, atol=1e-4)
        np.testing.assert_allclose(trained.bias[head], bias, rtol=0, atol=1e-4)
        np.testing.assert_allclose(trained.loss[head], history[0], rtol=0, atol=1e-4)
        np.testing.assert_allclose(trained.accuracy[head], history[1], rtol=0, atol=1e-6)
        np.testing.assert_allclose(trained.val_loss[head], history[2], rtol=0, atol=1e-4)
        np.testing.assert_allclose(trained.val_accuracy[head], history[3], rtol=0, atol=1e-6)


def test_the_history_is_what_keras_fit_reports(keras: Any) -> None:
    (features, labels), validation = blobs(75, 12, 4), blobs(40, 12, 4, seed=1)
    setting = HeadSettings(0.05, momentum=0.9, nesterov=True)
    trained = train_heads(features, labels, [setting], classes=4, epochs=3, order_seed=7, validation=validation)
    kernels, biases = initial_weights([setting], 12, 4)
    model = keras_head(keras, setting, (kernels[0], biases[0]), "softmax")
    order = np.random.default_rng(7)
    for epoch in range(3):
        chosen = order.permutation(75)
        reported = model.fit(
            features[chosen], labels[chosen], batch_size=32, shuffle=False, validation_data=validation, verbose=0
        ).history
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert getattr(trained, name)[0, epoch] == pytest.approx(reported[name][0], abs=1e-5), name


setting_strategy = st.builds(
    HeadSettings,
    learning_rate=st.floats(0.001, 0.3),
    momentum=st.sampled_from([0.0, 0.5, 0.9]),
    weight_decay=st.sampled_from([0.0, 0.01]),
    seed=st.integers(0, 3),
).flatmap(
    lambda s: st.sampled_from([s, HeadSettings(s.learning_rate, 0.9, True, s.weight_decay, s.seed)]),
)


@given(
    settings=st.lists(setting_strategy, min_size=1, max_size=5),
    count=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    activation=st.sampled_from(["softmax", "sigmoid"]),
)
@hypothesis_settings(max_examples=30, deadline=None)
def test_training_heads_together_equals_training_each_alone(
    settings: list[HeadSettings], count: int, batch_size: int, activation: Any
) -> None:
    data = blobs(count, 6, 2)
    options: Any = {
        "classes": 2,
        "epochs": 4,
        "order_seed": 1,
        "batch_size": batch_size,
        "activation": activation,
        "validation": blobs(9, 6, 2, seed=1),
    }
    together = train_heads(*data, settings, **options)
    for head, setting in enumerate(settings):
        alone = train_heads(*data, [setting], **options)
        np.testing.assert_allclose(together.kernel[head], alone.kernel[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(together.bias[head], alone.bias[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(together.loss[head], alone.loss[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(together.val_loss[head], alone.val_loss[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
def test_one_step_follows_the_gradient_found_by_finite_differences(outputs: int) -> None:
    rng = np.random.default_rng(0)
    features, labels = blobs(5, 4, max(outputs, 2))
    kernel = rng.normal(0, 0.5, (1, 4, outputs)).astype(np.float32)
    bias = rng.normal(0, 0.5, (1, outputs)).astype(np.float32)

    def mean_loss(kernel: Any, bias: Any) -> float:
        logits = features.astype(np.float64) @ kernel[0] + bias[0]
        if outputs == 1:
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return float(-np.log(probability[np.arange(5), labels]).mean())

    stack = StackedHeads(kernel, bias, [HeadSettings(1.0)], 5, 1.0)
    loss, _ = stack.step(features, labels)
    assert loss[0] / 5 == pytest.approx(mean_loss(kernel, bias), rel=1e-5)
    for weights, after in ((kernel, stack.kernel.transpose(1, 2, 0)), (bias, stack.bias[:, :, 0].T)):
        moved = weights - after  # the gradient, as the learning rate is 1
        for index in np.ndindex(weights.shape):
            step = np.zeros(weights.shape)
            step[index] = 1e-5
            up, down = ((kernel + s, bias) if weights is kernel else (kernel, bias + s) for s in (step, -step))
            assert moved[index] == pytest.approx((mean_loss(*up) - mean_loss(*down)) / 2e-5, abs=2e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_diverging_head_is_flagged_and_disturbs_no_other(activation: Any) -> None:
    data, options = (
        blobs(50, 8, 2),
        {"classes": 2, "epochs": 6, "order_seed": 0, "validation": blobs(9, 8, 2, seed=1), "activation": activation},
    )
    tame = [HeadSettings(0.1, 0.9), HeadSettings(0.1), HeadSettings(0.1, 0.9, True)]
    wild = [HeadSettings(0.1, 0.9), HeadSettings(1e300, 0.9), HeadSettings(0.1, 0.9, True)]
    calm, mixed = (train_heads(*data, settings, **options) for settings in (tame, wild))  # type: ignore[arg-type]
    assert mixed.diverged.tolist() == [False, True, False]
    assert not calm.diverged.any()
    for head in (0, 2):
        np.testing.assert_array_equal(mixed.kernel[head], calm.kernel[head])
        np.testing.assert_array_equal(mixed.best_kernel[head], calm.best_kernel[head])
        np.testing.assert_array_equal(mixed.val_loss[head], calm.val_loss[head])
    assert np.isfinite(mixed.best_kernel).all()
    rows = [row for row in mixed.history_rows() if row["head"] == 1]
    assert rows[-1]["loss"] is None
    json.dumps(rows, allow_nan=False)


def test_the_same_seeds_give_the_same_numbers_bit_for_bit() -> None:
    data = blobs(90, 40, 5)
    options: Any = {"classes": 5, "epochs": 5, "order_seed": 3, "validation": blobs(20, 40, 5, seed=1)}
    first, second = (train_heads(*data, SETTINGS, **options) for _ in range(2))
    for name in ("kernel", "bias", "best_kernel", "best_epoch", "loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    other_order = train_heads(*data, SETTINGS, **{**options, "order_seed": 4})
    assert not np.array_equal(other_order.kernel, first.kernel)


def test_the_best_epoch_is_that_of_the_lowest_validation_loss_and_its_weights_are_kept() -> None:
    data, validation = blobs(60, 30, 3), blobs(40, 30, 3, seed=1)
    options: Any = {"classes": 3, "order_seed": 0, "validation": validation, "batch_size": 8}
    trained = train_heads(*data, grid((0.01, 0.3, 1.0), (0.9,)), epochs=30, **options)
    assert trained.best_epoch.tolist() == (trained.val_loss.argmin(axis=1) + 1).tolist()
    assert (trained.best_epoch < 30).any()
    for head, epoch in enumerate(trained.best_epoch):
        shorter = train_heads(*data, trained.settings, epochs=int(epoch), **options)
        np.testing.assert_array_equal(trained.best_kernel[head], shorter.kernel[head])
        np.testing.assert_array_equal(trained.best_bias[head], shorter.bias[head])
        at_label = trained.probabilities(validation[0], head)[np.arange(40), validation[1]]
        assert -np.log(at_label).mean() == pytest.approx(trained.val_loss[head].min(), rel=1e-4)


def test_of_equal_epochs_the_earlier_is_the_best() -> None:
    features = np.zeros((4, 2), np.float32)
    labels = np.array([0, 1, 0, 1])  # balanced, and one batch: no gradient, so every epoch is the same
    trained = train_heads(
        features, labels, [HeadSettings(0.1)], classes=2, epochs=3, order_seed=0, validation=(features, labels)
    )
    assert trained.best_epoch.tolist() == [1]


def test_without_validation_the_last_epoch_is_the_best_and_validation_is_null() -> None:
    data = blobs(20, 5, 3)
    trained = train_heads(*data, SETTINGS, classes=3, epochs=3, order_seed=0)
    assert trained.best_epoch.tolist() == [3] * len(SETTINGS)
    assert not trained.diverged.any()
    np.testing.assert_array_equal(trained.best_kernel, trained.kernel)
    assert {(row["val_loss"], row["val_accuracy"]) for row in trained.history_rows()} == {(None, None)}


def test_scaling_features_and_scale_alike_changes_nothing() -> None:
    features, labels = blobs(60, 20, 3)
    validation = blobs(30, 20, 3, seed=1)
    options: Any = {"classes": 3, "epochs": 20, "order_seed": 0}
    small = train_heads(features, labels, SETTINGS, validation=validation, scale=rms_norm(features), **options)
    large = train_heads(
        features * 64,
        labels,
        SETTINGS,
        validation=(validation[0] * 64, validation[1]),
        scale=rms_norm(features * 64),
        **options,
    )
    np.testing.assert_allclose(small.val_loss, large.val_loss, rtol=1e-4)
    np.testing.assert_allclose(small.kernel, large.kernel * 64, rtol=1e-3, atol=1e-4)


def test_rms_norm_is_the_length_of_the_mean_feature_vector() -> None:
    assert rms_norm(np.array([[3, 4], [0, 0]], np.float32)) == pytest.approx(math.sqrt(12.5))
    assert rms_norm(np.zeros((3, 2), np.float32)) == 1


def test_initial_weights_are_glorot_uniform_and_the_same_for_one_seed() -> None:
    kernel, bias = initial_weights([HeadSettings(0.1, seed=s) for s in (5, 6, 5)], 300, 4)
    limit = math.sqrt(6 / 304)
    assert 0.98 * limit < np.abs(kernel).max() <= limit
    assert abs(kernel.mean()) < 0.05 * limit
    np.testing.assert_array_equal(kernel[0], kernel[2])
    assert not np.array_equal(kernel[0], kernel[1])
    assert bias.shape == (3, 4)
    assert not bias.any()


def test_initial_weights_can_be_given() -> None:
    features, labels = blobs(20, 5, 3)
    options: Any = {"classes": 3, "order_seed": 0, "batch_size": 20}
    settings = [HeadSettings(0.1), HeadSettings(0.2)]
    two = train_heads(features, labels, settings, epochs=2, **options)
    one = train_heads(features, labels, settings, epochs=1, **options)
    again = train_heads(features, labels, settings, epochs=1, initial=one.weights, **options)
    # One batch holds all images, so their order is of no account and the second epoch goes on from the first.
    np.testing.assert_allclose(again.kernel, two.kernel, rtol=1e-5, atol=1e-6)
    start = HeadWeights.linear(one.kernel[0].copy(), one.bias[0].copy())
    train_heads(features, labels, settings[:1], epochs=1, initial=[start], **options)
    np.testing.assert_array_equal(start.flat(), one.weights[0].flat())
    with pytest.raises(InputError, match="initial weights"):
        train_heads(features, labels, settings, epochs=1, initial=one.weights[:1], **options)


def test_probabilities_have_a_column_per_class_and_agree_with_the_history() -> None:
    data, validation = blobs(60, 10, 2), blobs(33, 10, 2, seed=1)
    for activation in ("softmax", "sigmoid"):
        trained = train_heads(
            *data, SETTINGS, classes=2, epochs=5, order_seed=0, validation=validation, activation=activation
        )
        for head in range(len(SETTINGS)):
            last = trained.probabilities(validation[0], head, epoch="last")
            assert last.shape == (33, 2)
            np.testing.assert_allclose(last.sum(axis=1), 1, rtol=1e-6)
            assert (last.argmax(axis=1) == validation[1]).mean() == pytest.approx(trained.val_accuracy[head, -1])


def test_the_sigmoid_column_is_the_probability_of_class_1() -> None:
    kernel, bias = np.array([[2.0]], np.float32), np.array([0.5], np.float32)
    given_ = head_probabilities(np.array([[1.0], [-300.0]], np.float32), kernel, bias)
    np.testing.assert_allclose(given_, [[1 - 1 / (1 + math.exp(-2.5)), 1 / (1 + math.exp(-2.5))], [1, 0]], rtol=1e-5)


def test_progress_is_called_once_an_epoch() -> None:
    calls: list[int] = []
    train_heads(*blobs(5, 3, 2), SETTINGS, classes=2, epochs=4, order_seed=0, progress=calls.append)
    assert calls == [1, 1, 1, 1]


def _train(**changed: Any) -> TrainedHeads:
    features, labels = blobs(10, 3, 2)
    options: dict[str, Any] = {
        "features": features,
        "labels": labels,
        "settings": [HeadSettings(0.1)],
        "classes": 2,
        "epochs": 1,
        "order_seed": 0,
    }
    return train_heads(**{**options, **changed})


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"features": np.zeros((0, 3), np.float32), "labels": np.zeros(0, np.int64)}, "training features"),
        ({"features": np.zeros(10, np.float32)}, "training features"),
        ({"labels": np.zeros(9, np.int64)}, "training features"),
        ({"labels": np.full(10, 2)}, "training label"),
        ({"labels": np.full(10, -1)}, "training label"),
        ({"labels": np.zeros(10)}, "training label"),
        ({"features": np.full((10, 3), np.nan, np.float32)}, "not all finite"),
        ({"features": np.array([[np.inf, -np.inf, 1]] * 10, np.float32)}, "not all finite"),
        ({"settings": []}, "no head"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"scale": 0.0}, "scale"),
        ({"scale": math.inf}, "scale"),
        ({"classes": 1}, "classes"),
        ({"classes": 3, "activation": "sigmoid"}, "two classes"),
        ({"activation": "relu"}, "activation"),
        ({"validation": (np.zeros((2, 4), np.float32), np.zeros(2, np.int64))}, "differ in width"),
        ({"validation": (np.zeros((2, 3), np.float32), np.full(2, 7))}, "validation label"),
    ],
)
def test_what_does_not_fit_together_is_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        _train(**wrong)


def test_views_balanced_sampling_and_class_weights_come_together() -> None:
    """What each of them does is tested where it is done; here, that `train_heads` passes them on."""
    (features, labels), validation = blobs(40, 6, 3), blobs(20, 6, 3, seed=1)
    views = np.stack([features, features + np.float32(0.1), features * np.float32(1.1)])
    options: Any = {"classes": 3, "epochs": 3, "order_seed": 2, "batch_size": 40, "validation": validation}
    settings = [HeadSettings(0.1, 0.9), HeadSettings(0.01, optimizer="adam", hidden=(4,))]
    plain = train_heads(features, labels, settings, **options)
    one_view = train_heads(features[None], labels, settings, **options)
    np.testing.assert_array_equal(plain.loss, one_view.loss)
    for changed in ({"sampling": "balanced"}, {"class_weight": [1, 2, 3]}):
        assert (train_heads(features, labels, settings, **options, **changed).loss != plain.loss).all()
    several = train_heads(views, labels, settings, **options)
    # The first batch by hand: one view of each image, drawn after the order.
    order = np.random.default_rng(2)
    images = order.permutation(40)
    drawn = views[order.integers(3, size=40), images]
    by_hand = train_heads(drawn, labels[images], settings, **{**options, "epochs": 1})
    np.testing.assert_allclose(several.loss[:, 0], by_hand.loss[:, 0], rtol=1e-4)
    np.testing.assert_allclose(several.val_loss[:, 0], by_hand.val_loss[:, 0], rtol=1e-4)


def test_balanced_class_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.array([0] * 7 + [1] * 2 + [2] * 11)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(balanced_class_weight(labels, 3), expected, rtol=1e-6)
    with_empty = balanced_class_weight(np.where(labels == 1, 0, labels), 3)
    np.testing.assert_allclose(with_empty[[0, 2]], [20 / 18, 20 / 22], rtol=1e-6)
    assert with_empty[1] == 1
    with pytest.raises(InputError, match="no class index"):
        balanced_class_weight(labels, 2)


def test_the_size_of_views_is_that_of_all_of_them() -> None:
    views = np.array([[[3.0, 4.0]], [[0.0, 1.0]]], np.float32)
    assert rms_norm(views) == pytest.approx(math.sqrt(13))
