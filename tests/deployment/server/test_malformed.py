"""What no honest client sends: never an answer of the 500s, and the server answers the next one."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from served_models import Answer, Served, ask, form, picture, served

INFER = "/v2/models/colours/infer"
ONE = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(picture()).decode()]}
PIXELS = {"name": "image", "shape": [1, 1, 1, 3], "datatype": "UINT8", "data": [1, 2, 3]}


def send(server: Served, requests: list[tuple[str, bytes, dict[str, str]]]) -> list[Answer]:
    """All of them, one after the other; then a good one, which must be answered."""

    async def each() -> list[Answer]:
        answers = [await ask(server.app, "POST", path, body, **headers) for path, body, headers in requests]
        good = await ask(server.app, "POST", INFER, json.dumps({"inputs": [ONE]}).encode())
        assert good.status == 200
        return answers

    answers = asyncio.run(each())
    for (path, body, headers), answer in zip(requests, answers, strict=True):
        assert 400 <= answer.status < 500, (path, body[:200], headers, answer)
        assert answer.json["error"], (path, body[:200], headers)
    return answers


def infer(content: Any, **headers: str) -> tuple[str, bytes, dict[str, str]]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return INFER, body, headers


WRONG: list[Any] = [None, True, 0, -1, 1.5, 1e300, 2**63, 2**64, 10**400, "", "x", "\0", [], {}, [[]], [None], {"a": 1}]


def test_wrong_values_in_every_place(server: Served) -> None:
    """Each member of the request replaced by something of another kind."""
    requests = []
    for wrong in WRONG:
        requests.append(infer(wrong))
        if wrong is not None:  # null is no value, and these are optional
            requests += [infer({"inputs": [ONE], "id": wrong})] if not isinstance(wrong, str) else []
            requests += [infer({"inputs": [ONE], "outputs": wrong})] if wrong != [] else []
            requests += [infer({"inputs": [ONE], "parameters": wrong})] if not isinstance(wrong, dict) else []
            requests += [infer({"inputs": [ONE | {"parameters": wrong}]})] if not isinstance(wrong, dict) else []
        requests += [infer({"inputs": wrong}), infer({"inputs": [wrong]}), infer({"inputs": [ONE, wrong]})]
        for base in (ONE, PIXELS):
            requests += [infer({"inputs": [base | {key: wrong}]}) for key in base]
            requests += [infer({"inputs": [base | {"shape": [wrong]}]})] if wrong != 1 else []
            requests += [infer({"inputs": [base | {"shape": [wrong, 1, 1, 3]}]})]
            requests += [infer({"inputs": [base | {"data": [wrong]}]})]
            requests += (
                [infer({"inputs": [base | {"parameters": {"binary_data_size": wrong}}]})] if wrong is not None else []
            )
        requests += [
            infer({"inputs": [ONE], "outputs": [wrong]}),
            infer({"inputs": [ONE], "outputs": [{"name": wrong}]}),
        ]
        for name, kind in (("binary_data", bool), ("classification", int)):
            if type(wrong) is not kind or wrong == -1:
                output = {"name": "probabilities", "parameters": {name: wrong}}
                requests.append(infer({"inputs": [ONE], "outputs": [output]}))
    assert len(requests) > 400
    send(server, requests)


def test_wrong_shapes(server: Served) -> None:
    shapes = [
        [0],
        [-1],
        [2],
        [1, 2],
        [1, 1, 1],
        [1, 1, 3],
        [3],
        [1, 3, 1, 1],
        [1, 1, 1, 4],
        [0, 1, 1, 3],
        [-1, -1, 1, 3],
    ]
    shapes += [[2**31, 2**31, 1, 3], [2**63, 2, 1, 3], [1, 2**64 - 1, 1, 3], [64, 10**9, 10**9, 3], [65, 1, 1, 3]]
    requests = [infer({"inputs": [PIXELS | {"shape": shape}]}) for shape in shapes]
    nested = [[[[1, 2, 3]]]], [[[[1, 2]]]], [[[1, 2, 3]]], [[1, 2, 3]], [[[[1, 2, 3]], [[1]]]], [[[[1, 2, "3"]]]]
    requests += [infer({"inputs": [PIXELS | {"shape": [1, 1, 2, 3], "data": data}]}) for data in nested]
    requests += [infer({"inputs": [PIXELS | {"data": data}]}) for data in ([1, 2, 256], [1, 2, -1], [1, 2, 2.5], [1])]
    send(server, requests)


def test_broken_json(server: Served) -> None:
    good = json.dumps({"inputs": [ONE]}).encode()
    requests = [infer(good[:length]) for length in range(0, len(good), 3)]
    deep = [b"[" * 100_000, b'{"a":' * 50_000, b'{"inputs":' + b"[" * 5000 + b"]" * 5000 + b"}"]
    odd = [
        b'{"inputs": [NaN]}',
        b'{"inputs": Infinity}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"id": "\\ud800"}',
        b"\0" * 99,
    ]
    numbers = b'{"inputs": [{"name": "image", "shape": [' + b"9" * 50_000 + b'], "datatype": "BYTES", "data": [""]}]}'
    send(server, requests + [infer(body) for body in [*deep, *odd, numbers]])


def test_lengths_that_lie(server: Served) -> None:
    element = len(picture()).to_bytes(4, "little") + picture()
    head = json.dumps({"inputs": [{**ONE, "data": None, "parameters": {"binary_data_size": len(element)}}]})
    head = head.replace('"data": null, ', "")
    good = head.encode() + element
    requests = []
    for length in (
        "",
        "x",
        "-1",
        "1e3",
        "0",
        "1",
        "\xb2",
        str(len(good) + 1),
        "9" * 40,
        str(len(head) - 1),
        str(len(head) + 1),
    ):
        requests.append(infer(good, inference_header_content_length=length))
    for binary in (b"", element[:3], element[:-1], element + b"\0", element * 2, b"\xff" * 8, bytes(4)):
        told = head.replace(str(len(element)), str(len(binary))).encode()
        for body in (head.encode() + binary, told + binary):
            if body != good and binary != bytes(4):
                length = len(told) if body.startswith(told) else len(head)
                requests.append(infer(body, inference_header_content_length=str(length)))
    send(server, requests)


def bomb(width: int, height: int) -> bytes:
    """A whole PNG file of one grey level, tiny for its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed = zlib.compress(bytes(100_000), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_bombs(server: Served) -> None:
    image = {"content_type": "image/png"}
    requests = [
        ("/predict", bomb(50_000, 50_000), image),
        ("/predict", bomb(2**31 - 1, 2**31 - 1), image),
        ("/predict", b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20), image),
        ("/predict", gzip.compress(bytes(5_000_000)), {**image, "content_encoding": "gzip"}),
        ("/predict", zlib.compress(bytes(5_000_000)), {**image, "content_encoding": "deflate"}),
        ("/predict", gzip.compress(gzip.compress(bytes(5_000_000))), {**image, "content_encoding": "gzip"}),
        ("/predict", b"", {**image, "content_encoding": "br"}),
        ("/predict", b"", {**image, "content_length": "9" * 18}),
        infer({"inputs": [ONE | {"data": [base64.b64encode(bomb(50_000, 50_000)).decode()]}]}),
    ]
    answers = send(server, requests)
    assert ["pixels" in answers[0].json["error"], answers[3].status] == [True, 413]


def test_broken_forms(server: Served) -> None:
    body, content_type = form(("a.png", picture()), ("b.png", picture()))
    requests = [("/predict", body[:length], {"content_type": content_type}) for length in range(0, len(body) - 4, 7)]
    start = b'--frontier\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n'
    odd = [
        start,
        start * 50,
        b"--frontier--",
        b"--frontier\r\n\r\n\r\n--frontier--\r\n",
        b"--frontier\r\n" + b"x" * 50_000,
        b"--frontier\r\nContent-Disposition\r\n\r\nx\r\n--frontier--\r\n",
        b"--frontier\r\n: x\r\n\r\nx\r\n--frontier--\r\n",
        b'--frontier\r\nContent-Disposition: form-data; name="\xff"; filename="\xff\0"\r\n\r\nx\r\n--frontier--\r\n',
        b"\r\n".join([start + b"\r\nx"] * 70) + b"\r\n--frontier--\r\n",
        body.replace(b"frontier", b"elsewhere"),
    ]
    requests += [("/predict", data, {"content_type": content_type}) for data in odd]
    kinds = [
        "multipart/form-data",
        "multipart/mixed; boundary=frontier",
        "multipart/form-data; boundary=\xff",
        "",
        "\xff/;;=",
    ]
    requests += [("/predict", body, {"content_type": kind}) for kind in kinds]
    send(server, requests)


def test_broken_pictures(server: Served) -> None:
    """Each picture with bytes cut off or changed: an answer or a reason, both are right."""
    draw = random.Random(0)
    requests = []
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"):
        whole = picture(kind=kind)
        for _ in range(8):
            broken = bytearray(whole[: draw.randrange(len(whole)) + 1])
            for _ in range(4):
                broken[draw.randrange(len(broken))] = draw.randrange(256)
            requests.append(("/predict", bytes(broken), {"content_type": "image/x"}))

    async def each() -> list[int]:
        return [(await ask(server.app, "POST", path, body, **headers)).status for path, body, headers in requests]

    assert set(asyncio.run(each())) <= {200, 400}


@pytest.mark.slow
def test_thousands_of_requests_made_from_the_document(tmp_path: Path) -> None:
    """By schemathesis: what the document allows, and what it does not; the answers are as the document says."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import GenerationMode
    from schemathesis.checks import (
        content_type_conformance,
        not_a_server_error,
        response_schema_conformance,
        status_code_conformance,
    )

    made = served(tmp_path, host="0.0.0.0")
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    schema = schemathesis.openapi.from_asgi("/openapi.json", made.app)
    operations = [result.ok() for result in schema.get_all_operations()]
    sent = 0
    share = -(-5000 // sum(operation.method.upper() == "POST" for operation in operations))
    for operation in operations:
        posts = operation.method.upper() == "POST"
        # Any string can be a path's: where there is no body, nothing can be sent wrong.
        modes = list(GenerationMode) if posts else [GenerationMode.POSITIVE]
        for mode in modes:
            many = share // 2 if posts else 20

            @settings(
                max_examples=many, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def asked(case: Any) -> None:
                nonlocal sent
                sent += 1
                case.call_and_validate(checks=checks)

            asked()
    assert sent >= 5000
    assert made.ask("POST", "/predict", picture(), content_type="image/png").status == 200
    made.models.close()
