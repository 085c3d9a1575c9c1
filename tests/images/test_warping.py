from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.images._warping import Draw, decoded_size, sampling_matrix, warped

PLAIN = Draw(False, False, 0.0, (0.5, 0.5), (1.0, 1.0), 1.0, 1.0, 1.0)

# Smooth, so that interpolation is exact to a grey level or two: red grows to the right, green downwards.
ROWS, COLUMNS = np.mgrid[0:40, 0:60]
SMOOTH = np.stack([4 * COLUMNS, 5 * ROWS, 2 * (ROWS + COLUMNS)], axis=-1).astype(np.uint8)


def test_nothing_is_touched_where_nothing_changes():
    assert warped(PLAIN, SMOOTH, (40, 60)) is SMOOTH


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (PLAIN._replace(mirrored=True), SMOOTH[:, ::-1]),
        (PLAIN._replace(upside_down=True), SMOOTH[::-1]),
        (PLAIN._replace(mirrored=True, upside_down=True), SMOOTH[::-1, ::-1]),
        (PLAIN._replace(angle=180.0), SMOOTH[::-1, ::-1]),
    ],
)
def test_flips_and_half_turns_are_exact(drawn, expected):
    np.testing.assert_array_equal(warped(drawn, SMOOTH, (40, 60)), expected)


def test_a_positive_angle_turns_counterclockwise():
    square = np.ascontiguousarray(SMOOTH[:, :40])
    np.testing.assert_array_equal(warped(PLAIN._replace(angle=90.0), square, (40, 40)), np.rot90(square))


def test_a_window_shows_what_lies_in_it():
    # The right lower quarter, at the size it has in the picture.
    drawn = PLAIN._replace(centre=(0.75, 0.75), sides=(0.5, 0.5))
    np.testing.assert_array_equal(warped(drawn, SMOOTH, (20, 30)), SMOOTH[20:, 30:])


def test_a_marker_moves_where_the_formula_says():
    # A window of half the width and half the height around the point (1/4, 1/2) of a picture of 40 × 40 pixels, shown
    # at 40 × 40: the point (0.30, 0.55) lies (0.05, 0.05) / 0.5 = (0.1, 0.1) from the view's middle, at (0.6, 0.6).
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[21:23, 11:13] = 255  # its middle is at column 12 = 0.30 × 40 and row 22 = 0.55 × 40
    drawn = PLAIN._replace(centre=(0.25, 0.5), sides=(0.5, 0.5))
    assert middle(warped(drawn, picture, (40, 40))) == pytest.approx((24, 24), abs=0.1)
    # Mirrored, it is as far on the other side of the middle.
    assert middle(warped(drawn._replace(mirrored=True), picture, (40, 40))) == pytest.approx((16, 24), abs=0.1)
    # Turned by 90° counterclockwise, what was right below the middle by (4, 4) is right above it by (4, -4).
    assert middle(warped(drawn._replace(angle=90.0), picture, (40, 40))) == pytest.approx((24, 16), abs=0.1)


def middle(pixels):
    """Column and row of the centre of brightness, where the picture's corner is (0, 0) and a pixel 1 wide."""
    weights = pixels[..., 0].astype(float)
    rows, columns = np.mgrid[0 : len(weights), 0 : weights.shape[1]] + 0.5
    return (columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()


@given(
    angle=st.floats(-180, 180),
    centre=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    sides=st.tuples(st.floats(0.2, 1.2), st.floats(0.2, 1.2)),
    flips=st.tuples(st.booleans(), st.booleans()),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    target=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_the_sampling_matrix_is_its_steps(angle, centre, sides, flips, size, target):
    """For one pixel of the view, the steps one by one: mirror, shrink, turn, move, and scale to the picture."""
    drawn = Draw(*flips, angle, centre, sides, 1, 1, 1)
    column, row = target[1] // 3, target[0] // 2
    x, y = column + 0.5 - target[1] / 2, row + 0.5 - target[0] / 2
    x, y = (-x if flips[0] else x) * sides[0], (-y if flips[1] else y) * sides[1]
    turned = complex(x, -y) * np.exp(1j * math.radians(-angle))  # y downwards: the sampled point turns clockwise
    x, y = turned.real + centre[0] * target[1], -turned.imag + centre[1] * target[0]
    expected = x * size[1] / target[1] - 0.5, y * size[0] / target[0] - 0.5
    assert sampling_matrix(drawn, size, target) @ [column, row, 1] == pytest.approx(expected, abs=1e-8)


def test_outside_lies_the_mirror_image():
    # Twice the sides are seen: the picture in the middle, its mirror images around it.
    drawn = PLAIN._replace(sides=(2.0, 2.0))
    seen = warped(drawn, SMOOTH, (80, 120))
    np.testing.assert_array_equal(seen[20:60, 30:90], SMOOTH)
    np.testing.assert_array_equal(seen[20:60, :30], SMOOTH[:, 29::-1])
    np.testing.assert_array_equal(seen[60:, 30:90], SMOOTH[:19:-1])


def test_colours_by_hand():
    pixels = np.array([[[100, 50, 0], [20, 60, 100]]], np.uint8)
    light = warped(PLAIN._replace(brightness=1.5), pixels, (1, 2))
    assert light.tolist() == [[[150, 75, 0], [30, 90, 150]]]
    # Greys 0.299 R + 0.587 G + 0.114 B: 59.25 and 52.6, on average 55.925; half the way to it.
    flat = warped(PLAIN._replace(contrast=0.5), pixels, (1, 2))
    assert flat.tolist() == [[[78, 53, 28], [38, 58, 78]]]
    grey = warped(PLAIN._replace(colour=0.0), pixels, (1, 2))
    assert grey.tolist() == [[[59, 59, 59], [53, 53, 53]]]
    # Brighter first, then away from the mean grey, then half the colour: 1.2 × 1.5 = 1.8 around 1.2 × 55.925 = 67.11.
    all_three = warped(PLAIN._replace(brightness=1.2, contrast=1.5, colour=0.5), pixels, (1, 2))
    values = 1.8 * pixels.astype(float) - 0.5 * 67.11
    greys = values @ [[0.299], [0.587], [0.114]]
    np.testing.assert_allclose(all_three, np.clip((values + greys) / 2, 0, 255), atol=0.51)


def test_small_windows_are_decoded_larger():
    assert decoded_size(PLAIN, (224, 200)) == (224, 200)
    assert decoded_size(PLAIN._replace(sides=(0.8, 1.0)), (224, 200)) == (280, 250)
    assert decoded_size(PLAIN._replace(sides=(0.1, 0.2)), (224, 200)) == (448, 400)
    assert decoded_size(PLAIN._replace(sides=(1.1, 1.1)), (224, 200)) == (224, 200)
