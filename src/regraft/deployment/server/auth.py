"""Who may ask: the token, the name the server was called by, and the page that a request comes from."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from regraft.deployment.server.problems import RequestError, error_response
from regraft.deployment.server.settings import ServerSettings

FREE = frozenset({"/", "/favicon.ico", "/v2/health/live", "/v2/health/ready"})
"""Paths that need no token: what an orchestrator asks, and the page without anything in it."""

FREE_UNDER = "/static/"
"""All below needs none either: the page's script and styles."""

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Guard:
    """ASGI middleware that lets through what may be asked.

    - `Authorization: Bearer TOKEN`, where the server has a token, on everything but `FREE`.
    - A server on the loopback answers only to its local names: a web page whose own name was made to point here (DNS
      rebinding) comes with another `Host`.
    - What changes something (all but GET and HEAD) may not come from a page of another site. There are no CORS headers,
      so such a page could not read the answer, yet its request would have been carried out.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._token = None if settings.token is None else settings.token.encode()
        self._names = _LOCAL_NAMES | {settings.host, f"[{settings.host}]"} if settings.loopback else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the app, or answers in its place."""
        if scope["type"] == "http":
            try:
                self._check(scope["method"], scope["path"], dict(scope["headers"]))
            except RequestError as error:
                await error_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self._names is not None and host and _without_port(host) not in self._names:
            raise RequestError(403, "This server answers on its own machine only, as localhost or 127.0.0.1.")
        origin = headers.get(b"origin")
        if origin is not None and method not in ("GET", "HEAD") and _place(origin.decode("latin-1").lower()) != host:
            raise RequestError(403, "This request comes from a page of another site.")
        if self._token is None or path in FREE or path.startswith(FREE_UNDER):
            return
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
            raise RequestError(
                401,
                "This server wants its token: Authorization: Bearer TOKEN.",
                headers={"WWW-Authenticate": "Bearer"},
            )


def _without_port(host: str) -> str:
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


def _place(origin: str) -> str:
    """Name and port of an origin; what no `Host` can be where it is none."""
    try:
        return urlsplit(origin).netloc or "none"
    except ValueError:
        return "none"
