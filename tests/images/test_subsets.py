from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.images.labelled import ImageCollection, LabelledImage, SkippedFile
from regraft.images.subsets import take_per_class


def image(label: str, number: int) -> LabelledImage:
    content = hashlib.sha256(f"{label}{number}".encode()).hexdigest()
    return LabelledImage(f"{label}/{number:03}", label, content, Path(f"{label}{number}"))


def collection(**sizes: int) -> ImageCollection:
    images = tuple(image(label, number) for label, size in sorted(sizes.items()) for number in range(size))
    return ImageCollection("made up", images, (SkippedFile("a/broken", "empty"),), tuple(sorted(sizes)), ("lost",))


def names(found: ImageCollection) -> list[str]:
    return [image.name for image in found.images]


@given(st.integers(1, 20), st.integers(20, 40), st.integers(20, 40), st.integers(0, 2**40))
@hypothesis_settings(max_examples=40)
def test_so_many_of_each_class_in_their_order(count: int, many: int, more: int, seed: int) -> None:
    whole = collection(a=many, b=more)
    taken = take_per_class(whole, count, seed=seed)
    labels = [image.label for image in taken.images]
    assert (labels.count("a"), labels.count("b")) == (count, count)
    assert names(taken) == sorted(names(taken))
    assert set(names(taken)) <= set(names(whole))
    assert replace(taken, images=whole.images) == whole  # what was skipped and lost stays named
    larger = take_per_class(whole, min(count + 1, 20), seed=seed)
    assert set(names(taken)) <= set(names(larger))


def test_the_first_by_their_seeded_hash() -> None:
    whole = collection(a=30, b=30)
    expected = set()
    for label in "ab":
        ordered = sorted(
            (image for image in whole.images if image.label == label),
            key=lambda image: hashlib.sha256(f"subset 5:{image.sha256}".encode()).digest(),
        )
        expected |= {image.name for image in ordered[:7]}
    assert set(names(take_per_class(whole, 7, seed=5))) == expected
    assert set(names(take_per_class(whole, 7, seed=6))) != expected


@given(st.sets(st.integers(100, 200), max_size=5), st.integers(0, 99))
def test_one_more_image_puts_out_one_at_most(extra: set[int], seed: int) -> None:
    whole = collection(a=30, b=30)
    joined = replace(whole, images=(*whole.images, *(image("a", number) for number in extra)))
    before, after = (set(names(take_per_class(found, 10, seed=seed))) for found in (whole, joined))
    assert len(before - after) <= len(extra)
    assert {name for name in before if name.startswith("b")} <= after


def test_taking_all_of_them_changes_nothing() -> None:
    whole = collection(a=4, b=4)
    assert take_per_class(whole, 4, seed=0) == whole


def test_too_few_images_are_named() -> None:
    with pytest.raises(InputError, match=r"not 5 images of every class[\s\S]*at least 5[\s\S]*4 of 'b', 1 of 'c'"):
        take_per_class(collection(a=5, b=4, c=1), 5, seed=0)
    many = collection(**{f"class{number:02}": 1 for number in range(30)})
    with pytest.raises(InputError) as caught:
        take_per_class(many, 2, seed=0)
    assert len(str(caught.value)) < 400
