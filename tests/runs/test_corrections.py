from __future__ import annotations

import hashlib
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from regraft.errors import InputError, UnreadableImageError
from regraft.images.opening import open_images
from regraft.runs.corrections import MANIFEST, Corrections


def picture(number: int = 0, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (number % 256, number // 256, 7)).save(file, kind)
    return file.getvalue()


def read_back(source: Path) -> dict[str, str]:
    return {image.sha256: image.label for image in open_images(source, minimum_classes=1).images}


NASTY = [
    "daisy", "a/b", "..", ".", "../../up", "/etc", ".hidden", "train", "Test", "VAL", "con", "desktop.ini", "Thumbs.db",
    "__MACOSX", "a\nb", "tab\tbed", 'with "quotes", and commas', "trailing.", "back\\slash", "C:", "-rf", "~", "*", "é",
    "e\u0301", "日本語", "💐", "x" * 255, "x" * 300, "é" * 200, "0", "null", "nan", "\u202eright to left", "a\u2028b",
    "model.keras", "corrections.jsonl", ".by-label", "label.json", "$RECYCLE.BIN", "name with spaces", "a\x00b",
]  # fmt: skip
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: name == name.strip()
)


@settings(max_examples=25)
@given(st.lists(text | st.sampled_from(NASTY), min_size=1, max_size=4, unique=True))
@example(NASTY)
@example(["corrections.jsonl"])  # before there is a list
def test_what_was_stored_is_read_back_with_the_same_labels(labels: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "corrections"
        corrections = Corrections(root)
        stored = {}
        for number, label in enumerate(labels):
            kept = corrections.add(picture(number), label)
            assert kept.path.resolve().is_relative_to(root.resolve())
            assert kept.path.read_bytes() == picture(number)
            stored[kept.sha256] = label
        assert read_back(corrections.source) == stored
        assert {path.name for path in Path(name).iterdir()} == {"corrections"}
        if corrections.source != root and any(root.glob("[!.]*/*.png")):
            # Nobody gets a wrong label who trains on the folder all the same.
            assert read_back(root).items() < stored.items()
        again = Corrections(root)
        assert {sha256: again.label_of(sha256) for sha256 in stored} == stored
        for sha256 in stored:
            assert again.remove(sha256)
        assert [path.name for path in root.rglob("*") if path.is_file()] == [MANIFEST]


def test_the_folder_itself_is_read_where_every_class_has_one(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path / "kept")
    assert len(corrections) == 0
    assert not (tmp_path / "kept").exists()
    first = corrections.add(picture(1), "roses")
    corrections.add(picture(2), " daisy")  # as the folder it was learnt from is called
    assert corrections.source == tmp_path / "kept"
    assert first.path == tmp_path / "kept" / "roses" / f"{hashlib.sha256(picture(1)).hexdigest()}.png"
    assert set(read_back(tmp_path / "kept").values()) == {"roses", " daisy"}
    assert set(read_back(tmp_path / "kept" / MANIFEST).values()) == {"roses"}
    with pytest.raises(InputError, match="under this label"):
        corrections.add(picture(3), " a/b")
    with pytest.raises(InputError, match="under this label"):
        corrections.add(picture(3), "")


def test_another_label_moves_the_image_and_undoing_takes_it_out(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path)
    first = corrections.add(picture(), "roses")
    second = corrections.add(picture(), "a/b")
    third = corrections.add(picture(), "tulips")
    assert [kept.previous for kept in (first, second, third)] == [None, "roses", "a/b"]
    assert corrections.add(picture(), "tulips").previous == "tulips"
    assert len(corrections) == 1
    assert read_back(tmp_path) == {first.sha256: "tulips"}
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == [MANIFEST, "tulips"]
    assert corrections.remove(first.sha256)
    assert not corrections.remove(first.sha256)
    assert corrections.label_of(first.sha256) is None
    assert not (tmp_path / "tulips").exists()
    assert (tmp_path / MANIFEST).read_text() == ""


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("JPEG", "jpg"),
        ("PNG", "png"),
        ("GIF", "gif"),
        ("BMP", "bmp"),
        ("TIFF", "tif"),
        ("WEBP", "webp"),
        ("PPM", "ppm"),
    ],
)
def test_a_file_ends_as_its_content_says(tmp_path: Path, kind: str, suffix: str) -> None:
    kept = Corrections(tmp_path).add(picture(kind=kind), "roses")
    assert kept.path.suffix == f".{suffix}"
    assert read_back(tmp_path) == {kept.sha256: "roses"}


def test_what_is_no_image_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path / "kept")
    for content in (b"", b"no image", picture()[:40], b"<svg/>"):
        with pytest.raises(UnreadableImageError):
            corrections.add(content, "roses")
    assert not (tmp_path / "kept").exists()


def test_a_full_folder_takes_no_more_but_still_corrects(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path, most=2)
    for number in range(2):
        corrections.add(picture(number), "roses")
    with pytest.raises(InputError, match="full"):
        corrections.add(picture(3), "roses")
    corrections.add(picture(0), "tulips")
    corrections.remove(hashlib.sha256(picture(0)).hexdigest())
    corrections.add(picture(3), "roses")
    size = len(picture(0))
    small = Corrections(tmp_path / "small", most_bytes=2 * size - 1)
    small.add(picture(0), "roses")
    with pytest.raises(InputError, match="full"):
        small.add(picture(1), "roses")


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "roses").mkdir()
    (tmp_path / "roses" / "mine.png").write_bytes(picture(9))
    corrections = Corrections(tmp_path)
    assert len(corrections) == 0
    kept = corrections.add(picture(1), "roses")
    corrections.remove(kept.sha256)
    assert (tmp_path / "roses" / "mine.png").is_file()
    corrections.add(picture(2), "roses")
    rows = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert [row["label"] for row in rows] == ["roses"]
