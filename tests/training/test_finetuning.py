from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from small_tops import (
    CLASSES,
    ROWS,
    SIZE,
    VALIDATION,
    activations,
    eagerly,
    moved,
    small_inputs,
    small_network,
    small_pixels,
    small_settings,
    small_top,
    trained_small,
    weights_of,
    without_seconds,
)

from regraft.backbones.cuts import cut
from regraft.errors import InputError
from regraft.images.augmentation import Augmentation
from regraft.images.labelled import LabelledImage, sha256_of_pixels
from regraft.training._order import EpochOrder
from regraft.training.finetune_settings import FinetuneSettings
from regraft.training.finetuning import Top, build_top, top_probabilities, trainer_for
from regraft.training.schedules import rate_at
from regraft.training.settings import HeadSettings
from regraft.training.top_inputs import CachedActivations, ImagePixels
from regraft.training.weights import initial_heads

NORMS = ("depthwise_bn", "project_bn")
CONVS = ("depthwise", "project")
BLOCK_B = frozenset({f"b_{name}" for name in CONVS} | {"head_conv", "head"})
NORMS_B = frozenset({f"b_{name}" for name in NORMS} | {"head_bn"})
BLOCK_A = frozenset(f"a_{name}" for name in CONVS)
NORMS_A = frozenset(f"a_{name}" for name in NORMS)
NONE: frozenset[str] = frozenset()


@pytest.fixture(autouse=True, scope="module")
def without_graphs() -> Iterator[None]:
    with eagerly():
        yield


class Recorder(CachedActivations):
    """Notes down what is asked for."""

    def __init__(self, stored: npt.NDArray[np.float32]) -> None:
        super().__init__(stored)
        self.drawn_rows: list[int] = []
        self.drawn_views: list[int] = []
        self.measured: list[tuple[int, int]] = []

    def view(self, rows: Any, number: int) -> npt.NDArray[np.float32]:
        self.measured += [(int(row), number) for row in rows]
        return super().view(rows, number)

    def drawn(self, rows: Any, views: Any, epoch: int) -> npt.NDArray[np.float32]:
        self.drawn_rows += rows.tolist()
        self.drawn_views += views.tolist()
        return super().drawn(rows, views, epoch)


def measured(top: Top) -> float:
    """Log loss on the validation images, softened as suits them, by hand."""
    inputs, labels = small_inputs(top)
    logits = np.log(np.asarray(top.model(inputs.view(VALIDATION, 0)), np.float64))
    losses = []
    for sharpness in np.linspace(0.1, 1, 2000):
        shares = np.exp(sharpness * logits)
        shares /= shares.sum(axis=1, keepdims=True)
        losses.append(float(-np.log(shares[np.arange(len(VALIDATION)), labels[VALIDATION]]).mean()))
    return min(losses)


# What a top is


def test_a_top_answers_as_the_head_does_on_the_features_of_the_network() -> None:
    network = small_network()
    (head,) = initial_heads([HeadSettings(0.1, hidden=(4,), hidden_activation="tanh")], 6, CLASSES)
    pixels, _ = small_pixels(5)
    expected = head.probabilities(np.asarray(network(pixels)))
    top = build_top(cut(network, at="stem_relu"), head, "softmax", dropout=0.2)
    assert top.head == ("head_hidden1", "head_dropout1", "head")  # and not `head_conv`, which came with the network
    assert list(top.blocks) == ["a_add", "b_add"]
    assert {"b_project", "b_project_bn", "head_conv"} <= set(top.blocks["b_add"])
    np.testing.assert_allclose(top.whole(pixels), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(top.model(activations(top, pixels)), expected, rtol=0, atol=1e-5)


def test_a_block_of_which_nothing_can_be_trained_is_none() -> None:
    assert small_top(last=1).blocks == {}  # the last layer is a ReLU
    assert list(small_top(last=3).blocks) == ["b_add"]


@pytest.mark.parametrize(("width", "wrong"), [(5, "pooling"), (6, "head_relu")])
def test_a_head_that_does_not_fit_is_refused(width: int, wrong: str) -> None:
    import keras

    network = small_network()
    ended = keras.Model(network.input, network.get_layer(wrong).output)
    (head,) = initial_heads([HeadSettings(0.1)], width, CLASSES)
    with pytest.raises(InputError, match="does not fit"):
        build_top(cut(ended, at="a_add"), head, "softmax")


# What moves and what does not


@pytest.mark.parametrize("batchnorm", ["inference", "train"])
@pytest.mark.parametrize("staged", [False, True])
def test_frozen_is_frozen(batchnorm: Any, staged: bool) -> None:
    top = small_top(at="stem_relu")
    before = weights_of(top)
    trained_small(top, small_settings(batchnorm=batchnorm, staged=staged, batch_size=20), epochs=1)
    first = moved(before, weights_of(top))
    norms = NORMS_B if batchnorm == "train" else NONE
    if staged:
        assert first == BLOCK_B | norms  # the head and the last block
        trained_small(top, small_settings(batchnorm=batchnorm, staged=True, batch_size=20))
    norms |= NORMS_A if batchnorm == "train" else NONE
    assert moved(before, weights_of(top)) == BLOCK_A | BLOCK_B | norms


@pytest.mark.parametrize("batchnorm", ["inference", "train"])
def test_layers_between_the_cut_and_the_trained_ones_are_frozen_too(batchnorm: Any) -> None:
    top = small_top(last=6)
    assert top.parts.at == "a_add"
    before = weights_of(top)
    trained_small(top, small_settings(batchnorm=batchnorm, l2_sp=0.1, batch_size=20))
    norms = {"b_project_bn", "head_bn"} if batchnorm == "train" else NONE
    assert moved(before, weights_of(top)) == {"b_project", "head_conv", "head"} | norms


def test_statistics_that_moved_after_the_best_epoch_come_back() -> None:
    """The best epoch is in the first stage, in which BatchNorm of the first block does not learn yet."""
    about = small_settings(batchnorm="train", staged=True, learning_rate=0.3, schedule="constant")
    top = small_top(at="stem_relu")
    before = weights_of(top)
    _, labels = small_inputs(top)
    labels[VALIDATION] = np.random.default_rng(178).integers(0, CLASSES, len(VALIDATION))  # falls, then rises
    trained_small(top, about, epochs=1)
    after_one = weights_of(top)
    done = trained_small(small_top(at="stem_relu"), about, labels=labels, validation=VALIDATION)
    assert done.best_epoch == 1
    assert moved(after_one, weights_of(top)) == set()
    assert moved(before, after_one) == BLOCK_B | NORMS_B


def test_each_block_learns_slower_than_the_one_after_it() -> None:
    steps = {}
    for decay in (1.0, 4.0):
        top = small_top(at="stem_relu")
        before = weights_of(top)
        trained_small(top, small_settings(layer_decay=decay, batch_size=20, weight_decay=0.0), epochs=1)
        steps[decay] = {name: now[0] - before[name][0] for name, now in weights_of(top).items()}
    for name, factor in (("head", 1), ("head_conv", 1 / 4), ("b_project", 1 / 4), ("a_depthwise", 1 / 16)):
        assert np.abs(steps[1.0][name]).max() > 1e-4
        np.testing.assert_allclose(steps[4.0][name], factor * steps[1.0][name], rtol=0.02, atol=1e-6)


def test_l2_sp_keeps_the_backbone_near_its_pretrained_weights_and_lets_the_head_go() -> None:
    distances = []
    for strength in (0.0, 500.0):
        top = small_top(at="a_add")
        before = weights_of(top)
        about = small_settings(
            batch_size=20, learning_rate=1e-3, l2_sp=strength, epochs=6, schedule="constant", weight_decay=0.0
        )
        trained_small(top, about)
        after = weights_of(top)
        distances.append({name: float(np.abs(after[name][0] - before[name][0]).max()) for name in after})
    free, pulled = distances
    for name in BLOCK_B - {"head"}:
        assert pulled[name] < free[name] / 3
    assert pulled["head"] > free["head"] / 2


# What is computed


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_it_ends_where_a_plain_keras_loop_does(optimizer: Any) -> None:
    about = small_settings(optimizer=optimizer, learning_rate=0.02, weight_decay=0.01, warmup=0.5, seed=5)
    top = small_top()
    with eagerly(optimizer == "sgd"):  # the other one in a graph, as in use
        weights, losses, rate = plain_keras_loop(top, about)
        done = trained_small(top, about)
    for found, expected in zip(top.model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert [row["loss"] for row in done.history] == pytest.approx([np.mean(losses[:2]), np.mean(losses[2:])], rel=1e-4)
    assert done.history[-1]["learning_rate"] == rate
    assert [row["epoch"] for row in done.history] == [1, 2]
    assert done.best_epoch == 2
    assert not done.stopped_early
    assert done.images_per_second > 0


def plain_keras_loop(top: Top, about: FinetuneSettings) -> tuple[list[Any], list[float], float]:
    """Four updates of a copy in two epochs, by Keras alone: its weights, the losses and the last rate."""
    import keras

    inputs, labels = small_inputs(top)
    model = keras.models.clone_model(top.model)
    model.set_weights(top.model.get_weights())
    for layer in model.layers:
        layer.trainable = not layer.name.endswith("_bn")
    kind = (
        keras.optimizers.AdamW(0.0, weight_decay=about.weight_decay)
        if about.optimizer == "adamw"
        else keras.optimizers.SGD(0.0, 0.9, nesterov=True, weight_decay=about.weight_decay)
    )
    model.compile(optimizer=kind, loss="sparse_categorical_crossentropy")
    order = np.random.default_rng(about.seed)
    images = np.concatenate([ROWS[order.permutation(len(ROWS))] for _ in range(2)])
    losses, rate = [], 0.0
    for step, batch in enumerate(np.split(images, 4)):
        rate = rate_at(step, 4, peak=about.learning_rate, warmup=about.warmup, schedule=about.schedule)
        model.optimizer.learning_rate.assign(rate)
        model.reset_metrics()
        losses.append(float(model.train_on_batch(inputs.view(batch, 0), labels[batch])))
    return model.get_weights(), losses, rate


def test_class_weights_count_in_the_loss_that_is_trained_small() -> None:
    top = small_top()
    inputs, labels = small_inputs(top)
    weight = np.array([0.5, 1.0, 4.0], np.float32)
    losses = -np.log(np.asarray(top.model(inputs.view(ROWS, 0)), np.float64)[np.arange(20), labels[ROWS]])
    done = trained_small(top, small_settings(batch_size=20), epochs=1, class_weight=weight, validation=VALIDATION)
    assert done.history[1]["loss"] == pytest.approx((losses * weight[labels[ROWS]]).mean(), rel=1e-4)
    assert done.history[0]["val_loss"] == pytest.approx(measured(small_top()), rel=1e-4)


@pytest.mark.parametrize("sampling", ["plain", "balanced"])
def test_each_image_comes_in_the_view_drawn_for_it_and_validation_is_plain(sampling: Any) -> None:
    top = small_top(at="b_add")
    pixels, labels = small_pixels()
    stored = np.stack([activations(top, pixels // (view + 1)) for view in range(3)])
    inputs = Recorder(stored)
    labels[ROWS] = np.where(np.arange(20) < 15, 0, 1 + np.arange(20) % 2)
    trained_small(top, small_settings(seed=2), inputs=inputs, labels=labels, sampling=sampling, validation=VALIDATION)
    order = EpochOrder(labels[ROWS], 2, sampling, 3)
    epochs = [order.next_epoch() for _ in range(2)]
    assert inputs.drawn_rows == [int(ROWS[row]) for rows, _ in epochs for row in rows]
    assert inputs.drawn_views == [view for _, views in epochs for view in views]
    assert set(inputs.drawn_views) == {0, 1, 2}
    assert inputs.measured == [(row, 0) for row in VALIDATION] * 3
    counts = np.bincount(labels[inputs.drawn_rows[:20]], minlength=CLASSES)
    assert (counts.max() - counts.min() <= 1) == (sampling == "balanced")


def test_one_sigmoid_unit_for_two_classes() -> None:
    top = small_top(outputs=1)
    inputs, labels = small_inputs(top)
    done = trained_small(top, labels=labels % 2, validation=VALIDATION)
    probabilities = top_probabilities(top, inputs, VALIDATION)
    answers = np.asarray(top.model(inputs.view(VALIDATION, 0)))
    np.testing.assert_allclose(probabilities, np.concatenate([1 - answers, answers], axis=1), rtol=0, atol=1e-6)
    accuracy = (probabilities.argmax(axis=1) == labels[VALIDATION] % 2).mean()
    assert done.history[done.best_epoch]["val_accuracy"] == pytest.approx(accuracy)


def test_probabilities_are_averaged_over_the_views_asked_for() -> None:
    top = small_top(at="b_add")
    inputs, _ = small_inputs(top, views=3)
    each = [np.asarray(top.model(inputs.view(ROWS, view))) for view in range(3)]
    np.testing.assert_allclose(top_probabilities(top, inputs, ROWS), each[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(top_probabilities(top, inputs, ROWS, 2), np.mean(each, axis=0), rtol=0, atol=1e-6)


def test_the_whole_network_trains_from_pixels_and_agrees_with_the_top() -> None:
    top = small_top(at="input")
    pixels, labels = small_pixels()
    images = [LabelledImage(str(i), "", sha256_of_pixels(one), one) for i, one in enumerate(pixels)]
    inputs = ImagePixels(images, (SIZE, SIZE), Augmentation(horizontal_flip=True, brightness=0.2))
    before = weights_of(top)
    done = trained_small(top, inputs=inputs, labels=labels, validation=VALIDATION)
    assert moved(before, weights_of(top)) == BLOCK_A | BLOCK_B | {"stem"}
    assert done.best_epoch
    found = top_probabilities(top, inputs, VALIDATION)
    np.testing.assert_allclose(found, top.whole(pixels[VALIDATION]), rtol=0, atol=1e-6)


def test_after_training_the_whole_network_answers_as_the_top_behind_the_base() -> None:
    top = small_top(at="stem_relu")
    pixels, _ = small_pixels()
    before = np.asarray(top.whole(pixels))
    trained_small(top)
    after = np.asarray(top.whole(pixels))
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(top.model(activations(top, pixels)), after, rtol=0, atol=1e-6)


# When it ends


def test_the_weights_of_the_best_epoch_come_back_when_patience_ends() -> None:
    top = small_top()
    inputs, labels = small_inputs(top)
    labels[VALIDATION] = np.random.default_rng(1).integers(0, CLASSES, len(VALIDATION))  # falls, then rises
    about = small_settings(epochs=40, patience=3, learning_rate=0.1, schedule="constant", batch_size=20)
    done = trained_small(top, about, labels=labels, validation=VALIDATION)
    losses = [row["val_loss"] for row in done.history]
    assert [row["epoch"] for row in done.history] == list(range(len(losses)))
    assert done.best_epoch == np.argmin(losses)
    assert 0 < done.best_epoch < 40 - 3
    assert len(losses) == done.best_epoch + 3 + 1
    assert done.stopped_early
    probabilities = top_probabilities(top, inputs, VALIDATION).astype(np.float64)
    loss = -np.log(probabilities[np.arange(len(VALIDATION)), labels[VALIDATION]]).mean()
    assert loss == pytest.approx(losses[done.best_epoch], rel=1e-6)  # of the softened answers
    assert done.temperature == done.history[done.best_epoch]["temperature"] > 1
    json.dumps(done.history, allow_nan=False)


@pytest.mark.parametrize("rate", [50.0, 1e30])
def test_where_no_epoch_is_better_the_start_comes_back_bit_for_bit(rate: float) -> None:
    top = small_top()
    before = weights_of(top)
    done = trained_small(top, small_settings(learning_rate=rate, patience=2, epochs=6), validation=VALIDATION)
    assert done.best_epoch == 0
    assert len(done.history) == 3 if rate == 50.0 else len(done.history) <= 3
    assert done.stopped_early
    assert moved(before, weights_of(top)) == set()
    json.dumps(done.history, allow_nan=False)


def test_without_validation_a_diverged_training_is_refused_and_undone() -> None:
    top = small_top()
    before = weights_of(top)
    with pytest.raises(InputError, match="diverged") as refusal:
        trained_small(top, small_settings(learning_rate=1e30, epochs=4))
    assert refusal.value.received == "a learning rate of 1e+30"
    assert moved(before, weights_of(top)) == set()


def test_fewer_epochs_keep_the_schedule() -> None:
    whole, part, more = (
        trained_small(small_top(at="b_add"), small_settings(epochs=4), epochs=epochs) for epochs in (None, 2, 9)
    )
    assert without_seconds(part) == without_seconds(whole)[:2]
    assert without_seconds(more) == without_seconds(whole)
    assert not part.stopped_early
    nothing = trained_small(small_top(at="b_add"), epochs=0, validation=VALIDATION)
    assert nothing.best_epoch == 0
    assert math.isnan(nothing.images_per_second)


@pytest.mark.parametrize("wrong", [{"rows": ROWS[:0]}, {"validation": VALIDATION[:0]}])
def test_no_images_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="needs images"):
        trained_small(small_top(at="b_add"), **wrong)


def test_a_trainer_for_one_purpose_or_another_leaves_the_top_as_it_is() -> None:
    top = small_top(at="stem_relu")
    inputs, labels = small_inputs(top)
    before = weights_of(top)
    trainer = trainer_for(top, small_settings(staged=True))
    trainer.step(inputs.view(ROWS, 0), labels[ROWS], 0.1)
    assert moved(before, weights_of(top)) == set()
    trainer.finish()
    assert moved(before, weights_of(top)) == BLOCK_A | BLOCK_B  # all of it, although it is to be staged
