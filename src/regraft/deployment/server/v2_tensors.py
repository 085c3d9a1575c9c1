"""Tensors of the Open Inference Protocol: an inference request's body as images, answers as a response's body.

The JSON is that of KServe's "Open Inference Protocol, HTTP/REST"; binary tensors behind it ("binary_tensor_data") and
`classification` are the extensions of those names, as NVIDIA's Triton documents them.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json

from regraft.deployment.server.model import Answers, Source
from regraft.deployment.server.problems import RequestError

OUTPUTS = ("probabilities", "label")


@dataclass(frozen=True)
class WantedOutput:
    """An output as the client wants it: binary or JSON, as it is or as the likeliest so many classes."""

    name: str
    binary: bool = False
    classes: int = 0


@dataclass(frozen=True)
class InferRequest:
    """What an inference request holds."""

    id: str | None
    sources: list[Source]
    outputs: list[WantedOutput]


def parse_request(body: bytes, header_length: str | None, max_images: int) -> InferRequest:
    """Reads the body of an inference request.

    Args:
        body: JSON, and binary tensors behind it.
        header_length: `Inference-Header-Content-Length`: how many bytes of it are JSON; None: all.
        max_images: in one request.

    Raises:
        RequestError: 400, with what is wrong; 413, too many images.
    """
    end = len(body) if header_length is None else _header_length(header_length, len(body))
    try:
        content = from_json(body[:end], allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(400, f"The request is no JSON object: {error}") from None
    _check(content, dict, "the request")
    request_id = content.get("id")
    if request_id is not None:
        _check(request_id, str, "id")
    inputs = _check(content.get("inputs"), list, "inputs")
    if len(inputs) != 1:
        raise _wrong("inputs", "one tensor, 'image'", f"{len(inputs)} tensors")
    outputs = _outputs(content)
    return InferRequest(request_id, _images(inputs[0], memoryview(body)[end:], max_images), outputs)


def _header_length(text: str, total: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19) or int(text) > total:
        raise _wrong("Inference-Header-Content-Length", f"a number of bytes up to the body's {total}", repr(text[:40]))
    return int(text)


def _outputs(content: dict[str, Any]) -> list[WantedOutput]:
    always = _parameters(content, "the request").get("binary_data_output", False)
    _check(always, bool, "binary_data_output")
    wanted: list[WantedOutput] = []
    listed = content.get("outputs")
    for output in _check([] if listed is None else listed, list, "outputs"):
        name = _check(_check(output, dict, "an output").get("name"), str, "an output's name")
        if name not in OUTPUTS or name in (other.name for other in wanted):
            raise _wrong("outputs", f"each of {', '.join(OUTPUTS)} once at most", repr(name[:80]))
        parameters = _parameters(output, f"the output {name}")
        binary = _check(parameters.get("binary_data", always), bool, "binary_data")
        classes = _check(parameters.get("classification", 0), int, "classification")
        if classes < 0 or (classes and name != "probabilities"):
            raise _wrong(
                "classification", "a number of classes, for the output probabilities", f"{_brief(classes)} for {name}"
            )
        wanted.append(WantedOutput(name, binary, classes))
    return wanted or [WantedOutput(name, always) for name in OUTPUTS]


def _images(tensor: Any, binary: memoryview, max_images: int) -> list[Source]:
    _check(tensor, dict, "an input")
    name, datatype = tensor.get("name"), tensor.get("datatype")
    if name != "image":
        raise _wrong("the input's name", "'image'", _brief(name))
    shape = _check(tensor.get("shape"), list, "shape")
    if any(type(length) is not int or not 0 < length < 2**64 for length in shape):
        raise _wrong("shape", "whole numbers of at least 1, in 64 bits", _brief(shape))
    if shape and shape[0] > max_images:
        raise RequestError(413, f"A request may have {max_images} images at most; this one has {shape[0]}.")
    size = _parameters(tensor, "the input").get("binary_data_size")
    if size is None:
        if len(binary):
            raise _wrong("the body", "nothing behind its JSON, as no binary_data_size is given", f"{len(binary)} bytes")
    else:
        if _check(size, int, "binary_data_size") != len(binary):
            raise _wrong("binary_data_size", f"the {len(binary)} bytes behind the JSON", str(size)[:40])
        if "data" in tensor:
            raise _wrong("the input", "data or binary_data_size", "both")
    data = None if size is not None else _check(tensor.get("data"), list, "data")
    match datatype:
        case "BYTES":
            if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
                raise _wrong("shape", "[n] or [n, 1] for BYTES", _brief(shape))
            return _from_binary(binary, shape[0]) if data is None else _from_base64(data, shape)
        case "UINT8":
            if len(shape) != 4 or shape[3] != 3:
                raise _wrong("shape", "[n, height, width, 3] for UINT8", _brief(shape))
            pixels = binary if data is None else _pixels(data, shape)
            if len(pixels) != math.prod(shape):
                raise _wrong("the tensor", f"{math.prod(shape)} values for the shape {_brief(shape)}", str(len(pixels)))
            return list(np.frombuffer(pixels, np.uint8).reshape(shape))
        case _:
            raise _wrong("datatype", "BYTES (image files) or UINT8 (pixels)", _brief(datatype))


def _from_binary(binary: memoryview, count: int) -> list[Source]:
    """Elements with their lengths before them, four bytes little-endian each."""
    elements: list[Source] = []
    start = 0
    while start < len(binary):
        length = int.from_bytes(binary[start : start + 4], "little")
        start, end = start + 4, start + 4 + length
        if end > len(binary) or len(elements) == count:
            raise _wrong("the BYTES tensor", f"{count} elements, each behind its length in 4 bytes", "other bytes")
        elements.append(bytes(binary[start:end]))
        start = end
    if len(elements) != count:
        raise _wrong("the BYTES tensor", f"{count} elements", str(len(elements)))
    return elements


def _from_base64(data: list[Any], shape: list[int]) -> list[Source]:
    if len(shape) == 2 and data and isinstance(data[0], list):
        data = _one_level_less(data, 1)
    if len(data) != shape[0]:
        raise _wrong("data", f"{shape[0]} elements for the shape {_brief(shape)}", str(len(data)))
    try:
        return [base64.b64decode(_check(text, str, "an element of data"), validate=True) for text in data]
    except (binascii.Error, ValueError):
        raise _wrong("data", "image files in base64 (RFC 4648)", "other characters") from None


def _pixels(data: list[Any], shape: list[int]) -> bytes:
    if data and isinstance(data[0], list):
        for length in shape[1:]:
            data = _one_level_less(data, length)
    try:
        return bytes(data)
    except (TypeError, ValueError):
        raise _wrong("data", "whole numbers from 0 to 255, nested as the shape says or flat", "other values") from None


def _one_level_less(data: list[Any], length: int) -> list[Any]:
    if set(map(type, data)) != {list} or set(map(len, data)) != {length}:
        raise _wrong("data", "lists nested as the shape says, or one flat list", "other lists")
    return list(chain.from_iterable(data))


def response_body(request: InferRequest, model_name: str, answers: Answers) -> tuple[bytes, int | None]:
    """The body of an inference response.

    Returns:
        The bytes, and how many of them are JSON where binary tensors follow (else None).

    Raises:
        RequestError: 400, an image cannot be read.
    """
    probabilities = answers.matrix()
    outputs, binaries = [], []
    for wanted in request.outputs:
        datatype, tensor = _output(wanted, probabilities, answers.classes)
        output: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": list(tensor.shape)}
        if wanted.binary:
            binary = tensor.astype("<f4").tobytes() if datatype == "FP32" else _with_lengths(tensor.ravel().tolist())
            binaries.append(binary)
            output["parameters"] = {"binary_data_size": len(binary)}
        else:
            output["data"] = tensor.ravel().tolist()
        outputs.append(output)
    content: dict[str, Any] = {"model_name": model_name, "model_version": answers.version, "outputs": outputs}
    if request.id is not None:
        content["id"] = request.id
    header = json.dumps(content).encode()
    return b"".join((header, *binaries)), len(header) if binaries else None


def _output(wanted: WantedOutput, probabilities: npt.NDArray[np.float32], classes: list[str]) -> tuple[str, Any]:
    if wanted.classes:
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : wanted.classes]
        rows = [
            [f"{row[index]:f}:{index}:{classes[index]}" for index in best]
            for row, best in zip(probabilities, order, strict=True)
        ]
        return "BYTES", np.array(rows, object)
    if wanted.name == "label":
        return "BYTES", np.array([classes[index] for index in probabilities.argmax(axis=1)], object)
    return "FP32", probabilities


def _with_lengths(texts: Sequence[str]) -> bytes:
    # Half characters (lone surrogates), which a file name may hold, have no UTF-8.
    each = [text.encode("utf-8", "backslashreplace") for text in texts]
    return b"".join(len(data).to_bytes(4, "little") + data for data in each)


def _parameters(of: dict[str, Any], where: str) -> dict[str, Any]:
    given = of.get("parameters")
    parameters: dict[str, Any] = _check({} if given is None else given, dict, f"parameters of {where}")
    if "shared_memory_region" in parameters:
        raise RequestError(400, "This server has no shared memory: send tensors in the body.")
    return parameters


_NAMES = {dict: "an object", list: "an array", str: "a string", int: "a whole number", bool: "true or false"}


def _check(value: Any, kind: type, where: str) -> Any:
    if type(value) is not kind:
        raise _wrong(where, _NAMES[kind], _brief(value))
    return value


def _wrong(where: str, expected: str, received: str) -> RequestError:
    return RequestError(400, f"For {where}, {expected} is expected; received: {received}.")


def _brief(value: Any) -> str:
    if isinstance(value, (list, dict)) and len(value) > 8:
        return f"{_NAMES[type(value)]} of {len(value)}"
    text = json.dumps(value) if not isinstance(value, (list, dict)) else repr(value)[:1000]
    return text if len(text) <= 80 else text[:79] + "…"
