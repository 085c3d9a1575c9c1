"""ONNX networks in lower precision, on one small matrix product by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from regraft.deployment._onnx_quantizing import in_half_precision, in_whole_numbers

WEIGHTS = np.array([[1.0, -100.0], [0.5, 25.0], [0.25, 50.0]], np.float32) / 255


def network() -> Any:
    """`image` (n, 1, 1, 3) → `probabilities` (n, 2): pixels times `WEIGHTS`, whose columns differ a hundredfold."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["pixels", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["probabilities"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([-1, 3], np.int64), "shape"),
        numpy_helper.from_array(WEIGHTS, "weights"),
    ]
    taken = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 1, 1, 3])
    given = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "small", [taken], [given], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def answers(model: Any, images: Any) -> Any:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})[0]


def pixels(count: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 1, 3), np.uint8)


def test_half_precision_rounds_to_eleven_bits_and_keeps_the_types_outside() -> None:
    images = pixels(50)
    found, expected = answers(in_half_precision(network()), images), images.reshape(-1, 3) @ WEIGHTS
    assert found.dtype == np.float32
    assert 0 < np.abs(found - expected).max() <= 200 * 2**-11


def test_whole_numbers_have_a_scale_for_each_channel() -> None:
    images = pixels(25)
    quantized = in_whole_numbers(network(), list(images))
    found, expected = answers(quantized, images), images.reshape(-1, 3) @ WEIGHTS
    # Seven bits: a step is 1/63 of a column's largest weight, of which three pixels take half at most; and the output.
    assert 0 < np.abs(found - expected).max() < 3 * 50 / 63
    # The small column has steps of its own, not the large one's.
    (weights,) = [
        numpy_helper.to_array(entry) for entry in quantized.graph.initializer if tuple(entry.dims) == WEIGHTS.shape
    ]
    assert weights.dtype == np.int8
    assert np.abs(weights.astype(int)).max(axis=0).tolist() == [64, 64]


def test_of_many_images_enough_are_taken_in_batches() -> None:
    from regraft.deployment._onnx_quantizing import _Calibration

    reader = _Calibration(pixels(25))
    batches = []
    while (batch := reader.get_next()) is not None:
        batches.append(batch["image"])
    assert [len(batch) for batch in batches] == [10, 10, 5]
    np.testing.assert_array_equal(np.concatenate(batches), pixels(25))
