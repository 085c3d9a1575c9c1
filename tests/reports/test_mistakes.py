from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from regraft._files import sha256_of_file
from regraft.images.labelled import LabelledImage, sha256_of_pixels
from regraft.reports._mistakes import worst_mistakes


def table(rows):
    names = ("image", "sha256", "split", "label", "predicted", "probability")
    return pa.table({name: [row[index] for row in rows] for index, name in enumerate(names)})


def decoded(picture):
    kind, content = picture.uri.split(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == f"data:image/{image.format.lower()}"
    return image


@pytest.fixture
def photo(tmp_path):
    def make(name="photo.jpg", size=(90, 60), **saved):
        file = tmp_path / name
        Image.linear_gradient("L").resize(size).convert("RGB").save(file, **saved)
        return LabelledImage(name, "a", sha256_of_file(file), file)

    return make


def picture_of(image, images="own"):
    rows = table([(image.name, image.sha256, "test", "a", "b", 0.5)])
    mistakes, _ = worst_mistakes(rows, {image.sha256: image} if images == "own" else images)
    return mistakes[0].picture


def test_only_wrong_answers_on_test_images_the_most_probable_first():
    rows = [
        ("right", "0", "test", "a", "a", 0.99),
        ("seen", "1", "validation", "a", "b", 0.98),
        ("z", "2", "test", "a", "b", 0.7),
        ("y", "3", "test", "b", "a", 0.7),
        ("x", "4", "test", "a", "b", 0.9),
    ]
    mistakes, wrong = worst_mistakes(table(rows), None)
    assert [mistake.name for mistake in mistakes] == ["x", "y", "z"]
    assert (mistakes[0].label, mistakes[0].predicted, mistakes[0].probability) == ("a", "b", 0.9)
    assert wrong == 3
    assert [m.name for m in worst_mistakes(table(rows), None, most=2)[0]] == ["x", "y"]
    assert worst_mistakes(table(rows), None, most=2)[1] == 3


def test_pictures_are_small_and_keep_their_proportions(photo):
    picture = picture_of(photo(size=(1200, 300)))
    assert decoded(picture).size == (320, 80) == (picture.width, picture.height)
    assert not picture.tiny


def test_pictures_are_not_enlarged(photo):
    assert decoded(picture_of(photo(size=(90, 60)))).size == (90, 60)


def test_large_photos_lie_as_a_person_sees_them(photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decoded(picture_of(photo(size=(3000, 1500), exif=exif))).size == (160, 320)


def test_tiny_pictures_keep_every_pixel():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    picture = picture_of(LabelledImage("digits/0", "a", sha256_of_pixels(pixels), pixels))
    assert picture.tiny
    assert np.array_equal(np.asarray(decoded(picture))[:, :, 0], pixels)


def test_a_picture_of_extreme_proportions_has_at_least_one_pixel(photo):
    assert decoded(picture_of(photo("line.png", size=(4000, 1)))).size == (320, 1)


def test_why_there_is_no_picture(photo, tmp_path):
    image = photo()
    assert picture_of(image, None).missing == "picture not at hand"
    assert picture_of(image, {}).missing == "picture not at hand"
    gone = replace(image, source=tmp_path / "gone.jpg")
    assert picture_of(gone).missing == "the file is gone"
    assert picture_of(replace(image, source=tmp_path)).missing == "the file cannot be read"
    image.source.write_bytes(image.source.read_bytes()[:300])
    assert picture_of(image).missing == "the file has changed since"
    broken = replace(image, sha256=sha256_of_file(image.source))
    assert picture_of(broken).missing == "the file cannot be decoded"
