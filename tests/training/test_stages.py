from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly, randomise, small_top

from regraft.training._stages import Stages
from regraft.training.finetune_settings import FinetuneSettings


@pytest.fixture(autouse=True, scope="module")
def without_graphs() -> Iterator[None]:
    with eagerly():
        yield


BLOCKS = {name: (f"layer_{name}",) for name in "abcde"}


def chain() -> Any:
    """Four numbers → two probabilities, by five small layers that are a block each, and a head."""
    import keras
    from keras import layers

    given = values = keras.Input((4,))
    for name in BLOCKS:
        values = layers.Dense(4, name=f"layer_{name}")(values)
    return keras.Model(given, layers.Dense(2, activation="softmax", name="head")(values))


def stages_of(model: Any, blocks: dict[str, tuple[str, ...]], **changed: Any) -> Stages:
    return Stages(model, model, ["head"], blocks, FinetuneSettings(**changed))


def unfrozen(model: Any) -> str:
    return "".join(name for name in BLOCKS if model.get_layer(f"layer_{name}").trainable)


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (5, ["e", "de", "cde", "bcde", "abcde"]),
        (10, ["e", "e", "de", "de", "cde", "cde", "bcde", "bcde", "abcde", "abcde"]),
        (2, ["e", "cde"]),
        (1, ["e"]),
    ],
)
def test_blocks_are_unfrozen_from_the_end_in_equal_parts_of_the_epochs(epochs: int, expected: list[str]) -> None:
    model = chain()
    stages = stages_of(model, BLOCKS, epochs=epochs, staged=True)
    trainers = []
    for epoch, blocks in enumerate(expected, 1):
        stages.enter(epoch)
        assert unfrozen(model) == blocks
        assert model.get_layer("head").trainable
        trainers.append(stages.trainer)
    assert len(set(map(id, trainers))) == len(set(expected))  # in a stage it is one, which remembers its momentum


def test_unless_they_are_staged_all_learn_at_once_in_one_trainer() -> None:
    model = chain()
    stages = stages_of(model, BLOCKS, epochs=5)
    first = stages.trainer
    stages.enter(5)
    assert stages.trainer is first
    assert unfrozen(model) == "abcde"
    alone = stages_of(model, {}, epochs=5, staged=True)  # nothing but the head
    alone.enter(5)
    assert unfrozen(model) == ""


def test_a_new_stage_goes_on_with_the_weights_of_the_one_before() -> None:
    model = chain()
    stages = stages_of(model, BLOCKS, epochs=5, staged=True)
    start = stages.trainer.weights()
    inputs = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    stages.trainer.step(inputs, np.arange(6) % 2, 0.1)
    learned = stages.trainer.weights()
    assert not np.array_equal(learned[-1], start[-1])
    stages.enter(2)
    for found, expected in zip(stages.trainer.weights(), learned, strict=True):
        np.testing.assert_array_equal(found, expected)
    stages.finish(start)
    for found, expected in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("batchnorm", ["inference", "train"])
def test_batchnorm_learns_only_where_it_is_told_to(batchnorm: str) -> None:
    top = small_top(at="stem_relu")
    stages = Stages(top.model, top.whole, top.head, top.blocks, FinetuneSettings(batchnorm=batchnorm, staged=True))
    learning = {layer.name for layer in top.whole.layers if layer.trainable and layer.trainable_weights}
    norms = {"b_depthwise_bn", "b_project_bn", "head_bn"} if batchnorm == "train" else set()
    assert learning == {"b_depthwise", "b_project", "head_conv", "head"} | norms
    stages.enter(FinetuneSettings().epochs)
    assert top.whole.get_layer("a_project").trainable
    assert top.whole.get_layer("a_project_bn").trainable == (batchnorm == "train")
    assert not top.whole.get_layer("stem_bn").trainable


@pytest.mark.parametrize("batchnorm", ["inference", "train"])
def test_batchnorm_of_a_model_within_the_model_counts_too(batchnorm: str) -> None:
    import keras
    from keras import layers

    inside = keras.Input((4,))
    block = keras.Model(inside, layers.BatchNormalization()(layers.Dense(4)(inside)), name="block")
    given = keras.Input((4,))
    model = keras.Model(given, layers.Dense(2, activation="softmax", name="head")(block(given)))
    randomise(model)
    before = [np.array(array) for array in block.get_weights()]
    stages = stages_of(model, {"block": ("block",)}, batchnorm=batchnorm)
    inputs = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    stages.trainer.step(inputs, np.arange(6) % 2, 0.1)
    stages.finish(stages.trainer.weights())
    same = [np.array_equal(*pair) for pair in zip(before, block.get_weights(), strict=True)]
    assert same == ([False] * 6 if batchnorm == "train" else [False, False, True, True, True, True])
