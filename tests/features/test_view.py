from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.errors import InputError, UnreadableImageError
from regraft.features.view import PLAIN, View
from regraft.images.augmentation import Augmentation, read_view
from regraft.images.labelled import LabelledImage
from regraft.images.reading import read_image

POLICY = Augmentation(rotation=30)


def test_names() -> None:
    assert PLAIN.name == View(POLICY, 0).name == "plain"
    assert View(POLICY, 3).name == f"{POLICY.identity}-3"
    assert View(Augmentation(rotation=30, seed=1), 3).name != View(POLICY, 3).name


def test_reading(images: list[LabelledImage]) -> None:
    source, sha256 = images[0].source, images[0].sha256
    assert isinstance(source, Path)
    for view in (PLAIN, View(POLICY, 0)):
        np.testing.assert_array_equal(view.read(source, (20, 30), sha256), read_image(source, (20, 30)))
    expected = read_view(source, (20, 30), POLICY, sha256, 2)
    np.testing.assert_array_equal(View(POLICY, 2).read(source.read_bytes(), (20, 30), sha256), expected)
    with pytest.raises(UnreadableImageError):
        View(POLICY, 2).read(b"no image", (20, 30), sha256)


@pytest.mark.parametrize(("policy", "number"), [(None, 1), (POLICY, -1), (None, -1)])
def test_views_there_are_not(policy: Augmentation | None, number: int) -> None:
    with pytest.raises(InputError, match=f"no such view[\\s\\S]*Received: {number}"):
        View(policy, number)
