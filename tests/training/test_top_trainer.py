from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from small_tops import eagerly, randomise, small_top

from regraft.training._top_trainer import TopTrainer, model_probabilities
from regraft.training.finetune_settings import FinetuneSettings

GROUPS = {"early": "early", "late": "late", "head": "head"}
EVEN = dict.fromkeys(GROUPS, 1.0)

INPUTS = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 2, 12)

Weights = dict[str, list[npt.NDArray[np.float32]]]


@pytest.fixture(autouse=True, scope="module")
def without_graphs() -> Iterator[None]:
    with eagerly():
        yield


def dense(outputs: int = 2, dropout: float = 0.0) -> Any:
    """Four numbers → probabilities, in three layers; dropout as in a backbone, without a seed."""
    import keras
    from keras import layers

    given = keras.Input((4,))
    values = layers.Dense(5, activation="tanh", name="early")(given)
    values = layers.Dense(3, activation="tanh", name="late")(layers.Dropout(dropout)(values))
    activation = "sigmoid" if outputs == 1 else "softmax"
    model = keras.Model(
        given, layers.Dense(outputs, activation=activation, name="head")(layers.Dropout(dropout)(values))
    )
    randomise(model)
    return model


def settings(**changed: Any) -> FinetuneSettings:
    return FinetuneSettings(**{"optimizer": "sgd", "weight_decay": 0.0, **changed})


def trainer(model: Any, about: FinetuneSettings | None = None, **changed: Any) -> TopTrainer:
    given = {"groups": GROUPS, "factors": EVEN, "pretrained": {}, **changed}
    return TopTrainer(model, settings=about or settings(), **given)


def after_one_step(rate: float = 0.1, about: FinetuneSettings | None = None, **changed: Any) -> tuple[float, Weights]:
    """The loss before one step of a new model, and by how much its weights moved."""
    model = dense()
    before = {name: model.get_layer(name).get_weights() for name in GROUPS}
    one = trainer(model, about, **changed)
    loss = one.step(INPUTS, LABELS, rate)
    one.finish()
    after = {name: model.get_layer(name).get_weights() for name in GROUPS}
    return loss, {name: [b - a for a, b in zip(before[name], after[name], strict=True)] for name in GROUPS}


@pytest.mark.parametrize(("optimizer", "decay"), [("adamw", 0.0), ("adamw", 0.3), ("adam", 0.0), ("sgd", 0.3)])
def test_the_updates_are_those_of_keras(optimizer: Any, decay: float) -> None:
    import keras

    kinds = {
        "adamw": lambda: keras.optimizers.AdamW(0.0, weight_decay=decay),
        "adam": lambda: keras.optimizers.Adam(0.0, weight_decay=decay or None),
        "sgd": lambda: keras.optimizers.SGD(0.0, momentum=0.9, nesterov=True, weight_decay=decay or None),
    }
    model, plain = dense(), dense()
    one = trainer(model, settings(optimizer=optimizer, weight_decay=decay))
    plain.compile(optimizer=kinds[optimizer](), loss="sparse_categorical_crossentropy")
    for rate in (0.1, 0.05, 0.2):
        plain.optimizer.learning_rate.assign(rate)
        plain.reset_metrics()
        expected = float(plain.train_on_batch(INPUTS, LABELS))
        assert one.step(INPUTS, LABELS, rate) == pytest.approx(expected, rel=1e-5)
    one.finish()
    for found, wanted in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_each_group_learns_at_its_own_rate() -> None:
    _, even = after_one_step()
    _, uneven = after_one_step(factors={"early": 0.01, "late": 0.1, "head": 1.0})
    for name, factor in (("early", 0.01), ("late", 0.1), ("head", 1.0)):
        for fast, slow in zip(even[name], uneven[name], strict=True):
            assert np.abs(fast).max() > 1e-3
            np.testing.assert_allclose(slow, factor * fast, rtol=0.01, atol=3e-7)


def test_l2_sp_pulls_towards_the_pretrained_weights() -> None:
    model = dense()
    away = {
        name: [np.full_like(array, 0.2) for array in model.get_layer(name).get_weights()] for name in ("early", "late")
    }
    pretrained = {
        name: [
            array - distance for array, distance in zip(model.get_layer(name).get_weights(), away[name], strict=True)
        ]
        for name in away
    }
    loss, free = after_one_step(0.1, pretrained=pretrained)
    pulled_loss, pulled = after_one_step(0.1, settings(l2_sp=0.5), pretrained=pretrained)
    for name in away:
        for without, with_it, distance in zip(free[name], pulled[name], away[name], strict=True):
            # The first step with Nesterov momentum 0.9 is 1.9 times the gradient, which is strength × distance.
            np.testing.assert_allclose(with_it - without, -0.1 * 1.9 * 0.5 * distance, rtol=0, atol=1e-6)
    for without, with_it in zip(free["head"], pulled["head"], strict=True):
        np.testing.assert_array_equal(without, with_it)
    count = sum(array.size for arrays in away.values() for array in arrays)
    assert pulled_loss - loss == pytest.approx(0.5 / 2 * 0.2**2 * count, rel=1e-4)


def test_frozen_layers_are_not_pulled_and_do_not_move() -> None:
    model = dense()
    model.get_layer("early").trainable = False
    before = model.get_layer("early").get_weights()
    far = {"early": [array + 1 for array in before]}
    one = trainer(model, settings(l2_sp=1.0), groups={"late": "late", "head": "head"}, pretrained=far)
    loss = one.step(INPUTS, LABELS, 0.1)
    one.finish()
    assert loss == pytest.approx(after_one_step()[0], rel=1e-6)
    for now, then in zip(model.get_layer("early").get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("outputs", [1, 2])
def test_loss_and_probabilities_by_hand(outputs: int) -> None:
    model, weight = dense(outputs), np.array([0.5, 3.0], np.float32)
    answers = np.asarray(model(INPUTS), np.float64)
    expected = np.concatenate([1 - answers, answers], axis=1) if outputs == 1 else answers
    one = trainer(model, settings(label_smoothing=0.2))
    for found in (one.probabilities(INPUTS), model_probabilities(model, INPUTS)):
        assert found.shape == (12, 2)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    smoothed = np.where(np.eye(2)[LABELS] == 1, 0.9, 0.1)
    losses = -(smoothed * np.log(expected)).sum(axis=1)
    assert one.step(INPUTS, LABELS, 0.0) == pytest.approx(losses.mean(), rel=1e-4)
    assert one.step(INPUTS, LABELS, 0.0, weight) == pytest.approx((losses * weight[LABELS]).mean(), rel=1e-4)


def test_many_inputs_are_answered_in_parts() -> None:
    model = dense()
    many = np.random.default_rng(2).normal(size=(150, 4)).astype(np.float32)
    np.testing.assert_allclose(model_probabilities(model, many), model(many), rtol=0, atol=1e-6)


def test_its_state_is_all_it_needs_to_go_on() -> None:
    about = settings(optimizer="adamw", weight_decay=0.01, seed=4)
    first, second = (trainer(dense(dropout=0.4), about) for _ in range(2))
    for _ in range(2):
        first.step(INPUTS, LABELS, 0.1)
    state = first.state()
    second.set_state(state)
    ends = []
    for one in (first, second):
        losses = [one.step(INPUTS, LABELS, 0.1) for _ in range(3)]
        ends.append((losses, [array.tobytes() for array in one.weights()]))
    assert ends[0] == ends[1]
    assert state[0].tobytes() != first.state()[0].tobytes()  # a copy


def test_dropout_without_a_seed_is_drawn_by_that_of_the_settings() -> None:
    losses = [trainer(dense(dropout=0.5), settings(seed=seed)).step(INPUTS, LABELS, 0.1) for seed in (3, 3, 4)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_weights_are_those_of_the_model_whatever_is_folded() -> None:
    """Taken while a BatchNorm learned, they can be given to a trainer into which it is folded, and back."""
    top = small_top()
    before = [np.array(array) for array in top.model.get_weights()]
    groups = {layer.name: "head" for layer in top.model.layers}
    trainers = []
    for frozen in (("_bn",), ()):
        for layer in top.model.layers:
            layer.trainable = not layer.name.endswith(frozen) if frozen else True
        trainers.append(TopTrainer(top.model, groups, {"head": 1.0}, {}, settings()))
    folded, whole = trainers
    assert len(folded.state()) < len(whole.state())
    for one in trainers:
        for found, expected in zip(one.weights(), before, strict=True):
            np.testing.assert_array_equal(found, expected)
    maps = np.random.default_rng(0).normal(size=(6, 4, 4, 4)).astype(np.float32)
    whole.step(maps, np.arange(6) % 3, 0.1)
    learned = whole.weights()
    whole.set_weights(before)
    np.testing.assert_allclose(whole.probabilities(maps), folded.probabilities(maps), rtol=0, atol=1e-5)
    whole.set_weights(learned)
    whole.finish()
    for found, expected in zip(top.model.get_weights(), learned, strict=True):
        np.testing.assert_array_equal(found, expected)
    folded.set_weights(before)
    folded.finish()
    for found, expected in zip(top.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)
