"""A way to a run's report for a browser tab, which cannot send the server's token with it."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict


class Tickets:
    """Random names that stand for a model for a while; who has one has shown the token a moment ago.

    Args:
        seconds: how long one is good.
        most: how many there are at once; the oldest go first.
    """

    def __init__(self, seconds: float = 600.0, most: int = 256) -> None:
        self._seconds, self._most = seconds, most
        self._models: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def new(self, model: str) -> str:
        """A ticket for a model's report."""
        ticket = secrets.token_urlsafe(24)
        self._models[ticket] = (model, time.monotonic() + self._seconds)
        while len(self._models) > self._most:
            self._models.popitem(last=False)
        return ticket

    def model(self, ticket: str) -> str | None:
        """The model it stands for; None if there is no such ticket, or no longer."""
        name, until = self._models.get(ticket, ("", 0.0))
        return name if time.monotonic() < until else None
