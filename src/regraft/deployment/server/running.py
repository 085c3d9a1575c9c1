"""The server at work: from the socket to the last answer."""

from __future__ import annotations

import logging
import math
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from regraft.deployment.server.app import create_app
from regraft.deployment.server.connections import Connection
from regraft.deployment.server.models import Models
from regraft.deployment.server.settings import ServerSettings
from regraft.errors import InputError

_IDLE = 30  # seconds that a connection may stay open without a request: longer than most clients' own


class Server(uvicorn.Server):  # type: ignore[misc]
    """uvicorn that says it is not ready as soon as it has been told to end."""

    def __init__(self, config: uvicorn.Config, models: Models) -> None:
        super().__init__(config)
        self._models = models

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ends gracefully; asked a second time with Ctrl-C, at once."""
        self._models.draining = True
        super().handle_exit(sig, frame)


def make_server(models: Models, settings: ServerSettings, *, verbose: bool = False) -> Server:
    """A server that has not begun; `run(sockets=[…])` serves until SIGTERM, SIGINT or `should_exit`.

    On its end, what was accepted is answered first, for as long as a request may take: once for its body, once for its
    answer.
    """
    config = uvicorn.Config(
        create_app(models, settings),
        log_level="info" if verbose else "warning",
        access_log=verbose,
        server_header=False,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=math.ceil(2 * settings.timeout) + 1,
        http=Connection,
        ws="none",
    )
    if not verbose:
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return Server(config, models)


def listen(settings: ServerSettings) -> socket.socket:
    """The socket, open for connections.

    Raises:
        InputError: the address is taken, or not of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(2048)  # from here on nobody else can take the port; who connects waits for the models
        except OSError:
            bound.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        raise InputError(
            f"The server cannot listen on {settings.host}, port {settings.port}.",
            received=str(error),
            hint="choose another --port (0 takes a free one) or --host",
        ) from error
    return bound


def address_of(bound: socket.socket) -> str:
    """Where a browser finds it: `http://127.0.0.1:8000/`."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(
    models: Models,
    settings: ServerSettings,
    bound: socket.socket,
    *,
    verbose: bool = False,
    tell: Callable[[str], Any] = lambda line: None,
) -> None:
    """Serves until SIGTERM or SIGINT (Ctrl-C), then answers what it has accepted and returns."""
    server = make_server(models, settings, verbose=verbose)
    # uvicorn raises the signal again when it is done, for the handlers from before: these take it as done.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run(sockets=[bound])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    tell("Stopped; all that was accepted has been answered." if not server.force_exit else "Stopped at once.")
