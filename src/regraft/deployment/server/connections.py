"""A connection that is closed where the head of a request does not come, or does not end."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""Of a request line and its headers together; honest ones have some hundred."""

HEAD_SECONDS = 10.0
"""From the opening of a connection, or the first byte of a further request on it, to the end of the head."""


class Connection(HttpToolsProtocol):  # type: ignore[misc]
    """uvicorn's own, which waits for a head for ever and keeps whatever is sent as one.

    Without a limit, a client that opens connections and says nothing holds all files that this process may open, and
    one that sends a header without end its memory.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_bytes = 0
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Reads on; what leaves no request in work is part of a head."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head_is_there()
            return
        self._head_bytes += len(data)
        self._wait_for_head()
        if self._head_bytes > HEAD_BYTES:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
        self._head_is_there()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_is_there(self) -> None:
        self._head_bytes = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None
