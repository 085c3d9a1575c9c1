from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.images.duplicates import drop_duplicates
from regraft.images.labelled import LabelledImage, SkippedFile
from regraft.images.splitting import assign_splits


def image(name, label, content, split=None, group=None):
    return LabelledImage(name, label, content, Path(name), split, group)


def test_the_first_name_stays():
    images = [image("a/2", "a", "x"), image("a/1", "a", "x"), image("a/3", "a", "y")]
    stay, skipped = drop_duplicates(images)
    assert [i.name for i in stay] == ["a/1", "a/3"]
    assert skipped == [SkippedFile("a/2", "duplicate of a/1")]


def test_two_labels_leave_none():
    images = [image("a/1", "a", "x"), image("b/1", "b", "x"), image("a/2", "a", "x"), image("b/2", "b", "y")]
    stay, skipped = drop_duplicates(images)
    assert [i.name for i in stay] == ["b/2"]
    assert {file.name for file in skipped} == {"a/1", "b/1", "a/2"}
    assert {file.reason for file in skipped} == {"same image under the labels 'a' and 'b'"}


def test_three_labels_are_all_named():
    _, skipped = drop_duplicates([image(label, label, "x") for label in "cab"])
    assert skipped[0].reason == "same image under the labels 'a', 'b' and 'c'"


def test_a_test_image_is_never_trained_on():
    images = [
        image("train/a/1", "a", "x", "train"),
        image("test/a/9", "a", "x", "test"),
        image("val/a/5", "a", "x", "validation"),
        image("val/a/6", "a", "y", "validation"),
        image("train/a/2", "a", "y", "train"),
    ]
    stay, skipped = drop_duplicates(images)
    assert [i.name for i in stay] == ["test/a/9", "val/a/6"]
    assert [file.reason for file in skipped] == [
        "duplicate of test/a/9 (kept out of training)",
        "duplicate of test/a/9 (kept out of validation)",
        "duplicate of val/a/6 (kept out of training)",
    ]


def test_one_file_listed_twice():
    _, skipped = drop_duplicates([image("a/1", "a", "x"), image("a/1", "a", "x")])
    assert skipped == [SkippedFile("a/1", "listed more than once")]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.sampled_from(["p", "q"]),
            st.sampled_from("xyz"),
            st.sampled_from([None, "train", "validation", "test"]),
        ),
        max_size=12,
    )
)
def test_each_content_once_and_nothing_lost(rows):
    images = [image(*row) for row in rows]
    stay, skipped = drop_duplicates(images)
    assert len(stay) + len(skipped) == len(images)
    assert len({i.sha256 for i in stay}) == len(stay)
    labels = {content: {i.label for i in images if i.sha256 == content} for content in "xyz"}
    assert {i.sha256 for i in stay} == {content for content, names in labels.items() if len(names) == 1}
    assert drop_duplicates(stay) == (stay, [])


def groups(images):
    return {image.name: image.group for image in drop_duplicates(images)[0]}


def test_the_copy_that_stays_takes_the_group_of_its_twin():
    images = [image("1", "a", "x"), image("2", "a", "x", group="A"), image("3", "a", "y", group="A")]
    assert groups(images) == {"1": "A", "3": "A"}


def test_equal_content_joins_groups_through_any_number_of_steps():
    images = [
        image("1", "a", "x", group="D"),
        image("2", "a", "x", group="C"),
        image("3", "b", "y", group="C"),
        image("4", "b", "y", group="B"),
        image("5", "b", "z", group="B"),
        image("6", "b", "w", group="D"),
        image("7", "b", "v", group="A"),
        image("8", "b", "u"),
    ]
    assert groups(images) == {"1": "B", "3": "B", "5": "B", "6": "B", "7": "A", "8": None}


def test_content_under_two_labels_joins_nothing():
    images = [image("1", "a", "x", group="A"), image("2", "b", "x", group="B"), image("3", "a", "y", group="B")]
    assert groups(images) == {"3": "B"}


def test_a_joined_group_in_two_given_splits_is_refused():
    images = [
        image("1", "a", "x", "test"),
        image("2", "a", "x", "train", group="A"),
        image("3", "a", "y", "train", group="A"),
        image("4", "b", "z", "train"),
    ]
    stay, _ = drop_duplicates(images)
    with pytest.raises(InputError, match=r"'A' lies in two splits[\s\S]*all copies of an image"):
        assign_splits(stay, seed=0)


@given(
    st.lists(st.tuples(st.integers(0, 25), st.sampled_from([None, *"ABCDEFGH"])), max_size=40),
    st.integers(0, 99),
    st.booleans(),
)
@settings(max_examples=100)
def test_no_group_and_no_content_lies_in_two_splits(rows, seed, exact):
    images = [image(f"r{i}", "ab"[content % 2], str(content), group=group) for i, (content, group) in enumerate(rows)]
    images += [image(f"f{i}", "ab"[i % 2], f"f{i}") for i in range(100)]  # enough for every split
    stay, _ = drop_duplicates(images)
    split_of = dict(zip((kept.sha256 for kept in stay), assign_splits(stay, seed=seed, exact=exact), strict=True))
    splits_of_group = {}
    for one in images:
        splits_of_group.setdefault(one.group, set()).add(split_of[one.sha256])
    assert all(len(splits) == 1 for group, splits in splits_of_group.items() if group)
