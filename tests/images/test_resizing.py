import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regraft.images.resizing import resize


def test_the_right_size_is_left_alone():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert resize(pixels, 4, 4) is pixels


def test_whole_factors_average():
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:2, :3] = 90
    pixels[0, 0] = 200
    result = resize(pixels, 2, 2)
    assert result[0, 0].tolist() == [108, 108, 108]  # (200 + 5 × 90) / 6 = 108.3
    assert result[1, 1].tolist() == [0, 0, 0]


def test_no_pixel_is_left_out_when_shrinking():
    # One white pixel among 9,801 black ones per cell must still count, which plain bilinear interpolation would miss.
    pixels = np.zeros((990, 990, 3), np.uint8)
    pixels[::3, ::3] = 255
    assert abs(int(resize(pixels, 10, 10)[5, 5, 0]) - 255 / 9) <= 1


def test_axes_are_shrunk_each_by_its_own_factor():
    stripes = np.zeros((30, 100, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (resize(stripes, 30, 50) == 100).all()


def test_very_long_images():
    assert resize(np.full((70000, 2, 3), 7, np.uint8), 5, 5).tolist() == np.full((5, 5, 3), 7).tolist()


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.integers(1, 70))
def test_mirrored_in_mirrored_out(height, width, new_height, new_width):
    pixels = np.random.default_rng(height * 71 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    once = resize(pixels, new_height, new_width)
    mirrored = resize(np.ascontiguousarray(pixels[::-1, ::-1]), new_height, new_width)
    assert np.abs(once.astype(int) - mirrored[::-1, ::-1]).max() <= 2
