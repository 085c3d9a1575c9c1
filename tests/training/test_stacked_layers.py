from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from regraft.training._dropout import DropoutMasks
from regraft.training._stacked_layers import StackedNetworks
from regraft.training.heads import initial_heads, train_heads
from regraft.training.settings import HeadSettings

Data = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]

WIDTH, EPOCHS, BATCH = 6, 4, 16
SOFTMAX = [
    HeadSettings(0.02, optimizer="adam", hidden=(5, 4), seed=1),
    HeadSettings(0.1, 0.9, True, 0.02, hidden=(5, 4), hidden_activation="tanh", label_smoothing=0.1),
    HeadSettings(0.01, optimizer="adamw", weight_decay=0.1, hidden=(5, 4), hidden_activation="swish"),
    HeadSettings(0.2, 0.5, hidden=(7,), hidden_activation="sigmoid", seed=2),
    HeadSettings(0.05, optimizer="adam", weight_decay=0.01, label_smoothing=0.2),
    HeadSettings(0.1, 0.9, True, label_smoothing=0.1),
]
SIGMOID = [
    HeadSettings(0.05, 0.9, True, hidden=(5, 4), seed=1),
    HeadSettings(0.02, optimizer="adam", hidden=(5,), label_smoothing=0.1),
]
DROPPED = [
    HeadSettings(0.1, 0.9, hidden=(5, 4), dropout=0.3, seed=3),
    HeadSettings(0.05, optimizer="adam", dropout=0.4, seed=1),
    HeadSettings(0.05, optimizer="adam", hidden=(5,), dropout=0.4, feature_dropout=0.3, seed=2),
]


def blobs(count: int, classes: int, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).uniform(0, 1, (classes, WIDTH))
    labels = rng.integers(0, classes, count)
    return np.maximum(centres[labels] + rng.normal(0, 0.7, (count, WIDTH)), 0).astype(np.float32), labels


@pytest.fixture(scope="module")
def keras() -> Any:
    pytest.importorskip("tensorflow", reason="compares with Keras on TensorFlow, which is not installed")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    if keras.backend.backend() == "openvino":
        pytest.skip("Keras runs on OpenVINO here, which cannot train")
    return keras


def keras_model(keras: Any, setting: HeadSettings, outputs: int, masked: bool) -> tuple[Any, list[Any]]:
    """A head as a Keras model; the masks of dropout are inputs of their own, so that they can be given."""
    layers = keras.layers
    inputs = [layers.Input((WIDTH,))]

    def dropped(values: Any, width: int) -> Any:
        if not masked:
            return values
        inputs.append(layers.Input((width,)))
        return layers.Multiply()([values, inputs[-1]])

    values, dense = inputs[0], []
    if not setting.hidden or setting.feature_dropout:
        values = dropped(values, WIDTH)
    for units in setting.hidden:
        dense.append(layers.Dense(units, activation=setting.hidden_activation))
        values = dropped(dense[-1](values), units)
    dense.append(layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax"))
    model = keras.Model(inputs, dense[-1](values))
    optimizers, rate, decay = keras.optimizers, setting.learning_rate, setting.weight_decay or None
    if setting.optimizer == "sgd":
        optimizer = optimizers.SGD(rate, momentum=setting.momentum, nesterov=setting.nesterov, weight_decay=decay)
    elif setting.optimizer == "adam":
        optimizer = optimizers.Adam(rate, weight_decay=decay)
    else:
        optimizer = optimizers.AdamW(rate, weight_decay=setting.weight_decay)
    kind = keras.losses.BinaryCrossentropy if outputs == 1 else keras.losses.CategoricalCrossentropy
    loss = kind(label_smoothing=setting.label_smoothing)
    # Traced once for each size of a batch, such small models would take longer.
    model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=True)
    return model, dense


@pytest.mark.parametrize(
    ("activation", "settings", "scale", "weighted"),
    [
        ("softmax", SOFTMAX[:3], 1.0, True),
        ("softmax", SOFTMAX[3:], 2.5, False),
        ("sigmoid", SIGMOID, 1.0, True),
        ("softmax", DROPPED, 1.3, False),
    ],
)
def test_every_head_equals_the_same_layers_trained_by_keras(
    keras: Any, activation: Any, settings: list[HeadSettings], scale: float, weighted: bool
) -> None:
    classes = 2 if activation == "sigmoid" else 3
    outputs = 1 if activation == "sigmoid" else 3
    (features, labels), validation = blobs(40, classes), blobs(20, classes, seed=1)
    weights = [0.5, 2.0, 1.2][:classes] if weighted else None
    trained = train_heads(
        features,
        labels,
        settings,
        classes=classes,
        epochs=EPOCHS,
        order_seed=7,
        batch_size=BATCH,
        validation=validation,
        activation=activation,
        class_weight=weights,
        scale=scale,
    )
    start = initial_heads(settings, WIDTH, outputs, scale)
    targets = labels if outputs == 1 else np.eye(3, dtype=np.float32)[labels]
    for head, setting in enumerate(settings):
        model, dense = keras_model(keras, setting, outputs, masked=setting.dropout > 0)
        for layer, (kernel, bias) in zip(dense, start[head].layers, strict=True):
            layer.set_weights([kernel * np.float32(scale) if layer is dense[0] else kernel, bias])
        masks = DropoutMasks([setting], 7) if setting.dropout else None
        order = np.random.default_rng(7)
        for epoch in range(EPOCHS):
            chosen = order.permutation(40)
            means = np.zeros(2)
            for first in range(0, 40, BATCH):
                rows = chosen[first : first + BATCH]
                given_ = [features[rows] / np.float32(scale)]
                if masks is not None:
                    if not setting.hidden or setting.feature_dropout:
                        given_.append(masks.draw(WIDTH, len(rows), features=True)[0].T)
                    given_ += [masks.draw(width, len(rows))[0].T for width in setting.hidden]
                measured = model.train_on_batch(
                    given_, targets[rows], class_weight=None if weights is None else dict(enumerate(weights))
                )
                means += np.multiply(measured, len(rows) / 40)
            assert trained.loss[head, epoch] == pytest.approx(means[0], abs=2e-5)
            assert trained.accuracy[head, epoch] == pytest.approx(means[1], abs=1e-6)
        for layer, (kernel, bias) in zip(dense, trained.weights[head].layers, strict=True):
            expected = layer.get_weights()
            if layer is dense[0]:
                expected[0] = expected[0] / scale
            np.testing.assert_allclose(kernel, expected[0], rtol=0, atol=2e-5)
            np.testing.assert_allclose(bias, expected[1], rtol=0, atol=2e-5)
        # The validation loss is the plain one, whatever was trained.
        answers = trained.probabilities(validation[0], head, epoch="last")[np.arange(20), validation[1]]
        assert trained.val_loss[head, -1] == pytest.approx(-np.log(answers).mean(), rel=1e-4)


setting_strategy = (
    st.builds(
        HeadSettings,
        learning_rate=st.floats(0.001, 0.1),
        weight_decay=st.sampled_from([0.0, 0.01]),
        seed=st.integers(0, 2),
        hidden=st.sampled_from([(), (4,), (5, 3)]),
        dropout=st.sampled_from([0.0, 0.0, 0.3]),
        optimizer=st.sampled_from(["sgd", "adam", "adamw"]),
        label_smoothing=st.sampled_from([0.0, 0.1]),
    )
    .map(lambda s: replace(s, feature_dropout=0.2) if s.hidden and s.seed == 2 else s)
    .flatmap(lambda s: st.sampled_from([s, replace(s, momentum=0.9, nesterov=True)] if s.optimizer == "sgd" else [s]))
)


@given(
    settings=st.lists(setting_strategy, min_size=2, max_size=5),
    count=st.integers(1, 30),
    activation=st.sampled_from(["softmax", "sigmoid"]),
)
@hypothesis_settings(max_examples=25, deadline=None)
def test_heads_of_all_kinds_together_are_each_alone(settings: list[HeadSettings], count: int, activation: Any) -> None:
    options: Any = {
        "classes": 2,
        "epochs": 3,
        "order_seed": 1,
        "batch_size": 8,
        "activation": activation,
        "validation": blobs(9, 2, seed=1),
        "scale": 1.7,
    }
    data = blobs(count, 2)
    together = train_heads(*data, settings, **options)
    assert together.settings == tuple(settings)
    for head, setting in enumerate(settings):
        alone = train_heads(*data, [setting], **options)
        assert together.weights[head].hidden == setting.hidden
        np.testing.assert_allclose(together.weights[head].flat(), alone.weights[0].flat(), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(together.loss[head], alone.loss[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(together.val_loss[head], alone.val_loss[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("settings", [SOFTMAX[:1], SOFTMAX[3:4], DROPPED[:1], DROPPED[1:]])
def test_features_and_scale_alike_change_nothing(settings: list[HeadSettings]) -> None:
    (features, labels), (held, answers) = blobs(40, 3), blobs(20, 3, seed=1)
    options: Any = {"classes": 3, "epochs": 5, "order_seed": 0}
    small = train_heads(features, labels, settings, validation=(held, answers), scale=0.5, **options)
    large = train_heads(features * 64, labels, settings, validation=(held * 64, answers), scale=32.0, **options)
    np.testing.assert_allclose(small.val_loss, large.val_loss, rtol=1e-5)
    first, second = small.weights[0].layers, large.weights[0].layers
    np.testing.assert_allclose(first[0][0], second[0][0] * 64, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(first[-1][1], second[-1][1], rtol=1e-4, atol=1e-5)


def test_what_is_dropped_in_training_is_not_dropped_in_use() -> None:
    setting = replace(DROPPED[0], dropout=0.9)
    start = initial_heads([setting], WIDTH, 3)
    stack = StackedNetworks(start, [setting], 1.0, 0)
    features, labels = blobs(30, 3)
    logits = stack.logits(features)[:, 0].T
    expected = start[0].probabilities(features)
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), expected, rtol=1e-5)
    loss, _ = stack.step(features, labels)
    assert loss[0] != pytest.approx(-np.log(expected[np.arange(30), labels]).sum(), rel=1e-3)


def test_the_best_epoch_and_a_diverged_head_are_found_in_every_stack() -> None:
    data, validation = blobs(60, 3), blobs(30, 3, seed=1)
    wild = HeadSettings(1e300, hidden=(5, 4))
    settings = [*SOFTMAX[:2], wild, HeadSettings(0.3, hidden=(5, 4)), *SOFTMAX[4:], *DROPPED]
    trained = train_heads(*data, settings, classes=3, epochs=12, order_seed=0, validation=validation, batch_size=8)
    assert trained.diverged.tolist() == [s == wild for s in settings]
    calm = [head for head, s in enumerate(settings) if s != wild]
    assert trained.best_epoch[calm].tolist() == (trained.val_loss[calm].argmin(axis=1) + 1).tolist()
    for head in calm:
        at_label = trained.probabilities(validation[0], head)[np.arange(30), validation[1]]
        assert -np.log(at_label).mean() == pytest.approx(trained.val_loss[head].min(), rel=1e-4)
    for head in trained.best_weights:
        assert np.isfinite(head.flat()).all()


@pytest.mark.parametrize("images", [7, 40, 100])
def test_epochs_of_any_number_of_images_are_the_same_batches(images: int) -> None:
    """Whatever is called an epoch: 280 images in batches that never reach over its end are 280 images."""
    (features, labels), validation = blobs(40, 3), blobs(20, 3, seed=1)
    options: Any = {"classes": 3, "order_seed": 3, "validation": validation}
    order = np.random.default_rng(3)
    seen = np.concatenate([order.permutation(40) for _ in range(18)])
    setting = SOFTMAX[0]
    found = train_heads(features, labels, [setting], epochs=7, batch_size=images, epoch_images=images, **options)
    stack = StackedNetworks(initial_heads([setting], WIDTH, 3), [setting], 1.0, 3)
    for epoch in range(7):
        rows = seen[epoch * images : (epoch + 1) * images]
        loss, right = stack.step(features[rows], labels[rows])
        assert found.loss[0, epoch] == pytest.approx(loss[0] / images, rel=1e-4)
        assert found.accuracy[0, epoch] == right[0] / images
        answers = stack.logits(validation[0])[:, 0].argmax(axis=0)
        assert found.val_accuracy[0, epoch] == pytest.approx((answers == validation[1]).mean())


def test_the_same_seeds_give_the_same_numbers_bit_for_bit() -> None:
    data = blobs(50, 3)
    settings = [*SOFTMAX, *DROPPED]
    first, second = (train_heads(*data, settings, classes=3, epochs=3, order_seed=5) for _ in range(2))
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one.flat(), other.flat())
