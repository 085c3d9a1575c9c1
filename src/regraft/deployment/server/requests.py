"""A request's body within its limits, and work that ends when the client has left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from regraft.deployment.server.limits import unpacked
from regraft.deployment.server.problems import RequestError
from regraft.deployment.server.settings import ServerSettings

_Result = TypeVar("_Result")

LARGE_JSON, LARGE_FORM = 64 * 1024, 1024 * 1024
"""Bytes: what is larger is parsed outside the event loop's thread. (A form takes a small part of JSON's time.)"""

MANY_NUMBERS = 10_000
"""In an answer: more of them are written out there, too."""

_STALLED = 10.0  # seconds without a byte of a body: whoever has stopped sending is not waited for, nor when it all ends
_GONE = 499  # as nginx has it; nobody reads this answer


async def read_body(request: Request, settings: ServerSettings) -> bytes:
    """The whole body, unpacked.

    Raises:
        RequestError: 408 it did not come in time or stopped coming, 413 too large, 415 or 400 packed in another way or
            damaged.
    """
    now = asyncio.get_running_loop().time
    end, pieces = now() + settings.timeout, []
    try:
        async with asyncio.timeout_at(min(end, now() + _STALLED)) as waiting:
            async for piece in request.stream():
                pieces.append(piece)
                waiting.reschedule(min(end, now() + _STALLED))
    except TimeoutError:
        limit = f"within {settings.timeout:g} seconds, or stopped coming for {_STALLED:g}"
        raise RequestError(408, f"The body did not come {limit}.") from None
    except ClientDisconnect:
        raise RequestError(_GONE, "The client has left.") from None
    body = b"".join(pieces)
    encoding = request.headers.get("content-encoding", "")
    if not encoding:
        return body
    return await off_the_loop(True, unpacked, body, encoding, settings.max_body)


async def off_the_loop(long: bool, function: Callable[..., _Result], *args: object) -> _Result:
    """`function(*args)`, in another thread where it takes long: the loop answers others meanwhile."""
    return await asyncio.to_thread(function, *args) if long else function(*args)


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Gives what `work` gives; where the client leaves before that, the work is cancelled.

    Args:
        receive: of the request, whose body has been read.
        work: what is to be done.

    Raises:
        RequestError: the client has left.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise RequestError(_GONE, "The client has left.")
    finally:
        task.cancel()
        gone.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
