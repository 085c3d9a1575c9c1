"""What the server counts, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE: str = CONTENT_TYPE_LATEST

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("regraft_requests", "Requests answered.", ["route", "status"], **own)
        self.seconds = Histogram(
            "regraft_request_seconds", "From request to answer.", ["route"], buckets=_SECONDS, **own
        )
        self.in_flight = Gauge("regraft_requests_in_flight", "Requests being worked on.", **own)
        self.images = Counter("regraft_images", "Images answered.", ["model"], **own)
        self.unreadable = Counter("regraft_unreadable_images", "Images that could not be read.", ["model"], **own)
        self.rejected = Counter("regraft_rejected_requests", "Requests refused as too much waited.", ["model"], **own)
        self.batches = Histogram("regraft_batch_images", "Images in a forward pass.", ["model"], buckets=_IMAGES, **own)
        self.queue = Gauge("regraft_queue_images", "Images accepted, not yet answered.", ["model"], **own)
        self.loads = Counter("regraft_model_loads", "Runs loaded, or not.", ["model", "outcome"], **own)

    def watch_queue(self, model: str, depth: Callable[[], float]) -> None:
        """Asks for the depth of a model's queue whenever the numbers are read."""
        self.queue.labels(model).set_function(depth)

    def text(self) -> bytes:
        """All of them, in the text format."""
        return bytes(generate_latest(self.registry))


class Measured:
    """ASGI middleware that counts requests by route and status, and measures how long they take."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the app and looks at the status it sends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = "500", time.perf_counter()

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, seen)
        finally:
            self._metrics.in_flight.dec()
            # The route's pattern, never the path: names from outside would make ever more rows.
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, status).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start)
