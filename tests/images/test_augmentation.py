from __future__ import annotations

import hashlib
import io
import json
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from regraft.errors import InputError, UnreadableImageError
from regraft.images.augmentation import Augmentation, default_augmentation, draw, read_view, view_pixels
from regraft.images.reading import read_image


def smooth_picture(height: int = 60, width: int = 80) -> np.ndarray:
    coarse = np.random.default_rng(height).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


PICTURE = smooth_picture()
CONTENT = io.BytesIO()
Image.fromarray(PICTURE).save(CONTENT, "JPEG", quality=95)
JPEG = CONTENT.getvalue()
HASHES = [f"{number:064x}" for number in range(40)]
FULL = Augmentation(True, True, 20.0, (0.8, 1.1), (0.4, 0.9), 0.3, 0.3, 0.3)


def ranges(most: float, least: float = 0.05):
    return st.lists(st.floats(least, most), min_size=2, max_size=2).map(lambda pair: tuple(sorted(pair)))


POLICIES = st.builds(
    Augmentation,
    horizontal_flip=st.booleans(),
    vertical_flip=st.booleans(),
    rotation=st.floats(0, 180),
    zoom=ranges(4.0),
    crop=st.none() | ranges(1.0),
    brightness=st.floats(0, 1),
    contrast=st.floats(0, 1),
    colour=st.floats(0, 1),
    seed=st.integers(0, 2**70),
)


@given(POLICIES, st.integers(1, 10**6), st.integers(1, 40), st.integers(1, 40), st.sampled_from(HASHES))
def test_any_policy_gives_an_image(policy, number, height, width, sha256):
    view = read_view(JPEG, (height, width), policy, sha256, number)
    assert (view.shape, view.dtype, view.flags.c_contiguous) == ((height, width, 3), np.uint8, True)
    np.testing.assert_array_equal(view, read_view(JPEG, (height, width), policy, sha256, number))


@given(POLICIES, st.sampled_from([JPEG, PICTURE, PICTURE[..., 0]]), st.sampled_from([32, (24, 40)]))
def test_number_0_is_the_plain_image(policy, source, size):
    np.testing.assert_array_equal(read_view(source, size, policy, HASHES[0], 0), read_image(source, size))
    if isinstance(source, np.ndarray):
        np.testing.assert_array_equal(view_pixels(policy, source, size, HASHES[0], 0), read_image(source, size))


def test_the_views_are_told_apart_by_content_number_and_policy():
    views = [
        read_view(JPEG, 32, policy, sha256, number).tobytes()
        for policy in (FULL, Augmentation(**{**vars_of(FULL), "seed": 1}))
        for sha256 in HASHES[:3]
        for number in range(1, 4)
    ]
    assert len(set(views)) == 18


def vars_of(policy):
    return {field.name: getattr(policy, field.name) for field in fields(policy)}


def test_in_any_order_and_from_any_thread():
    jobs = [(sha256, number) for sha256 in HASHES[:8] for number in range(1, 9)]
    forwards = [read_view(JPEG, 32, FULL, *job).tobytes() for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(lambda job: read_view(JPEG, 32, FULL, *job).tobytes(), jobs[::-1]))
    assert forwards == backwards[::-1]


def test_the_draws_never_change():
    """Features in the cache are found by these draws: another version of ours must make the same ones."""
    assert FULL.identity == "a1b4925495205287"
    drawn = draw(FULL, HASHES[1], 1)
    stream = hashlib.shake_256(f"a1b4925495205287/{HASHES[1]}/1".encode()).digest(88)
    parts = [int.from_bytes(stream[place : place + 8], "little") / 2**64 for place in range(0, 88, 8)]
    assert drawn[:2] == (parts[0] < 0.5, parts[1] < 0.5) == (False, True)
    assert drawn.angle == pytest.approx(40 * parts[2] - 20) == pytest.approx(-8.834627285658673)
    assert drawn.centre == pytest.approx((0.47963604516306796, 0.36924421221286796))
    assert drawn.sides == pytest.approx((0.6039695218026907, 0.6254721439979175))
    assert drawn[5:] == pytest.approx([0.7 + 0.6 * part for part in parts[8:]])


def test_draws_lie_in_their_ranges_and_fill_them():
    draws = [draw(FULL, sha256, number) for sha256 in HASHES for number in range(1, 51)]
    for values, low, high in (
        ([one.angle for one in draws], -20, 20),
        ([one.brightness for one in draws], 0.7, 1.3),
        ([one.contrast for one in draws], 0.7, 1.3),
        ([one.colour for one in draws], 0.7, 1.3),
    ):
        assert low <= min(values) < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < max(values) <= high
        assert np.mean(values) == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    for place in (0, 1):
        assert 0.45 < np.mean([one[place] for one in draws]) < 0.55


def test_crops_have_their_area_and_aspect_and_lie_in_the_picture():
    crops = [draw(Augmentation(crop=(0.2, 1.0)), sha256, number) for sha256 in HASHES for number in range(1, 51)]
    wide, tall = np.array([crop.sides for crop in crops]).T
    x, y = np.array([crop.centre for crop in crops]).T
    areas, aspects = wide * tall, wide / tall
    assert 0.2 <= areas.min() < 0.21
    assert 0.99 < areas.max() <= 1 + 1e-12
    assert areas.mean() == pytest.approx(0.6, abs=0.02)
    assert 3 / 4 - 1e-12 <= aspects.min() < 0.76
    assert 1.32 < aspects.max() <= 4 / 3 + 1e-12
    assert (x - wide / 2).min() >= -1e-12
    assert (x + wide / 2).max() <= 1 + 1e-12
    assert (y - tall / 2).min() >= -1e-12
    assert (y + tall / 2).max() <= 1 + 1e-12
    assert np.mean(x) == pytest.approx(0.5, abs=0.02)


def test_a_zoom_of_four_fifths_shows_four_fifths_of_each_side():
    drawn = draw(Augmentation(zoom=(0.8, 0.8)), HASHES[0], 1)
    assert drawn.sides == pytest.approx((0.8, 0.8))
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[10:90, 10:90] = 255  # the middle four fifths
    view = view_pixels(Augmentation(zoom=(0.79, 0.79)), picture, 50, HASHES[0], 1)
    assert view.min() == 255
    assert view_pixels(Augmentation(zoom=(0.84, 0.84)), picture, 50, HASHES[0], 1)[[0, -1]].max() < 128


def test_a_flip_flips_half_of_the_views_and_none_when_it_is_off():
    plain = read_image(JPEG, 32)
    flipped = [read_view(JPEG, 32, Augmentation(horizontal_flip=True), sha256, 1) for sha256 in HASHES]
    mirrored = [np.array_equal(view, plain[:, ::-1]) for view in flipped]
    assert all(one or np.array_equal(view, plain) for one, view in zip(mirrored, flipped, strict=True))
    assert 10 < sum(mirrored) < 30
    upside = [read_view(JPEG, 32, Augmentation(vertical_flip=True), sha256, 1) for sha256 in HASHES]
    assert {np.array_equal(view, plain[::-1]) for view in upside} == {True, False}
    unflipped = Augmentation(rotation=180, zoom=(0.5, 2), crop=(0.1, 1), brightness=1, contrast=1, colour=1)
    assert not any(any(draw(unflipped, sha256, number)[:2]) for sha256 in HASHES for number in range(1, 51))


@pytest.mark.parametrize("policy", [Augmentation(), Augmentation(crop=(1.0, 1.0)), Augmentation(seed=3)])
def test_a_policy_that_changes_nothing(policy):
    assert policy.changes_nothing
    assert not FULL.changes_nothing
    for number in range(1, 4):
        np.testing.assert_array_equal(read_view(JPEG, 32, policy, HASHES[0], number), read_image(JPEG, 32))


def test_next_to_nothing_is_nearly_the_plain_image():
    little = Augmentation(rotation=0.01, zoom=(0.9999, 1.0), crop=(0.9999, 1.0), brightness=0.001)
    difference = read_view(JPEG, (60, 80), little, HASHES[0], 1).astype(int) - read_image(JPEG, (60, 80))
    assert np.abs(difference).max() <= 4


def test_pixels_that_are_decoded_already_give_nearly_the_same_view():
    """From a file, the view's own size is decoded; here the pixels are taken as they are: only resampling differs."""
    for number in range(1, 6):
        from_file = read_view(JPEG, 32, FULL, HASHES[0], number).astype(int)
        for pixels in (read_image(JPEG), read_image(JPEG, 40)):
            assert np.abs(view_pixels(FULL, pixels, 32, HASHES[0], number) - from_file).mean() < 4
        np.testing.assert_array_equal(
            view_pixels(FULL, PICTURE, 32, HASHES[0], number), read_view(PICTURE, 32, FULL, HASHES[0], number)
        )


def test_no_pixel_of_a_large_picture_is_left_out():
    picture = np.zeros((990, 990, 3), np.uint8)
    picture[::3, ::3] = 255
    view = view_pixels(Augmentation(zoom=(0.9, 0.9)), picture, 10, HASHES[0], 1)
    assert abs(int(view[5, 5, 0]) - 255 / 9) <= 2


def test_tiny_grey_pictures():
    digit = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    view = read_view(digit, 32, default_augmentation("digits"), HASHES[0], 1)
    assert view.shape == (32, 32, 3)
    assert (view == view[..., :1]).all()


def test_what_cannot_be_read():
    with pytest.raises(UnreadableImageError, match="empty file"):
        read_view(b"", 32, FULL, HASHES[0], 1)
    with pytest.raises(InputError, match="no such view"):
        read_view(JPEG, 32, FULL, HASHES[0], -1)
    with pytest.raises(InputError, match="not an image"):
        view_pixels(FULL, np.zeros((3, 3)), 32, HASHES[0], 1)


@pytest.mark.parametrize(
    "values",
    [
        {"horizontal_flip": 1}, {"vertical_flip": "yes"}, {"rotation": -1}, {"rotation": 181}, {"rotation": np.nan},
        {"rotation": True}, {"rotation": "10"}, {"zoom": (0.0, 1.0)}, {"zoom": (1.0, 0.9)}, {"zoom": 0.8},
        {"zoom": (0.8, 1.0, 1.2)}, {"zoom": (np.nan, 1.0)}, {"zoom": (1.0, 4.1)}, {"zoom": None}, {"crop": (0.0, 1.0)},
        {"crop": (0.5, 1.1)}, {"crop": ("a", "b")}, {"brightness": -0.1}, {"brightness": np.inf}, {"contrast": 1.1},
        {"colour": None}, {"seed": -1}, {"seed": 0.5}, {"seed": True},
    ],
)  # fmt: skip
def test_values_that_cannot_be(values):
    (name,) = values
    with pytest.raises(InputError, match=f"augmentation's {name} cannot be") as raised:
        Augmentation(**values)
    assert raised.value.received == repr(values[name])


@given(POLICIES)
def test_to_toml_and_back(policy):
    if policy.seed < 2**63:  # what TOML's integers hold
        again = Augmentation.from_dict(tomllib.loads(tomli_w.dumps(policy.as_dict())))
        assert again == policy
        assert again.identity == policy.identity
    assert Augmentation.from_dict(json.loads(json.dumps(policy.as_dict()))) == policy


def test_from_a_dictionary():
    assert Augmentation.from_dict({"crop": [0.5, 1]}) == Augmentation(crop=(0.5, 1.0))
    with pytest.raises(InputError, match=r"no 'flip'[\s\S]*horizontal_flip"):
        Augmentation.from_dict({"flip": True})


def test_equal_policies_have_one_identity():
    assert Augmentation(rotation=10, zoom=[1, 1]).identity == Augmentation(rotation=10.0).identity
    assert Augmentation(rotation=-0.0).identity == Augmentation().identity
    assert len({Augmentation(seed=seed).identity for seed in range(20)}) == 20


def test_labels():
    assert Augmentation().label == "none"
    assert FULL.label == (
        "horizontal flip, vertical flip, rotation ±20°, zoom 80–110 % of the side, crop 40–90 % of the area, "
        "brightness ±30 %, contrast ±30 %, colour ±30 %"
    )
    assert Augmentation(zoom=(0.8, 0.8)).label == "zoom 80 % of the side"


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("digits", []),
        ("mnist", ["0", "1"]),
        ("scans", [str(figure) for figure in range(10)]),
        ("scans", ["a", "B", "7"]),
        ("scans", ["Zero", "one", "NINE"]),
    ],
)
def test_characters_are_never_flipped(name, classes):
    policy = default_augmentation(name, classes, seed=4)
    assert (policy.horizontal_flip, policy.vertical_flip, policy.colour, policy.seed) == (False, False, 0, 4)
    assert 0 < policy.rotation <= 15
    assert not policy.changes_nothing


@pytest.mark.parametrize("classes", [[], ["daisy", "rose"], ["cat", "d"], ["one", "horse"]])
def test_photos_are_flipped_but_never_upside_down(classes):
    policy = default_augmentation("photos", classes)
    assert (policy.horizontal_flip, policy.vertical_flip) == (True, False)
    assert policy.crop is not None
    assert policy.crop[0] >= 0.3
