import hashlib

import numpy as np

from regraft.images.labelled import sha256_of_pixels


def test_the_recipe_in_the_docstring():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert sha256_of_pixels(pixels) == hashlib.sha256(b"uint8 2x3\n" + bytes(range(6))).hexdigest()
    assert sha256_of_pixels(np.zeros((1, 2, 3), np.uint8)) == hashlib.sha256(b"uint8 1x2x3\n" + bytes(6)).hexdigest()


def test_shape_counts_memory_layout_does_not():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert sha256_of_pixels(pixels) != sha256_of_pixels(pixels.reshape(3, 2))
    assert sha256_of_pixels(np.asfortranarray(pixels)) == sha256_of_pixels(pixels)
