"""A network cut in two and joined again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.backbones._topology import read_graph
from regraft.backbones.base import open_base
from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.cuts import Cut, CutPlan, cut, cut_model, find_cut
from regraft.backbones.layer_rows import network_outline
from regraft.backbones.names import parse_backbone
from regraft.backbones.networks import base_model, build_network, preprocess
from regraft.errors import InputError

# A cut in the middle of a network of every family; quick: a chain, a residual, a dense one, one fed BGR.
QUICK = (
    ("MobileNet-0.25@32", "conv_pw_6_relu"),
    ("EfficientNetLite0@32", "block7_add"),
    ("VGG16@32", "block3_conv2"),
    ("DenseNet121@32", "conv4_block9_concat"),
    ("AlexNet@63", "conv3_relu"),
)
SLOW = (
    ("MobileNetV2-0.35@64", "block_6_depthwise_relu"),
    ("MobileNetV3Small@64", "expanded_conv_4_add"),
    ("ResNet50@64", "conv4_block2_out"),
    ("ResNet50V2@64", "conv4_block1_preact_relu"),
    ("Xception@71", "add_5"),
    ("InceptionV3@75", "mixed5"),
    ("InceptionResNetV2@75", "block17_9_ac"),
    ("NASNetMobile@32", "stem_bn1"),
    ("EfficientNetB0@64", "block4b_add"),
    ("EfficientNetV2B0@64", "block4c_add"),
    ("ConvNeXtTiny@32", "add_7"),
)
FAMILIES = [*QUICK, *(pytest.param(*row, marks=pytest.mark.slow) for row in SLOW)]


def pixels_for(model: Any, count: int = 2) -> np.ndarray:
    generator = np.random.default_rng(1)
    colours = generator.integers(0, 200, (count, 1, 1, 3))
    return (colours + generator.integers(0, 56, (count, *model.input_shape[1:]))).astype(np.uint8)


def check_joins(parts: Cut, pixels: np.ndarray) -> None:
    expected = np.asarray(parts.whole(pixels))
    activations = np.asarray(parts.base(pixels))
    assert activations.dtype == np.float32
    np.testing.assert_allclose(
        np.asarray(parts.top(activations)), expected, rtol=0, atol=1e-5 * max(float(np.ptp(expected)), 1e-6)
    )


@pytest.mark.parametrize(("spelling", "at"), FAMILIES)
def test_the_top_after_the_base_is_the_whole(spelling: str, at: str) -> None:
    import keras

    name = parse_backbone(spelling)
    pixels = keras.Input((name.size, name.size, 3), dtype="uint8")
    network = build_network(name, weights=None, inputs=preprocess(pixels, name.card.preprocessing))
    parts = cut(keras.Model(pixels, network.output), at=at)
    assert parts.at == at
    check_joins(parts, pixels_for(parts.whole))


def test_every_family_is_cut_here() -> None:
    cut_here = {parse_backbone(spelling).card.family for spelling, _ in QUICK + SLOW}
    assert cut_here == {card.family for card in CATALOGUE.values()}


STEPS = st.tuples(st.sampled_from(["dense", "dense", "dense", "skip", "plus", "shared"]), st.integers(0, 6))


def small_network(recipe: list[tuple[str, int]]) -> Any:
    """A network of vectors: chains, branches, merges, and a layer that is used several times."""
    import keras

    layers = keras.layers
    shared = layers.ReLU()
    tensors = [keras.Input((4,), dtype="uint8")]
    tensors.append(layers.Rescaling(1 / 255, offset=-0.5)(tensors[0]))
    for kind, back in recipe:
        last, other = tensors[-1], tensors[max(1, len(tensors) - 1 - back)]
        if kind == "dense":
            tensors.append(layers.Dense(4)(last))
        elif kind == "skip":
            tensors.append(layers.Add()([last, other]))
        elif kind == "plus":
            tensors.append(last + 2.0 * other)
        else:
            tensors.append(shared(last))
    return keras.Model(tensors[0], layers.Dense(3)(tensors[-1]))


@settings(max_examples=8)
@given(st.lists(STEPS, max_size=6))
def test_every_allowed_cut_of_small_networks(recipe: list[tuple[str, int]]) -> None:
    model = small_network(recipe)
    graph = read_graph(model)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4), dtype=np.uint8)
    for position in graph.cuts:
        check_joins(cut_model(model, find_cut(model, at=graph.cut_name(position))), pixels)


@pytest.fixture(scope="module")
def mobilenet() -> Any:
    return network_outline(parse_backbone("MobileNetV2-0.35@32"))


CARD = CATALOGUE["MobileNetV2"]


def test_the_last_layers(mobilenet: Any) -> None:
    listed = [layer.name for layer in mobilenet.layers][1:-1]  # without the input and the pooling
    for count, at in (
        (1, "Conv_1_bn"),
        (3, "block_16_project_BN"),
        (11, "block_15_add"),
        (12, "block_14_add"),  # with block_15_add, which needs it
        (len(listed), "input"),
    ):
        assert find_cut(mobilenet, last=count) == CutPlan(at, tuple(listed[-count:]))


def test_the_last_blocks(mobilenet: Any) -> None:
    listed = [layer.name for layer in mobilenet.layers][1:-1]
    for count, at in ((1, "block_15_add"), (3, "block_13_project_BN"), (17, "Conv1_relu"), (18, "input")):
        plan = find_cut(mobilenet, blocks=count, card=CARD)
        assert plan.at == at
        assert list(plan.trainable) == (listed if at == "input" else listed[listed.index(at) + 1 :])


def test_by_the_layer_on_either_side(mobilenet: Any) -> None:
    plan = find_cut(mobilenet, at="block_2_add")
    assert plan.trainable[0] == "block_3_expand"
    assert find_cut(mobilenet, from_layer="block_3_expand") == plan
    assert find_cut(mobilenet, at="input") == find_cut(mobilenet, from_layer="Conv1")
    assert find_cut(mobilenet, at="out_relu") == CutPlan("out_relu", ())


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({}, r"exactly one way[\s\S]*none of them"),
        ({"at": "input", "last": 3}, r"exactly one way[\s\S]*at and last"),
        ({"last": 0}, r"number of layers[\s\S]*from 1 to 153"),
        ({"last": -1}, "Received: -1"),
        ({"last": 154}, "from 1 to 153"),
        ({"blocks": 0}, r"number of blocks[\s\S]*from 1 to 18"),
        ({"blocks": 19}, "from 1 to 18"),
        ({"at": "block_99"}, "no layer of that name"),
        ({"from_layer": ""}, "no layer of that name"),
        ({"at": "block_2_project"}, "block_2_add needs block_1_project_BN too"),
        ({"from_layer": "block_2_add"}, "Add block_2_add needs"),
    ],
)
def test_wishes_that_cannot_be(mobilenet: Any, wish: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_cut(mobilenet, **wish, card=CARD)


def test_the_preprocessing_belongs_to_the_input() -> None:
    parts = cut("EfficientNetLite0@32", at="preprocessing")
    assert parts.at == "input"
    assert parts.trainable[0] == "stem_conv"
    assert "pooling" not in parts.trainable
    check_joins(parts, pixels_for(parts.whole))


def state(layers: list[Any]) -> dict[str, bytes]:
    return {f"{layer.name}/{v.name}": np.asarray(v).tobytes() for layer in layers for v in layer.variables}


def test_a_base_that_ends_at_the_cut_gives_the_same(tmp_path: Path) -> None:
    import keras

    parts = cut("EfficientNetLite0@32", blocks=3)
    pixels = pixels_for(parts.whole)
    until = base_model(open_base("EfficientNetLite0@32", cut=parts.at))
    np.testing.assert_array_equal(np.asarray(until(pixels)), np.asarray(parts.base(pixels)))
    features = np.asarray(base_model(open_base("EfficientNetLite0@32"))(pixels))
    np.testing.assert_array_equal(np.asarray(parts.whole(pixels)), features)
    # flat, and saved as it is although its layers are part of three models
    assert not any(isinstance(layer, keras.Model) for layer in parts.whole.layers)
    parts.whole.save(tmp_path / "whole.keras")
    loaded = keras.saving.load_model(tmp_path / "whole.keras")
    np.testing.assert_array_equal(np.asarray(loaded(pixels)), features)


def test_training_the_top_trains_the_whole_and_nothing_frozen_moves() -> None:
    import keras

    parts = cut("EfficientNetLite0@32", last=12)
    assert parts.at == "block13_add"
    assert parts.trainable[0] == "block14_add"
    pixels = pixels_for(parts.whole, 4)
    head = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(parts.top.input, head(parts.top.output))
    frozen = [layer for layer in parts.whole.layers if layer.name not in parts.trainable]
    before, all_before = state(frozen), state(parts.whole.layers)
    trained = {v.path for v in model.trainable_variables} - {v.path for v in head.variables}
    assert trained == {v.path for v in parts.whole.trainable_variables}
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.fit(np.asarray(parts.base(pixels)), np.array([0, 1, 0, 1]), batch_size=2, verbose=0)
    assert state(frozen) == before
    moved = {name.split("/")[0] for name, content in state(parts.whole.layers).items() if content != all_before[name]}
    assert moved
    assert moved <= set(parts.trainable)
    assert parts.base.trainable_variables == []
    check_joins(parts, pixels)
    parts.whole.trainable = True
    parts.freeze()
    assert {v.path for v in parts.whole.trainable_variables} == trained


def saved_model(path: Path) -> Any:
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 10, 3)),
            layers.Conv2D(4, 3, name="one"),
            layers.Conv2D(4, 3, name="two"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(2, name="head"),
        ]
    )
    model.save(path)
    return model


def test_a_saved_model_a_run_folder_a_model_and_a_base(tmp_path: Path) -> None:
    model = saved_model(tmp_path / "model.keras")
    pixels = pixels_for(model)
    expected = np.asarray(model(pixels))
    for backbone in (tmp_path / "model.keras", str(tmp_path), model):
        parts = cut(backbone, blocks=2)
        assert (parts.at, parts.trainable) == ("one", ("two", "pool", "head"))
        np.testing.assert_allclose(np.asarray(parts.whole(pixels)), expected, rtol=1e-6, atol=1e-6)
        check_joins(parts, pixels)
    assert parts.top.layers[-1] is model.layers[-1]
    base = open_base(str(tmp_path), cut="two")
    parts = cut(base, at="one")  # a base ends in features, before the old head
    assert parts.trainable == ("two",)
    np.testing.assert_array_equal(
        np.asarray(parts.whole(pixels)), np.asarray(base_model(base.until_features())(pixels))
    )
    maps = np.asarray(model.layers[1](model.layers[0](pixels.astype(np.float32))))
    np.testing.assert_allclose(np.asarray(base_model(base)(pixels)), maps, rtol=1e-6, atol=1e-6)


def test_pooling_is_part_of_the_top(tmp_path: Path) -> None:
    parts = cut("EfficientNetLite0@32", at="head_conv", pooling="both")
    assert parts.whole.output_shape == (None, 2560)
    assert parts.trainable == ("head_bn", "head_relu6")
    check_joins(parts, pixels_for(parts.whole))

    model = saved_model(tmp_path / "model.keras")
    with pytest.raises(InputError, match="cannot be pooled otherwise"):
        cut(tmp_path, at="one", pooling="max")
    for options in ({"pooling": "max"}, {"weights": tmp_path / "model.keras"}):
        with pytest.raises(InputError, match="bring their own"):
            cut(model, at="one", **options)
