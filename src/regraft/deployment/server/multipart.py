"""The files in a form that a browser or curl has sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from regraft.deployment.server.problems import RequestError


@dataclass(frozen=True)
class Upload:
    """A file as it was sent; the name is for the answer only."""

    name: str
    content: bytes


def uploads(body: bytes, content_type: str, most: int) -> list[Upload]:
    """The files in a `multipart/form-data` body (RFC 7578), in their order; fields that are no files are left out.

    Args:
        body: of the request.
        content_type: its header, with the boundary.
        most: files that one request may have.

    Raises:
        RequestError: 400 it is no such form, or cut short; 413 too many files.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
        raise RequestError(400, "Expected a form, multipart/form-data with a boundary of 1 to 70 characters.")
    parts = _Parts(most)
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise RequestError(400, f"The form cannot be read: {error}") from None
    if not parts.ended:
        raise RequestError(400, "The form is cut short.")
    return parts.files


class _Parts:
    """What the parser finds, part by part; it gives bytes of the body and where they begin and end."""

    def __init__(self, most: int) -> None:
        self.files: list[Upload] = []
        self.ended = False
        self._most, self._parts = most, 0
        self._field, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._data: list[bytes] = []

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self._most:
            raise RequestError(413, f"A form may have {self._most} files at most.")
        self._headers, self._data = {}, []

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _part_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        is_image = self._headers.get(b"content-type", b"").startswith(b"image/")
        if b"filename" in options or is_image:
            name = options.get(b"filename") or options.get(b"name") or b"image"
            self.files.append(Upload(name.decode("utf-8", "replace"), b"".join(self._data)))

    def _end(self) -> None:
        self.ended = True
