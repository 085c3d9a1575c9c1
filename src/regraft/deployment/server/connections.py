"""A connection that is closed where the head of a request does not come, or does not end."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""Of a request line and its headers together; honest ones have some hundred."""

HEAD_SECONDS = 10.0
"""From the opening of a connection, or the first byte of a further request on it, to the end of the head; and for the
rest of a body whose request was refused."""


class Connection(HttpToolsProtocol):  # type: ignore[misc]
    """uvicorn's own, which waits for a head for ever and keeps whatever is sent as one.

    Without a limit, a client that opens connections and says nothing holds all files that this process may open, and
    one that sends a header without end its memory.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = self._in_body = False
        self._head_bytes = 0
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begins to wait for the first head."""
        super().connection_made(transport)
        self._head_begins()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on; what begins and ends within a head is part of it."""
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._head_begins()

    def on_headers_complete(self) -> None:
        """The end of its head."""
        self._in_head, self._in_body = False, True
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The end of its body."""
        self._in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Lets a client whose request was refused unread send the rest of it: many do before they read the answer."""
        super().on_response_complete()
        if self._in_body:
            self._wait()

    def _head_begins(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._wait()

    def _wait(self) -> None:
        if self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
