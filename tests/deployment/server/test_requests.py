from __future__ import annotations

import asyncio
import gzip
import threading
from typing import Any

import pytest
from starlette.requests import Request

from regraft.deployment.server.problems import RequestError
from regraft.deployment.server.requests import off_the_loop, read_body, unless_gone
from regraft.deployment.server.settings import ServerSettings


def request(*messages: dict[str, Any], **headers: str) -> Request:
    """A request whose messages come, and then no more."""
    waiting = list(messages)

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "method": "POST", "path": "/"}, receive)


def body(data: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


def test_a_body_is_read_whole_and_unpacked() -> None:
    settings = ServerSettings()
    assert asyncio.run(read_body(request(body(b"ab", True), body(b"c")), settings)) == b"abc"
    packed = request(body(gzip.compress(b"abc")), content_encoding="gzip")
    assert asyncio.run(read_body(packed, settings)) == b"abc"


@pytest.mark.parametrize(
    ("messages", "status"), [([body(b"a", True)], 408), ([body(b"a", True), {"type": "http.disconnect"}], 499)]
)
def test_a_body_that_does_not_come(messages: list[dict[str, Any]], status: int) -> None:
    with pytest.raises(RequestError) as caught:
        asyncio.run(read_body(request(*messages), ServerSettings(timeout=0.02)))
    assert caught.value.status == status


def test_a_body_that_stops_coming_is_not_waited_for_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft.deployment.server.requests._STALLED", 0.02)
    for sent in ([], [body(b"a", True), body(b"b", True)]):
        with pytest.raises(RequestError, match="stopped coming") as caught:
            asyncio.run(read_body(request(*sent), ServerSettings(timeout=1e6)))
        assert caught.value.status == 408


def test_long_work_is_done_in_another_thread() -> None:
    assert asyncio.run(off_the_loop(False, threading.get_ident)) == threading.get_ident()
    assert asyncio.run(off_the_loop(True, threading.get_ident)) != threading.get_ident()


def test_work_is_cancelled_when_the_client_leaves() -> None:
    cancelled = False

    async def work() -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise

    async def leave() -> None:
        with pytest.raises(RequestError, match="has left"):
            await unless_gone(request(body(b""), {"type": "http.disconnect"}).receive, work())
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert cancelled


def test_the_work_of_a_client_that_stays_is_given_or_raised() -> None:
    async def work(fails: bool) -> int:
        await asyncio.sleep(0)
        return 1 // (not fails)

    assert asyncio.run(unless_gone(request().receive, work(False))) == 1
    with pytest.raises(ZeroDivisionError):
        asyncio.run(unless_gone(request().receive, work(True)))
