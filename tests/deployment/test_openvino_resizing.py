from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from regraft.deployment.openvino_resizing import resized
from regraft.images.resizing import resize

HEIGHT, WIDTH = 24, 20


@cache
def _compiled() -> Any:
    import openvino
    import openvino.opset15 as ops

    image = ops.parameter([-1, -1, -1, 3], openvino.Type.u8)
    # Something must follow: it is there that memory of an earlier image would show.
    answer = ops.convert(ops.multiply(ops.convert(resized(image, HEIGHT, WIDTH), "f32"), np.float32(1)), "u8")
    model = openvino.Model([ops.result(answer)], [image], "resizing")
    assert list(model.outputs[0].get_partial_shape())[3].get_length() == 3
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@settings(max_examples=60)
@given(st.integers(1, 130), st.integers(1, 130), st.integers(1, 3), st.integers(0, 99))
@example(2 * HEIGHT, 2 * WIDTH, 2, 0)
@example(3 * HEIGHT, WIDTH, 1, 0)
@example(2 * HEIGHT + 5, WIDTH + 3, 1, 0)
@example(HEIGHT, WIDTH + 1, 1, 0)
@example(1, 1, 1, 0)
@example(400, 300, 1, 0)
def test_it_resizes_as_regraft_does(height: int, width: int, batch: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (batch, height, width, 3), np.uint8)
    found = _compiled()(images)[0]
    expected = np.stack([resize(image, HEIGHT, WIDTH) for image in images])
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_an_image_of_the_right_size_comes_out_as_it_is() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, HEIGHT, WIDTH, 3), np.uint8)
    np.testing.assert_array_equal(_compiled()(images)[0], images)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_whole_factors_give_the_mean_of_what_is_covered(factor: int) -> None:
    small = np.random.default_rng(factor).integers(0, 25, (HEIGHT, WIDTH, 3))
    image = np.zeros((factor * HEIGHT, factor * WIDTH, 3), np.uint8)
    image[::factor, ::factor] = small * 10  # one pixel of each factor × factor
    np.testing.assert_allclose(_compiled()(image[None])[0][0], small * 10 / factor**2, atol=0.501)
