from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.backbones import networks
from regraft.backbones.base import open_base
from regraft.backbones.efficientnet_lite import packaged_weights
from regraft.backbones.names import BackboneName, parse_backbone
from regraft.backbones.networks import (
    base_model,
    build_network,
    cut_saved_model,
    image_data_format,
    load_saved_model,
    preprocess,
)
from regraft.backbones.pooling import POOLINGS, pool
from regraft.backbones.preprocessing import CAFFE, INSIDE, LITE, TF, TORCH, Preprocessing
from regraft.errors import InputError

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("preprocessing", [TF, TORCH, CAFFE, INSIDE, LITE], ids=lambda one: one.name)
def test_preprocessing_as_layers(preprocessing: Preprocessing) -> None:
    import keras

    pixels = keras.Input((32, 32, 3), dtype="uint8")
    with image_data_format("channels_last"):
        model = keras.Model(pixels, preprocess(pixels, preprocessing))
    np.testing.assert_allclose(np.asarray(model(PIXELS)), preprocessing.apply(PIXELS), rtol=1e-6, atol=1e-4)


def test_a_joined_model_is_saved_and_loaded_in_safe_mode(random_weights: Callable[[str], Path], tmp_path: Path) -> None:
    import keras

    base = base_model(open_base("VGG16@32", weights=random_weights("VGG16@32")))  # BGR: flips the channels
    model = keras.Model(base.input, keras.layers.Dense(3, activation="softmax")(base.output))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(np.asarray(loaded(PIXELS)), np.asarray(model(PIXELS)))
    assert all(type(layer).__module__.startswith("keras.") for layer in loaded.layers)


def test_a_user_whose_keras_puts_channels_first(random_weights: Callable[[str], Path]) -> None:
    weights = random_weights("MobileNet-0.25@128")
    base = open_base("MobileNet-0.25@32", weights=weights)
    expected = np.asarray(base_model(base)(PIXELS))
    with image_data_format("channels_first"):
        model = base_model(base)
    np.testing.assert_array_equal(np.asarray(model(PIXELS)), expected)


def test_the_base_is_frozen(random_weights: Callable[[str], Path]) -> None:
    import keras

    base = base_model(open_base("MobileNet-0.25@32", weights=random_weights("MobileNet-0.25@128")))
    model = keras.Model(base.input, keras.layers.Dense(2, activation="softmax")(base.output))
    before = [variable.numpy().tobytes() for variable in base.variables]
    head = model.layers[-1].get_weights()[0]
    assert len(model.trainable_variables) == 2
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.fit(PIXELS, np.array([0, 1, 0, 1]), batch_size=2, epochs=1, verbose=0)
    assert [variable.numpy().tobytes() for variable in base.variables] == before
    assert (model.layers[-1].get_weights()[0] != head).any()


def wrong_files(folder: Path, other: Path) -> dict[str, Path]:
    files = {"of another network": other, "safetensors": packaged_weights("EfficientNetLite0")}
    for name, content in (
        ("empty.weights.h5", b""),
        ("text.weights.h5", b"no weights"),
        ("text.h5", b"no weights"),
        ("weights.pth", b"torch"),
        ("no.keras", b"PK\x03\x04"),
        ("half.weights.h5", other.read_bytes()[:5000]),
    ):
        files[name] = folder / name
        files[name].write_bytes(content)
    return files


@pytest.mark.parametrize("spelling", ["MobileNetV2-0.35@32", "VGG16@32"])
def test_weights_that_do_not_fit(spelling: str, random_weights: Callable[[str], Path], tmp_path: Path) -> None:
    name = parse_backbone(spelling)
    for path in wrong_files(tmp_path, random_weights("MobileNet-0.25@128")).values():
        with pytest.raises(InputError, match=r"does not hold the weights of|cannot be read as") as caught:
            build_network(name, weights=path)
        assert caught.value.exit_code == 2
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"torch"])
def test_the_backbone_in_the_box_with_weights_that_do_not_fit(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.weights.h5"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"mine.weights.h5 does not hold the weights of EfficientNetLite0@32"):
        build_network(BackboneName("EfficientNetLite0", size=32), weights=path)


@pytest.mark.parametrize("name", ["MobileNet-0.5", "MobileNet"])
def test_another_width_does_not_fit(name: str, random_weights: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match=f"does not hold the weights of {name}"):
        build_network(parse_backbone(name), weights=random_weights("MobileNet-0.25@128"))


def saved(tmp_path: Path, model: Any) -> Path:
    path = tmp_path / "model.keras"
    model.save(path)
    return path


def layers() -> Any:
    import keras

    return keras.layers


def test_maps_before_the_last_layer_are_averaged() -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), layers().Conv2D(5, 3), layers().Conv2D(7, 3)])
    cut = cut_saved_model(model, "model.keras")
    pixels = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    maps = np.asarray(model.layers[0](pixels))
    np.testing.assert_allclose(np.asarray(cut(pixels)), maps.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_saved_model_is_pooled_where_it_has_maps(pooling: str, tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), layers().Conv2D(5, 3), layers().Conv2D(7, 3)])
    base = open_base(str(saved(tmp_path, model)), pooling=pooling)
    pixels = PIXELS[:2, :8, :8].astype(np.float32)
    tensor = keras.Input((6, 6, 5))
    expected = keras.Model(tensor, pool(tensor, pooling))(model.layers[0](pixels))
    np.testing.assert_allclose(np.asarray(base_model(base)(pixels)), np.asarray(expected), rtol=1e-4, atol=1e-4)


def test_a_saved_model_without_maps_is_not_pooled(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), layers().Flatten(), layers().Dense(2)])
    base = open_base(str(saved(tmp_path, model)), pooling="max")
    with pytest.raises(InputError, match=r"nothing to pool[\s\S]*leave --pooling out"):
        base_model(base)


def test_a_base_that_ends_at_a_layer_is_frozen(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), layers().Conv2D(5, 3, name="maps"), layers().Flatten()])
    path = str(saved(tmp_path, model))
    base = base_model(open_base(path, cut="maps"))
    pixels = PIXELS[:2, :8, :8].astype(np.float32)
    np.testing.assert_array_equal(np.asarray(base(pixels)), np.asarray(model.layers[0](pixels)))
    assert base.trainable_variables == []
    assert base_model(open_base(path, cut="input"))(pixels).dtype == "float32"
    with pytest.raises(InputError, match="nothing comes after it"):
        base_model(open_base(path, cut=model.layers[1].name))


def test_a_nested_network_is_kept_whole() -> None:
    import keras

    inner = keras.Sequential([keras.Input((8, 8, 3)), layers().Conv2D(5, 3), layers().GlobalAveragePooling2D()])
    model = keras.Sequential([keras.Input((8, 8, 3)), inner, layers().Dropout(0.5), layers().Dense(2)])
    cut = cut_saved_model(model, "model.keras")
    pixels = np.ones((2, 8, 8, 3), np.float32)
    np.testing.assert_array_equal(np.asarray(cut(pixels)), np.asarray(inner(pixels)))


def test_models_that_cannot_be_cut() -> None:
    import keras

    pixels = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers().Flatten(), layers().Dense(2)])
    attention = layers().MultiHeadAttention(2, 3)
    sequence = layers().Reshape((64, 3))(pixels)
    for model, reason in (
        (keras.Model(pixels, layers().Flatten()(pixels)), "a model without weights"),
        (keras.Model(pixels, inner(pixels)), "a last part of type Sequential"),
        (keras.Model(pixels, attention(sequence, sequence)), "a last part of type MultiHeadAttention"),
        (keras.Model(pixels, layers().Dense(2)(sequence)), r"a last layer with an input of shape \(None, 64, 3\)"),
        (keras.Sequential([layers().Dense(2)]), "a model without weights"),
    ):
        with pytest.raises(InputError, match=rf"mine cannot be cut[\s\S]*Expected[\s\S]*Received: {reason}"):
            cut_saved_model(model, "mine")


def test_a_model_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    import keras

    pixels = keras.Input((8, 8, 3))
    model = keras.Model(pixels, layers().Dense(2)(layers().Lambda(lambda x: x + 1)(pixels)))
    with pytest.raises(InputError, match="cannot be loaded as a Keras model"):
        load_saved_model(saved(tmp_path, model))


def test_a_damaged_saved_model(tmp_path: Path) -> None:
    import keras

    path = saved(tmp_path, keras.Sequential([keras.Input((8, 8, 3)), layers().Flatten(), layers().Dense(2)]))
    base = open_base(str(path))
    path.write_bytes(path.read_bytes()[:-200])
    for damaged in (path, tmp_path / "missing.keras"):
        with pytest.raises(InputError, match="cannot be loaded as a Keras model"):
            load_saved_model(damaged)
    with pytest.raises(InputError, match="cannot be loaded"):
        base_model(base)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("one line\nanother", "one line"),
        (
            "2 objects. Example message for <Conv2D>:\n\n  the shapes differ\nList:",
            "2 objects. Example message for <Conv2D>: the shapes differ",
        ),
        ("", "ValueError"),
        ("x" * 400, "x" * 300 + "…"),
    ],
)
def test_messages_of_keras_are_shortened_after_what_they_say(message: str, expected: str) -> None:
    assert networks._shortened(ValueError(message)) == expected
