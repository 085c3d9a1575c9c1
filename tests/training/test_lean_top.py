from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from small_tops import eagerly, randomise, small_top

from regraft.training._lean_top import copy_weights, lean_top


@pytest.fixture(autouse=True, scope="module")
def without_graphs() -> Iterator[None]:
    with eagerly():
        yield


def norm(name: str, **options: Any) -> Any:
    """A BatchNorm that is not trainable."""
    import keras

    layer = keras.layers.BatchNormalization(name=name, **options)
    layer.trainable = False
    return layer


def every_kind() -> Any:
    """(6, 6, 4) maps → two probabilities, by a convolution of each kind, with and without BatchNorm."""
    import keras
    from keras import layers

    def conv(name: str, size: int = 1, **options: Any) -> Any:
        return layers.Conv2D(4, size, padding="same", name=name, **{"use_bias": False, **options})

    given = keras.Input((6, 6, 4))
    x = norm("conv_bn")(conv("conv", 3)(given))
    x = norm("depthwise_bn", epsilon=0.1)(layers.DepthwiseConv2D(3, use_bias=False, name="depthwise")(x))
    x = layers.ReLU(6.0)(x)
    x = norm("pointwise_bn", scale=False)(conv("pointwise")(x))
    x = conv("bare_pointwise")(x)
    x = norm("strided_bn", center=False)(conv("strided", strides=2)(x))
    x = norm("strided_depthwise_bn", scale=False, center=False)(
        layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="strided_depthwise")(x)
    )
    x = norm("dilated_bn")(conv("dilated", 3, dilation_rate=2)(x))
    x = norm("biased_bn")(conv("biased", use_bias=True)(x))
    x = norm("active_bn")(conv("active", activation="relu")(x))
    forked = conv("forked")(x)
    x = layers.Add()([norm("forked_bn")(forked), forked])
    trained = layers.BatchNormalization(name="trained_bn")
    x = trained(conv("before_trained")(x))
    frozen = conv("frozen")
    x = norm("frozen_bn")(frozen(x))
    frozen.trainable = False
    x = norm("activated_bn")(layers.ReLU()(x))
    answer = layers.Dense(2, activation="softmax", name="answer")(layers.Flatten()(x))
    model = keras.Model(given, answer)
    randomise(model)
    return model


def kinds(model: Any, *names: str) -> list[str]:
    return [type(model.get_layer(name)).__name__ for name in names]


FOLDED = ("conv", "depthwise", "pointwise", "strided", "strided_depthwise", "dilated", "frozen")
LEFT_ALONE = ("biased", "active")


def test_batchnorm_is_folded_where_it_may_be() -> None:
    model = every_kind()
    lean, _ = lean_top(model)
    assert kinds(lean, *FOLDED) == [
        "FoldedConv",
        "FoldedDepthwise",
        "Pointwise",
        "FoldedConv",
        "FoldedDepthwise",
        "FoldedConv",
        "Pointwise",
    ]
    assert set(kinds(lean, *(f"{name}_bn" for name in FOLDED))) == {"PassThrough"}
    assert kinds(lean, "bare_pointwise", "forked", "before_trained") == ["Pointwise"] * 3
    assert kinds(lean, *LEFT_ALONE) == ["Conv2D", "Conv2D"]
    others = (*LEFT_ALONE, "forked", "trained", "activated")
    assert set(kinds(lean, *(f"{name}_bn" for name in others))) == {"BatchNormalization"}
    trainable = {layer.name: layer.trainable for layer in lean.layers if layer.weights}
    assert trainable == {name: model.get_layer(name).trainable for name in trainable}
    assert not trainable["frozen"]
    assert trainable["trained_bn"]


def test_it_answers_and_learns_as_the_model_does_and_gives_its_weights_back() -> None:
    import keras

    model = every_kind()
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    lean, pairs = lean_top(model)
    draw = np.random.default_rng(0)
    maps = draw.normal(size=(5, 8, 6, 6, 4)).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[draw.integers(0, 2, (5, 8))]
    np.testing.assert_allclose(lean(maps[0]), model(maps[0]), rtol=0, atol=1e-5)
    plain = every_kind()
    for one in (plain, lean):
        one.compile(optimizer=keras.optimizers.SGD(0.05, 0.9, nesterov=True), loss="categorical_crossentropy")
    for batch, target in zip(maps, targets, strict=True):
        assert lean.train_on_batch(batch, target) == pytest.approx(plain.train_on_batch(batch, target), abs=1e-5)
    for name, weights in before.items():
        for now, then in zip(model.get_layer(name).get_weights(), weights, strict=True):
            np.testing.assert_array_equal(now, then)  # the model itself has not moved yet
    copy_weights(pairs)
    for layer in (model.get_layer(name) for name in before):
        after = plain.get_layer(layer.name)
        for now, expected, then in zip(layer.get_weights(), after.get_weights(), before[layer.name], strict=True):
            np.testing.assert_allclose(now, expected, rtol=1e-5, atol=1e-5)
            if not after.trainable:
                np.testing.assert_array_equal(now, then)
            elif layer.name != "bare_pointwise":
                assert not np.array_equal(now, then), layer.name
    np.testing.assert_allclose(model(maps[0]), lean(maps[0]), rtol=0, atol=1e-5)


def test_in_a_network_that_was_cut_it_is_folded_too() -> None:
    """The layers of a cut network are part of several graphs: of the whole, of the base, of the top."""
    top = small_top(at="stem_relu")
    for layer in top.whole.layers:
        layer.trainable = not layer.name.endswith("_bn")
    lean, _ = lean_top(top.model)
    assert kinds(lean, "a_depthwise", "b_project", "head_conv") == ["FoldedDepthwise", "Pointwise", "Pointwise"]
    assert {type(layer).__name__ for layer in lean.layers if layer.name.endswith("_bn")} == {"PassThrough"}
    maps = np.random.default_rng(0).normal(size=(3, 4, 4, 4)).astype(np.float32)
    np.testing.assert_allclose(lean(maps), top.model(maps), rtol=0, atol=1e-5)


def _shared_norm(given: Any) -> Any:
    from keras import layers

    shared = norm("bn")
    first, second = (layers.Conv2D(4, 3, padding="same", use_bias=False, name=name)(given) for name in "ab")
    return layers.Add()([shared(first), shared(second)])


def _shared_conv(given: Any) -> Any:
    from keras import layers

    conv, after = layers.Conv2D(4, 3, padding="same", use_bias=False, name="a"), norm("bn")
    return conv(after(conv(given)))


def _half_precision(given: Any) -> Any:
    from keras import layers

    maps = layers.Conv2D(4, 3, use_bias=False, name="a", dtype="mixed_bfloat16")(given)
    return norm("bn", dtype="mixed_bfloat16")(maps)


def _model_within(given: Any) -> Any:
    """The statistics of its BatchNorm stay although its convolution is trained."""
    import keras
    from keras import layers

    inside = keras.Input((6, 6, 4))
    block = keras.Model(inside, norm("bn")(layers.Conv2D(4, 3, use_bias=False, name="a")(inside)), name="block")
    return block(given)


@pytest.mark.parametrize("network", [_shared_norm, _shared_conv, _half_precision, _model_within])
def test_what_is_used_twice_or_not_plain_is_left_as_it_is(network: Any) -> None:
    import keras

    given = keras.Input((6, 6, 4))
    model = keras.Model(given, network(given))
    randomise(model)
    lean, pairs = lean_top(model)
    assert [type(copy) for copy, _ in pairs] == [type(layer) for layer in model.layers if layer.weights]
    assert len(lean.trainable_variables) == len(model.trainable_variables)
    maps = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype(np.float32)
    expected = [np.asarray(one(maps, training=True), np.float32) for one in (lean, model)]
    np.testing.assert_allclose(*expected, rtol=0, atol=1e-5)


def test_a_convolution_in_groups_is_folded() -> None:
    """TensorFlow computes no gradient of it on a processor, but it may be part of a top where it is frozen."""
    import keras
    from keras import layers

    given = keras.Input((6, 6, 4))
    model = keras.Model(given, norm("bn")(layers.Conv2D(8, 1, groups=2, use_bias=False, name="a")(given)))
    randomise(model)
    lean, _ = lean_top(model)
    assert kinds(lean, "a", "bn") == ["FoldedConv", "PassThrough"]
    maps = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype(np.float32)
    np.testing.assert_allclose(lean(maps), model(maps), rtol=0, atol=1e-5)


def test_maps_may_be_of_any_size() -> None:
    import keras
    from keras import layers

    given = keras.Input((None, None, 4))
    model = keras.Model(given, norm("bn")(layers.Conv2D(3, 1, use_bias=False, name="a")(given)))
    randomise(model)
    lean, _ = lean_top(model)
    assert kinds(lean, "a", "bn") == ["Pointwise", "PassThrough"]
    for shape in ((2, 5, 7, 4), (1, 3, 3, 4)):
        maps = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        np.testing.assert_allclose(lean(maps), model(maps), rtol=0, atol=1e-5)
