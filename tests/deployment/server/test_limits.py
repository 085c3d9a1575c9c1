from __future__ import annotations

import asyncio
import gzip
import io
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from served_models import Served, ask, form, picture, served

from regraft.deployment.server.limits import check_pixels, unpacked
from regraft.deployment.server.problems import RequestError
from regraft.errors import UnreadableImageError


@given(st.binary(max_size=300))
def test_packed_bodies_are_unpacked(content: bytes) -> None:
    for packed, encoding in (
        (gzip.compress(content, mtime=0), "gzip"),
        (zlib.compress(content), "deflate"),
        (content, ""),
    ):
        assert unpacked(packed, encoding, 300) == content


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with pytest.raises(RequestError) as caught:
        unpacked(bomb, "gzip", 1000)
    assert caught.value.status == 413
    assert unpacked(gzip.compress(bytes(1000)), "gzip", 1000) == bytes(1000)


@pytest.mark.parametrize(
    ("packed", "encoding", "status"),
    [
        (b"", "br", 415),
        (b"", "gzip, gzip", 415),
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"abc", mtime=0)[:-3], "gzip", 400),
        (gzip.compress(b"abc", mtime=0) + b"more", "gzip", 400),
    ],
)
def test_what_cannot_be_unpacked_is_refused(packed: bytes, encoding: str, status: int) -> None:
    with pytest.raises(RequestError) as caught:
        unpacked(packed, encoding, 1000)
    assert caught.value.status == status


def png_of(width: int, height: int) -> bytes:
    """The start of a PNG file that says it is this large."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 1000) + b"IDAT" + bytes(9)


def test_pixels_are_counted_from_the_header() -> None:
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"):
        file = io.BytesIO()
        Image.new("RGB", (20, 10)).save(file, kind)
        check_pixels(file.getvalue(), 200)
        with pytest.raises(UnreadableImageError, match="20×10 pixels, over this server's limit of 199"):
            check_pixels(file.getvalue(), 199)
    with pytest.raises(UnreadableImageError, match="10000×9999 pixels"):
        check_pixels(png_of(10_000, 9_999), 50_000_000)
    check_pixels(b"no image", 1)  # the reader says so


def test_a_body_that_says_it_is_too_large_is_not_read(server: Served) -> None:
    answer = server.ask("POST", "/predict", b"", content_length="200001")
    assert answer.status == 413
    assert "200,000" in answer.json["error"]


def test_a_body_that_does_not_say_is_refused_at_the_byte_too_many(server: Served) -> None:
    pieces = [bytes(50_000)] * 10
    answer = asyncio.run(ask(server.app, "POST", "/predict", iter(pieces), content_type="image/png"))
    assert answer.status == 413
    exact = picture() + bytes(200_000 - len(picture()))
    assert server.ask("POST", "/predict", exact, content_type="image/png").status == 200


def test_bodies_are_no_longer_counted_when_they_are_answered(server: Served) -> None:
    body, content_type = form(("a", picture()))
    for _ in range(3):
        server.ask("POST", "/predict", body, content_type=content_type)
    layer = server.app.middleware_stack
    while not hasattr(layer, "_held"):
        layer = getattr(layer, "_app", None) or layer.app
    assert layer._held == 0


def test_all_bodies_together_have_a_limit(tmp_path: Path) -> None:
    made = served(tmp_path, max_held=2 * len(picture()))
    made.stand_in.gate.clear()

    async def three() -> list[int]:
        requests = [
            asyncio.create_task(ask(made.app, "POST", "/predict", picture(), content_type="image/png"))
            for _ in range(3)
        ]
        await asyncio.sleep(0.05)
        made.stand_in.gate.set()
        again = [await request for request in requests]
        again.append(await ask(made.app, "POST", "/predict", picture(), content_type="image/png"))
        return [answer.status for answer in again]

    assert asyncio.run(three()) == [200, 200, 429, 200]
    made.models.close()
