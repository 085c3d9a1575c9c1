from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.images.opening import open_images
from regraft.images.reading import read_image
from regraft.transfer import _pictures
from regraft.transfer._pictures import Pictures

SIZE = (20, 24)


def test_decoded_once_for_two_networks(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = open_images(photos).images[:6]
    hashes = {image.sha256 for image in images}
    reads: list[object] = []
    monkeypatch.setattr(_pictures, "read_image", lambda *of: reads.append(of) or read_image(*of))
    pictures = Pictures([SIZE, SIZE])
    for _ in range(2):
        taken = pictures.at(SIZE, images, hashes)
        assert [one.sha256 for one in taken] == [one.sha256 for one in images]
        for one, image in zip(taken, images, strict=True):
            np.testing.assert_array_equal(one.source, read_image(image.source, SIZE))
            np.testing.assert_array_equal(read_image(one.source, SIZE), read_image(image.source, SIZE))
    assert len(reads) == 6


def test_files_stay_files_where_nothing_is_gained(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = list(open_images(photos).images[:6])
    hashes = {image.sha256 for image in images}
    assert Pictures([SIZE]).at(SIZE, images, hashes) == images  # no other network
    assert Pictures([SIZE, SIZE]).at(SIZE, images, set()) == images  # all in the cache
    assert Pictures([SIZE, (8, 8), (8, 8)]).at(SIZE, images, hashes) == images
    monkeypatch.setattr(_pictures, "MEMORY", 100)
    assert Pictures([SIZE, SIZE]).at(SIZE, images, hashes) == images


def test_what_cannot_be_read_or_has_changed_stays_a_file(photos: Path, tmp_path: Path) -> None:
    for label, names in {"a": ("0", "1"), "b": ("2", "3")}.items():
        (tmp_path / label).mkdir()
        for name in names:
            (tmp_path / label / f"{name}.jpg").write_bytes((photos / "red" / f"0{name}.jpg").read_bytes())
    images = open_images(tmp_path).images
    (tmp_path / "a" / "0.jpg").write_bytes((photos / "blue" / "00.jpg").read_bytes())
    (tmp_path / "b" / "2.jpg").unlink()
    taken = Pictures([SIZE, SIZE]).at(SIZE, images, {image.sha256 for image in images})
    assert [isinstance(one.source, Path) for one in taken] == [True, False, True, False]
