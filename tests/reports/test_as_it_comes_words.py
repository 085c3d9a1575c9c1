from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regraft.reports.as_it_comes_words import what_is_missing


def row(label: str, kind: str = "none", word: str = "", classes: int = 0, images: int = 3) -> dict[str, Any]:
    found = [{"wordnet_id": f"n{number:08}", "name": word} for number in range(classes)]
    return {"class": label, "images": images, "imagenet": kind, "word": word, "imagenet_classes": found}


DAISY = row("daisy", "name", "daisy", 1)
DOGS = row("dogs", "kinds", "dog", 118)


def test_some_are_missing() -> None:
    text = what_is_missing({"classes": [DAISY, row("roses"), row("tulips", images=1200)]}, ["my photos"])
    assert "ImageNet has the class daisy, but none called roses or tulips: for their 1,203 images" in text
    assert "head for these 3 classes" in text
    assert "`regraft train 'my photos'`" in text


def test_all_and_one_are_missing() -> None:
    assert "no class called a, b or c" in what_is_missing({"classes": [row("a"), row("b"), row("c")]}, ["x"])
    text = what_is_missing({"classes": [row("roses", images=1)]}, ["flowers", "--path", "copy"])
    assert "no class called roses: for its 1 image the" in text
    assert "head for this class and others" in text
    assert "`regraft train flowers --path copy`" in text


def test_none_is_missing() -> None:
    text = what_is_missing({"classes": [DAISY, DOGS, row("cat", "kinds", "cat", 1)]}, ["x"])
    assert text.startswith("ImageNet has the class daisy, 118 kinds of dog and 1 kind of cat, so the head has right")
    assert "no class" not in text


def test_many_are_counted_and_one_more_is_named() -> None:
    names = [f"c{number:02}" for number in range(14)]
    assert "c09 or 4 more" in what_is_missing({"classes": [row(name) for name in names]}, ["x"])
    assert "c09 or c10:" in what_is_missing({"classes": [row(name) for name in names[:11]]}, ["x"])


@given(st.lists(st.text(), min_size=1, max_size=4), st.text())
def test_names_cannot_break_the_line(labels: list[str], source: str) -> None:
    text = what_is_missing({"classes": [row(label) for label in labels]}, [source])
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
