"""The resizing inside exports, against the one that images are read with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from regraft.deployment.tensorflow_resizing import resized
from regraft.images.resizing import resize

HEIGHT, WIDTH = 12, 10


@pytest.fixture(scope="module")
def squash() -> Any:
    import tensorflow as tf

    one = tf.TensorSpec((None, None, None, 3), tf.uint8)
    function = tf.function(lambda pixels: resized(pixels, HEIGHT, WIDTH), input_signature=[one])
    return lambda pixels: function(pixels).numpy()


def noise(height: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 99), smooth=st.booleans())
@example(height=24, width=20, seed=0, smooth=False)  # the mean of four: halves are rounded upwards
@example(height=30, width=20, seed=0, smooth=False)  # both steps
@example(height=12, width=29, seed=0, smooth=False)  # one axis within three times: no first step
@example(height=12, width=30, seed=0, smooth=False)  # one axis at three times: the first step alone
@settings(max_examples=40)
def test_any_image_comes_out_as_it_would_be_read(squash: Any, height: int, width: int, seed: int, smooth: bool) -> None:
    pixels = noise(height, width, seed)
    if smooth:
        pixels = np.asarray(Image.fromarray(noise(5, 5, seed)).resize((width, height), Image.Resampling.BICUBIC))
    expected = resize(pixels, HEIGHT, WIDTH).astype(int)
    assert np.abs(squash(pixels[np.newaxis])[0] - expected).max() <= 2


def test_an_image_of_the_right_size_comes_through_as_it_is(squash: Any) -> None:
    images = np.stack([noise(HEIGHT, WIDTH, seed) for seed in range(3)])
    np.testing.assert_array_equal(squash(images), images)


def test_twice_the_size_is_the_mean_of_four_with_halves_upwards(squash: Any) -> None:
    pixels = np.zeros((1, 2 * HEIGHT, 2 * WIDTH, 3), np.uint8)
    pixels[0, 0, 0] = [1, 2, 255]  # a quarter of it: 0.25, 0.5 and 63.75
    assert squash(pixels)[0, 0, 0].tolist() == [0, 1, 64]
    assert squash(pixels)[0, 1:].max() == 0


def test_images_of_a_batch_do_not_mix(squash: Any) -> None:
    images = np.stack([noise(31, 47, seed) for seed in range(3)])
    each = np.concatenate([squash(image[np.newaxis]) for image in images])
    np.testing.assert_array_equal(squash(images), each)
