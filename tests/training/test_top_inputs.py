from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.images.augmentation import Augmentation, read_view
from regraft.images.labelled import LabelledImage, sha256_of_pixels
from regraft.images.reading import read_image
from regraft.training.top_inputs import CachedActivations, ImagePixels

POLICY = Augmentation(horizontal_flip=True, rotation=20, crop=(0.4, 1.0), brightness=0.3)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledImage]:
    """Two files and two arrays of pixels."""
    folder, draw = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    made = []
    for number in range(4):
        pixels = draw.integers(0, 256, (20 + number, 30, 3)).astype(np.uint8)
        source: Path | np.ndarray = pixels
        if number < 2:
            source = folder / f"{number}.png"
            Image.fromarray(pixels).save(source)
        made.append(LabelledImage(str(number), "a", sha256_of_pixels(pixels), source))
    return made


def test_cached_activations_give_each_image_in_the_view_drawn_for_it() -> None:
    stored = np.arange(3 * 4 * 2, dtype=np.float16).reshape(3, 4, 2)
    inputs = CachedActivations(stored)
    rows = np.array([3, 0, 3])
    assert inputs.views == 3
    for found, expected in (
        (inputs.view(rows, 0), stored[0, rows]),
        (inputs.view(rows, 2), stored[2, rows]),
        (inputs.drawn(rows, np.array([2, 1, 0]), 7), np.stack([stored[2, 3], stored[1, 0], stored[0, 3]])),
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    assert CachedActivations(stored, drawn=1).views == 1  # the others are for the test
    np.testing.assert_array_equal(CachedActivations(stored, drawn=1).view(rows, 2), stored[2, rows])


def test_pixels_are_read_plain_and_augmented_anew_in_every_epoch(images: list[LabelledImage]) -> None:
    inputs, rows = ImagePixels(images, (8, 10), POLICY), np.array([2, 0, 1, 2])
    assert inputs.views == 1
    plain = inputs.view(rows, 0)
    assert plain.shape == (4, 8, 10, 3)
    assert plain.dtype == np.uint8
    for row, pixels in zip(rows, plain, strict=True):
        np.testing.assert_array_equal(pixels, read_image(images[row].source, (8, 10)))
    unused = np.zeros(4, np.int64)
    epochs = [inputs.drawn(rows, unused, epoch) for epoch in (1, 2)]
    for epoch, drawn in enumerate(epochs, 1):
        np.testing.assert_array_equal(drawn, inputs.view(rows, epoch))
        for row, pixels in zip(rows, drawn, strict=True):
            expected = read_view(images[row].source, (8, 10), POLICY, images[row].sha256, epoch)
            np.testing.assert_array_equal(pixels, expected)
    assert not np.array_equal(epochs[0], plain)
    assert not np.array_equal(epochs[0], epochs[1])
    again = ImagePixels(images, (8, 10), POLICY).drawn(rows, unused, 2)
    np.testing.assert_array_equal(again, epochs[1])
    other = ImagePixels(images, (8, 10), replace(POLICY, seed=1)).drawn(rows, unused, 2)
    assert not np.array_equal(other, epochs[1])


def test_without_augmentation_every_epoch_sees_the_plain_images(images: list[LabelledImage]) -> None:
    inputs, rows = ImagePixels(images, (8, 8), Augmentation(seed=3)), np.arange(4)
    np.testing.assert_array_equal(inputs.drawn(rows, rows, 5), inputs.view(rows, 0))
