"""Limits that hold before any work is done: the size of a body, packed and unpacked, and the pixels of a picture."""

from __future__ import annotations

import zlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from regraft.deployment.server.problems import Busy, RequestError, TooLarge
from regraft.deployment.server.settings import ServerSettings
from regraft.errors import UnreadableImageError
from regraft.images._pillow import open_image, without_pillow_warnings

_JPEG_START = b"\xff\xd8\xff"


class BodyLimit:
    """ASGI middleware that counts the bytes of bodies as they come in: of each, and of all in work together.

    A body that says it is too large is refused unread; one that turns out to be is refused at the byte too many.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app, self._settings = app, settings
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the app with a `receive` that counts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, own = self._settings.max_body, 0

        async def counted() -> Message:
            nonlocal own
            if own == 0 and _declared(scope) > limit:
                raise TooLarge(limit)
            message = await receive()
            if size := len(message.get("body", b"")):
                own += size
                self._held += size
                if own > limit:
                    raise TooLarge(limit)
                if self._held > self._settings.max_held:
                    raise Busy("The server holds as much as it takes on; ask again in a moment.")
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._held -= own


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 19 else 0
    return 0


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """A body as it was before `Content-Encoding: gzip` or `deflate`, never more than `limit` bytes of it.

    Raises:
        RequestError: 415 another encoding, 400 damaged data.
        TooLarge: there would be more bytes.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise RequestError(415, "A body may be packed with gzip or deflate, nothing else.")
    # 32: the header, of gzip or of zlib, tells which of them it is.
    reader = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        content = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise RequestError(400, f"The body is no {encoding} data: {error}") from error
    if len(content) > limit:
        raise TooLarge(limit)
    if not reader.eof:
        raise RequestError(400, f"The body's {encoding} data is cut short.")
    if reader.unused_data:
        raise RequestError(400, f"There are bytes behind the body's {encoding} data.")
    return content


def check_pixels(data: bytes, limit: int) -> None:
    """Makes sure that an image file says it has no more than `limit` pixels, without decoding any.

    What cannot be told here passes: the reader has the words for it, and a last limit of its own.

    Raises:
        UnreadableImageError: it has more.
    """
    width, height = _width_and_height(data)
    if width * height > limit:
        raise UnreadableImageError(f"{width}×{height} pixels, over this server's limit of {limit:,}")


def _width_and_height(data: bytes) -> tuple[int, int]:
    if data.startswith(_JPEG_START):
        import simplejpeg

        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        except ValueError:
            pass  # Pillow may read what this one does not
        else:
            return width, height
    try:
        with without_pillow_warnings():
            width, height = open_image(data).size
    except Exception:  # broken headers raise nearly everything; the reader gives the reason
        return 0, 0
    return width, height
