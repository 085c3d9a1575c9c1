from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from figure_results import texts
from PIL import Image
from strict_page import StrictPage

from regraft.errors import UnreadableImageError
from regraft.images.augmentation import Augmentation, read_view
from regraft.images.labelled import sha256_of_pixels
from regraft.images.opening import open_images
from regraft.reports._svg import inline_svg
from regraft.reports._words import THIN
from regraft.reports.augmentation_figure import preview_augmentation, preview_caption

POLICY = Augmentation(horizontal_flip=True, rotation=20, crop=(0.3, 0.6), brightness=0.3, seed=7)
PIXELS = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((80, 60))
)


def pictures(svg: str) -> list[np.ndarray]:
    found = re.findall(r'xlink:href="data:image/jpeg;base64,([^"]+)"', svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_the_image_and_the_nine_views_that_training_sees() -> None:
    drawn = preview_augmentation(PIXELS, POLICY, (48, 64))
    assert texts(drawn) == ["the image", *(f"view {number}" for number in range(1, 10))]
    shown = pictures(drawn.svg)
    assert len(shown) == 10
    for number, picture in enumerate(shown):
        expected = read_view(PIXELS, (48, 64), POLICY, sha256_of_pixels(PIXELS), number)
        assert np.abs(picture.astype(int) - expected).mean() < 6, number  # JPEG's own errors
    assert "png" not in drawn.svg
    assert "pixelated" not in drawn.svg
    assert (drawn.width, drawn.description) == (
        1.0,
        "An image and nine augmented versions of it: "
        f"horizontal flip, rotation ±20°, crop 30–60{THIN}% of the area, brightness ±30{THIN}%.",
    )


def test_a_file_its_path_and_its_bytes_give_one_figure(photos: Path) -> None:
    image = open_images(photos).images[0]
    assert isinstance(image.source, Path)
    drawn = preview_augmentation(image.source, POLICY, 32)
    assert drawn == preview_augmentation(str(image.source), POLICY, 32)
    assert drawn == preview_augmentation(image.source.read_bytes(), POLICY, 32)
    expected = read_view(image.source, 32, POLICY, image.sha256, 3)
    assert np.abs(pictures(drawn.svg)[3].astype(int) - expected).mean() < 6


def test_large_inputs_are_shown_smaller() -> None:
    shown = pictures(preview_augmentation(PIXELS, POLICY, (300, 600)).svg)
    assert {picture.shape for picture in shown} == {(120, 240, 3)}


def test_inside_a_page() -> None:
    drawn = preview_augmentation(PIXELS, POLICY, 32)
    page = StrictPage(inline_svg(drawn.svg, "preview", drawn.description))
    assert len(page.all("image")) == 10
    assert all(picture["id"].startswith("preview-") for picture in page.all("image"))


def test_captions() -> None:
    assert preview_caption(POLICY).endswith(
        f"rotation ±20°, crop 30–60{THIN}% of the area, brightness ±30{THIN}% (seed 7)."
    )
    assert "The policy: nothing is changed (seed 0)." in preview_caption(Augmentation())
    assert "nothing is changed" in preview_augmentation(PIXELS, Augmentation(), 16).description


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), (b"text", "not an image")])
def test_what_cannot_be_read(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "image.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=reason):
        preview_augmentation(path, POLICY)
