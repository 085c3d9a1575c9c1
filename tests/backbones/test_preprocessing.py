"""Preprocessing equals what each module of keras.applications does itself."""

import dataclasses
import importlib
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from regraft.backbones.catalogue import CATALOGUE
from regraft.backbones.preprocessing import CAFFE, INSIDE, LITE, SCALINGS, TF, TORCH, Preprocessing

ALL = (TF, TORCH, CAFFE, INSIDE, LITE, *SCALINGS.values())
OURS = ("efficientnet_lite", "alexnet")
KERAS_MODULES = {card.module: card.preprocessing for card in CATALOGUE.values() if card.module not in OURS}

# Every level in every channel, in a different order in each, so that swapped channels show.
EVERY_LEVEL = np.stack([np.random.default_rng(channel).permutation(256) for channel in range(3)], axis=-1).astype(
    np.uint8
)


@pytest.mark.parametrize("module", KERAS_MODULES)
def test_equals_keras(module: str) -> None:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    keras_module = importlib.import_module(f"keras.applications.{module}")
    photo = np.random.default_rng(0).integers(0, 256, (2, 11, 13, 3), np.uint8)
    for pixels in (photo, EVERY_LEVEL.reshape(1, 16, 16, 3)):
        # Keras works in place on floating-point arrays: it gets a copy.
        expected = keras_module.preprocess_input(pixels.astype(np.float32), data_format="channels_last")
        np.testing.assert_allclose(KERAS_MODULES[module].apply(pixels), expected, rtol=1e-6, atol=1e-5)


def test_every_keras_module_has_a_card() -> None:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    # resnet50 is another name for resnet, imagenet_utils holds no network
    modules = {name for name in dir(keras.applications) if name.islower() and not name.startswith("_")}
    assert modules - {"resnet50", "imagenet_utils"} == set(KERAS_MODULES)


def test_lite_is_the_formula_of_the_original() -> None:
    np.testing.assert_allclose(LITE.apply(EVERY_LEVEL), (EVERY_LEVEL.astype(float) - 127) / 128, atol=1e-7)


def test_scalings_do_what_they_are_called() -> None:
    for name, scaling in SCALINGS.items():
        low, high = (float(bound) for bound in name.split(" to "))
        scaled = scaling.apply(EVERY_LEVEL)
        np.testing.assert_allclose((scaled.min(), scaled.max()), (low, high), atol=1e-6)


def test_caffe_turns_the_channels_round() -> None:
    red = np.array([255, 0, 0], np.uint8)
    np.testing.assert_allclose(CAFFE.apply(red), [-103.939, -116.779, 255 - 123.68], atol=1e-5)


@given(
    pixels=npst.arrays(np.uint8, npst.array_shapes(min_dims=0, max_dims=3, max_side=5).map(lambda shape: (*shape, 3))),
    preprocessing=st.sampled_from(ALL),
)
def test_is_one_scale_and_one_offset_per_channel(pixels: np.ndarray, preprocessing: Preprocessing) -> None:
    before = pixels.copy()
    result = preprocessing.apply(pixels)
    assert result.dtype == np.float32
    assert result.shape == pixels.shape
    for channel, source in enumerate((0, 1, 2) if preprocessing.channels == "RGB" else (2, 1, 0)):
        expected = pixels[..., source] * preprocessing.scale[channel] + preprocessing.offset[channel]
        np.testing.assert_allclose(result[..., channel], expected, rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("pixels", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.uint8(3)])
def test_refuses_what_is_not_raw_pixels(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 pixels of shape"):
        TF.apply(np.asarray(pixels))


@pytest.mark.parametrize("preprocessing", ALL, ids=lambda preprocessing: preprocessing.name)
def test_survives_json(preprocessing: Preprocessing) -> None:
    read = json.loads(json.dumps(preprocessing.as_dict()))
    again = Preprocessing(read["name"], tuple(read["scale"]), tuple(read["offset"]), read["channels"])
    assert again == preprocessing


def test_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TF.name = "other"  # type: ignore[misc]
