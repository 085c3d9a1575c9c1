from __future__ import annotations

import re
from collections import Counter
from importlib import resources

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regraft.backbones.imagenet import imagenet_classes, match_label


def indices(label: str) -> list[int]:
    return [one.index for one in match_label(label).classes]


def test_the_thousand_classes_in_the_order_of_their_ids() -> None:
    classes = imagenet_classes()
    ids = [one.wordnet_id for one in classes]
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"n\d{8}", wordnet_id) for wordnet_id in ids)
    assert [one.index for one in classes] == list(range(1000))
    assert all(name == " ".join(name.split()) for one in classes for name in one.names)
    assert all(name and "_" not in name for one in classes for name in one.names)
    twice = [name for name, count in Counter(one.name for one in classes).items() if count > 1]
    assert sorted(twice) == ["crane", "maillot"]


@pytest.mark.parametrize(
    ("index", "wordnet_id", "name"),
    [
        (0, "n01440764", "tench"),
        (134, "n02012849", "crane"),
        (207, "n02099601", "golden retriever"),
        (281, "n02123045", "tabby"),
        (517, "n03126707", "crane"),
        (716, "n03930313", "picket fence"),
        (985, "n11939491", "daisy"),
        (999, "n15075141", "toilet tissue"),
    ],
)
def test_classes_that_are_known(index: int, wordnet_id: str, name: str) -> None:
    one = imagenet_classes()[index]
    assert (one.wordnet_id, one.name) == (wordnet_id, name)


def test_the_data_file_carries_the_licence_of_wordnet() -> None:
    text = resources.files("regraft.backbones").joinpath("imagenet_classes.json").read_text(encoding="utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved." in text
    assert "WITHOUT FEE" in text.upper()


def test_every_name_finds_its_class() -> None:
    for one in imagenet_classes():
        for name in one.names:
            match = match_label(name)
            assert match.kind == "name"
            assert one in match.classes


@given(st.sampled_from(imagenet_classes()), st.sampled_from(["_", "-", "  ", " _ "]), st.booleans())
def test_spelling_does_not_matter(one: object, between: str, shout: bool) -> None:
    label = one.name.replace(" ", between)  # type: ignore[attr-defined]
    assert one in match_label(f" {label.upper() if shout else label}").classes


@pytest.mark.parametrize("label", ["daisy", "Daisies", "DAISY", "n11939491", "n11939491_daisy"])
def test_the_one_flower_of_the_five(label: str) -> None:
    match = match_label(label)
    assert match.kind == "name"
    assert match.word == "daisy"
    assert indices(label) == [985]


@pytest.mark.parametrize("label", ["roses", "tulips", "sunflowers", "dandelion", "7", "", " ", "s", "n99999999"])
def test_what_imagenet_lacks(label: str) -> None:
    match = match_label(label)
    assert (match.kind, match.word, match.classes) == ("none", "", ())


@pytest.mark.parametrize(
    ("label", "word", "expected"),
    [
        ("dogs", "dog", [*range(151, 269)]),
        ("bird", "bird", [*range(7, 25), *range(80, 101), *range(127, 147)]),
        ("wolves", "wolf", [269, 270, 271, 272]),
        ("Flowers", "flower", [985, 986]),
    ],
)
def test_words_for_several_classes(label: str, word: str, expected: list[int]) -> None:
    match = match_label(label)
    assert (match.kind, match.word) == ("kinds", word)
    assert indices(label) == expected


def test_irregular_plurals_and_two_meanings() -> None:
    assert [one.wordnet_id for one in match_label("mice").classes] == ["n03793489"]  # the computer's: words decide
    assert indices("crane") == [134, 517]
    assert indices("n02012849") == [134]


@given(st.text())
@example("ſ")
@example("n123456789")
def test_any_label_is_answered(label: str) -> None:
    match = match_label(label)
    assert (match.kind == "none") == (not match.classes)
