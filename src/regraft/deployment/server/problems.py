"""What a server answers when it does not do what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from regraft.errors import RegraftError


class RequestError(RegraftError):
    """A request that is not answered as asked.

    Args:
        status: of the HTTP response.
        message: for the client.
        headers: beside the usual ones.
        details: further members of the JSON object whose `error` is the message.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.headers, self.details = dict(headers or {}), dict(details or {})


class NoSuchModel(RequestError):
    """No model of that name, or not in that version, is served here."""

    def __init__(self, message: str) -> None:
        super().__init__(404, message)


class Busy(RequestError):
    """More is waiting than the server takes on; the client may ask again."""

    def __init__(self, message: str) -> None:
        super().__init__(429, message, headers={"Retry-After": "1"})


class TooLate(RequestError):
    """The answer was not there in time; the work for it has been dropped."""

    def __init__(self, seconds: float) -> None:
        super().__init__(504, f"There was no answer within {seconds:g} seconds.")


class TooLarge(RequestError):
    """The body is larger than the server takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body of a request may have {limit:,} bytes at most.")


def error_response(error: RequestError) -> JSONResponse:
    """The JSON object `{"error": …}` that every refusal is, as the Open Inference Protocol has it."""
    return JSONResponse({"error": error.message, **error.details}, error.status, error.headers)
