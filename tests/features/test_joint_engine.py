from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from regraft.features.engines import Pixels, joint_precision, member_precisions
from regraft.features.joint_engine import JointEngine


class Counting:
    """Gives the mean of an image so many times over."""

    name = "counting"

    def __init__(self, width: int, precision: str = "f32") -> None:
        self.shape, self.precision, self.runs = (width,), precision, list[int]()

    def run(self, images: Iterable[Pixels]) -> np.ndarray:
        some = [np.full(self.shape, image.mean(), np.float32) for image in images]
        self.runs.append(len(some))
        return np.stack(some) * self.shape[0]


def test_every_member_sees_every_image_a_few_at_a_time() -> None:
    engines = [Counting(2), Counting(3, "bf16")]
    joint = JointEngine(engines)
    images = [np.full((2, 2, 3), number, np.uint8) for number in range(70)]
    features = joint.run(iter(images))
    expected = np.arange(70)[:, None] * [2, 2, 3, 3, 3]
    np.testing.assert_array_equal(features, expected)
    assert features.dtype == np.float32
    assert (joint.name, joint.shape, joint.precision) == ("counting", (5,), "f32+bf16")
    assert engines[0].runs == engines[1].runs == [32, 32, 6]
    assert joint.run([]).shape == (0, 5)


@pytest.mark.parametrize(("each", "word"), [(["f32", "f32"], "f32"), (["bf16", "f32"], "bf16+f32")])
def test_precisions_in_one_word(each: list[str], word: str) -> None:
    assert joint_precision(each) == word
    assert member_precisions(word, 2) == each
