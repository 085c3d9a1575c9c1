from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.deployment.server.model import Answers
from regraft.deployment.server.problems import RequestError
from regraft.deployment.server.v2_tensors import InferRequest, WantedOutput, parse_request, response_body
from regraft.errors import UnreadableImageError

images = st.builds(
    lambda shape, seed: np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8),
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    st.integers(0, 99),
)


def body(tensor: dict[str, Any], **others: Any) -> bytes:
    return json.dumps({"inputs": [{"name": "image", **tensor}], **others}).encode()


@given(images)
def test_pixels_come_back_as_they_were_sent_nested_flat_and_binary(pixels: Any) -> None:
    tensor = {"datatype": "UINT8", "shape": list(pixels.shape)}
    for data in (pixels.tolist(), pixels.ravel().tolist()):
        read = parse_request(body(tensor | {"data": data}), None, 8)
        assert np.array_equal(np.stack(read.sources), pixels)
    head = body(tensor | {"parameters": {"binary_data_size": pixels.nbytes}})
    read = parse_request(head + pixels.tobytes(), str(len(head)), 8)
    assert np.array_equal(np.stack(read.sources), pixels)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.booleans())
def test_files_come_back_as_they_were_sent_in_base64_and_binary(files: list[bytes], column: bool) -> None:
    shape = [len(files), 1] if column else [len(files)]
    texts: list[Any] = [base64.b64encode(file).decode() for file in files]
    tensor = {"datatype": "BYTES", "shape": shape}
    assert parse_request(body(tensor | {"data": texts}), None, 8).sources == files
    if column:
        assert parse_request(body(tensor | {"data": [[text] for text in texts]}), None, 8).sources == files
    binary = b"".join(len(file).to_bytes(4, "little") + file for file in files)
    head = body(tensor | {"parameters": {"binary_data_size": len(binary)}})
    assert parse_request(head + binary, str(len(head)), 8).sources == files


ONE = {"datatype": "BYTES", "shape": [1], "data": [""]}


def test_outputs_are_those_that_are_asked_for() -> None:
    assert parse_request(body(ONE), None, 1).outputs == [WantedOutput("probabilities"), WantedOutput("label")]
    every = parse_request(body(ONE, parameters={"binary_data_output": True}), None, 1).outputs
    assert every == [WantedOutput("probabilities", True), WantedOutput("label", True)]
    asked = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "probabilities"}]
    both = parse_request(body(ONE, outputs=asked, parameters={"binary_data_output": True}), None, 1).outputs
    assert both == [WantedOutput("label", False), WantedOutput("probabilities", True)]
    top = parse_request(body(ONE, outputs=[{"name": "probabilities", "parameters": {"classification": 2}}]), None, 1)
    assert top.outputs == [WantedOutput("probabilities", False, 2)]


ROWS = [np.array([0.25, 0.5, 0.25], np.float32), np.array([0.125, 0.125, 0.75], np.float32)]
ANSWERS = Answers(["red", "grün", "blue"], "3", list(ROWS))


def test_a_response_in_json() -> None:
    outputs = [WantedOutput("probabilities"), WantedOutput("label")]
    content, length = response_body(InferRequest("42", [], outputs), "m", ANSWERS)
    assert length is None
    assert json.loads(content) == {
        "model_name": "m",
        "model_version": "3",
        "id": "42",
        "outputs": [
            {
                "name": "probabilities",
                "datatype": "FP32",
                "shape": [2, 3],
                "data": [0.25, 0.5, 0.25, 0.125, 0.125, 0.75],
            },
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["grün", "blue"]},
        ],
    }


def test_a_response_with_binary_tensors_in_the_order_of_the_outputs() -> None:
    outputs = [WantedOutput("label", True), WantedOutput("probabilities", True)]
    content, length = response_body(InferRequest(None, [], outputs), "m", ANSWERS)
    head = json.loads(content[:length])
    assert "id" not in head
    assert [output["parameters"]["binary_data_size"] for output in head["outputs"]] == [4 + 5 + 4 + 4, 24]
    assert content[length:] == b"\5\0\0\0gr\xc3\xbcn\4\0\0\0blue" + np.stack(ROWS).tobytes()


def test_the_likeliest_classes_equal_ones_in_their_order() -> None:
    wanted = [WantedOutput("probabilities", classes=2)]
    content, _ = response_body(InferRequest(None, [], wanted), "m", ANSWERS)
    assert json.loads(content)["outputs"] == [
        {
            "name": "probabilities",
            "datatype": "BYTES",
            "shape": [2, 2],
            "data": ["0.500000:1:grün", "0.250000:0:red", "0.750000:2:blue", "0.125000:0:red"],
        }
    ]


def test_more_classes_than_there_are_and_names_that_are_no_text() -> None:
    answers = Answers(["\udcff", "b"], "1", [np.array([0.75, 0.25], np.float32)])
    wanted = [WantedOutput("probabilities", True, classes=10**30)]
    content, length = response_body(InferRequest(None, [], wanted), "m", answers)
    assert json.loads(content[:length])["outputs"][0]["shape"] == [1, 2]
    elements = [b"0.750000:0:\\udcff", b"0.250000:1:b"]
    assert content[length:] == b"".join(len(element).to_bytes(4, "little") + element for element in elements)


def test_an_unreadable_image_is_named() -> None:
    answers = Answers(["a"], "1", [ROWS[0], UnreadableImageError("empty file")])
    with pytest.raises(RequestError, match=r"Image 1 \(counted from 0\) cannot be read: empty file") as caught:
        response_body(InferRequest(None, [], [WantedOutput("label")]), "m", answers)
    assert caught.value.status == 400
