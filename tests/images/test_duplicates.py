from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from regraft.images.duplicates import drop_duplicates
from regraft.images.labelled import LabelledImage, SkippedFile


def image(name, label, content, split=None):
    return LabelledImage(name, label, content, Path(name), split)


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
