from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from regraft.errors import InputError
from regraft.images.domains import VERSIONS, night, sketch, version_of, write_versions
from regraft.images.labelled import LabelledImage, sha256_of_pixels
from regraft.images.opening import open_images

PHOTO = np.random.default_rng(1).integers(60, 200, (40, 50, 3)).astype(np.uint8)
PIXELS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=20)
@given(PIXELS, st.sampled_from(sorted(VERSIONS)), st.integers(0, 2**64 - 1))
def test_a_version_has_the_shape_of_the_image_and_is_always_the_same(
    pixels: np.ndarray, version: str, number: int
) -> None:
    before, sha256 = pixels.copy(), f"{number:064x}"
    made = version_of(pixels, version, sha256)
    assert made.shape == pixels.shape
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(version_of(pixels, version, sha256), made)
    np.testing.assert_array_equal(pixels, before)


def test_another_image_has_another_night() -> None:
    assert (version_of(PHOTO, "night", f"{1:016x}") != version_of(PHOTO, "night", f"{2:016x}")).any()


def test_night_is_dark_bluish_noisy_and_darker_in_the_corners() -> None:
    plain = np.full((60, 60, 3), 180, np.uint8)
    made = night(plain, rng()).astype(np.float64)
    red, green, blue = made.mean(axis=(0, 1))
    assert red < green < blue < 90
    assert made[20:40, 20:40].mean() > 1.2 * made[[0, 0, -1, -1], [0, -1, 0, -1]].mean()
    assert made[25:35, 25:35].std(axis=(0, 1)).min() > 1  # of an area that had none


def test_the_light_of_a_night_without_noise_can_be_computed_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet:
        def uniform(self, low: float, high: float) -> float:
            return {0.04: 0.05, 0.3: 0.5}[low]

        def normal(self, mean: float, deviation: float, shape: tuple[int, ...]) -> np.ndarray:
            return np.zeros(shape)

    made = night(np.full((3, 3, 3), 255, np.uint8), Quiet())  # type: ignore[arg-type]
    # White: light 1 times 0.05 and the tint; the corners have half of it.
    for tint, middle, corner in zip((0.55, 0.75, 1.25), made[1, 1], made[0, 0], strict=True):
        assert middle == round(255 * (0.05 * tint) ** (1 / 2.2))
        assert corner == round(255 * (0.05 * tint * 0.5) ** (1 / 2.2))


def test_a_sketch_is_grey_white_where_nothing_changes_and_dark_at_edges() -> None:
    edge = np.full((40, 40, 3), 200, np.uint8)
    edge[:, 20:] = 60
    drawn = sketch(edge)
    assert (drawn[..., 0] == drawn[..., 1]).all()
    assert (drawn[..., 0] == drawn[..., 2]).all()
    assert drawn[:, :5].min() == 255
    assert drawn[:, -5:].min() > 250
    assert drawn[:, 20].max() < 160


def test_a_black_image_can_be_sketched() -> None:
    assert (sketch(np.zeros((8, 8, 3), np.uint8)) == 255).all()  # all as bright as what is around it


@pytest.mark.parametrize("array", [PHOTO[..., 0], PHOTO.astype(np.float32), PHOTO[:0]])
def test_what_is_no_image_is_refused(array: np.ndarray) -> None:
    for make in (lambda: night(array, rng()), lambda: sketch(array)):
        with pytest.raises(InputError, match="not an image"):
            make()


def test_there_are_only_the_versions_that_there_are() -> None:
    with pytest.raises(InputError, match="night, sketch"):
        version_of(PHOTO, "dawn", "0" * 64)


def made_images() -> list[LabelledImage]:
    photos = [np.roll(PHOTO, shift, axis=1) for shift in range(4)]
    return [
        LabelledImage(f"{number}", label, sha256_of_pixels(pixels), pixels)
        for number, (pixels, label) in enumerate(zip(photos, "abab", strict=True))
    ]


def test_a_folder_of_versions_is_a_folder_of_classes(tmp_path: Path) -> None:
    images = made_images()
    broken = LabelledImage("gone", "a", "0" * 64, tmp_path / "gone.jpg")
    skipped = write_versions([*images, broken], "sketch", tmp_path / "sketched", size=16)
    assert [(file.name, file.reason) for file in skipped] == [("gone", "no such file")]
    found = open_images(tmp_path / "sketched")
    assert found.classes == ("a", "b")
    assert {Path(image.name).stem for image in found.images} == {image.sha256[:16] for image in images}
    with Image.open(found.images[0].source) as picture:
        assert picture.size == (16, 16)


def test_without_labels_all_lie_in_one_folder(tmp_path: Path) -> None:
    write_versions(made_images(), "night", tmp_path / "night", labelled=False)
    assert len(list((tmp_path / "night").glob("*.jpg"))) == 4


def test_nothing_is_overwritten_and_no_label_leads_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        write_versions(made_images(), "night", tmp_path)
    image = made_images()[0]
    for label in ("..", "a/b", ""):
        bad = LabelledImage("x", label, image.sha256, image.source)
        with pytest.raises(InputError, match="name of a folder"):
            write_versions([bad], "night", tmp_path / "new")
    assert not (tmp_path / "new").exists()
