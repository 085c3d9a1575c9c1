from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.images.labelled import ImageCollection, LabelledImage, sha256_of_pixels
from regraft.images.opening import open_images
from regraft.studies.digit_tasks import SOURCE, TARGET, digit_tasks, nested_part, whole_batches


@pytest.fixture(scope="module")
def digits() -> ImageCollection:
    return open_images("digits")


def test_every_digit_goes_to_its_task_with_its_label(digits: ImageCollection) -> None:
    labels = {image.sha256: image.label for image in digits.images}
    seen = []
    for task, classes in zip(digit_tasks(digits), (SOURCE, TARGET), strict=True):
        assert task.classes == classes
        assert task.size == (8, 8)
        for pixels, own in ((task.pixels, task.labels), (task.test_pixels, task.test_labels)):
            hashes = [sha256_of_pixels(image) for image in pixels]
            assert [labels[sha256] for sha256 in hashes] == [classes[label] for label in own]
            seen += hashes
    assert sorted(seen) == sorted(labels)
    assert 0.15 < sum(len(task.test_labels) for task in digit_tasks(digits)) / len(labels) < 0.25


def test_given_test_images_are_the_test_images(digits: ImageCollection) -> None:
    images = tuple(replace(image, split="test" if n % 10 == 0 else "train") for n, image in enumerate(digits.images))
    source, target = digit_tasks(replace(digits, images=images))
    assert len(source.test_labels) + len(target.test_labels) == len(images[::10])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image: replace(image, label="x") if image.label == "3" else image, "classes 0 to 9"),
        (lambda image: replace(image, source=np.zeros((8, 8, 3), np.uint8)), "grey images"),
        (
            lambda image: replace(image, source=np.zeros((8, 9), np.uint8)) if image.label == "3" else image,
            "grey images",
        ),
        (lambda image: replace(image, source=np.zeros((8, 5), np.uint8)), "too small"),
    ],
)
def test_what_is_no_digits_is_refused(digits: ImageCollection, change, words: str) -> None:
    images: tuple[LabelledImage, ...] = tuple(change(image) for image in digits.images)
    classes = tuple(sorted({image.label for image in images}))
    with pytest.raises(InputError) as refusal:
        digit_tasks(replace(digits, images=images, classes=classes))
    assert words in f"{refusal.value} {refusal.value.expected}"


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(0, 5), st.data())
def test_parts_are_nested_and_keep_the_shares(labels: list[int], seed: int, data: st.DataObject) -> None:
    all_labels = np.array(labels)
    larger = data.draw(st.integers(1, len(labels)))
    smaller = data.draw(st.integers(1, larger))
    one, other = (nested_part(all_labels, count, seed) for count in (larger, smaller))
    assert len(set(one.tolist())) == larger
    assert set(other.tolist()) <= set(one.tolist())
    for label in set(labels):
        share = (all_labels == label).mean() * larger
        assert abs((all_labels[one] == label).sum() - share) <= 2


def test_the_parts_of_mnist() -> None:
    assert [whole_batches(23_983, p, 100) for p in (0.005, 0.01, 0.1, 1.0)] == [100, 200, 2300, 23_900]
