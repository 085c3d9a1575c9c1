"""A quick stand-in for a run at work, and requests sent straight into the application."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from regraft.deployment.server.app import create_app
from regraft.deployment.server.models import Models
from regraft.deployment.server.settings import ServerSettings
from regraft.images.reading import read_image

CLASSES = ["red", "green", "blue"]


class StandIn:
    """Takes the share of a colour in the picture for its probability.

    Attributes:
        gate: computing waits for it.
        batches: how many images there were in each.
    """

    def __init__(self) -> None:
        self.classes = list(CLASSES)
        self.head = SimpleNamespace(size=(8, 8))
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []
        self.threads: set[str] = set()

    def seen(self, source: Any) -> list[Any]:
        return [read_image(source, self.head.size)]

    def probabilities(self, images: Iterable[Sequence[Any]]) -> Any:
        assert self.gate.wait(20)
        self.threads.add(threading.current_thread().name)
        means = np.array([views[0].mean(axis=(0, 1)) + 1 for views in images], np.float32).reshape(-1, 3)
        self.batches.append(len(means))
        return means / means.sum(axis=1, keepdims=True)


class Served(NamedTuple):
    """An application whose models are stand-ins."""

    app: Any
    models: Models
    stand_in: StandIn

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request, from a loop of its own."""
        return asyncio.run(ask(self.app, method, path, body, **headers))


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def served(folder: Path, names: Sequence[str] = ("colours",), **settings: Any) -> Served:
    """Models that are all one stand-in; it computes after the application has been made."""
    stand_in = StandIn()
    chosen = ServerSettings(**{"watch": 0, **settings})
    models = Models(dict.fromkeys(names, folder), chosen, load=lambda run, throughput: stand_in)  # type: ignore[arg-type,return-value]
    stand_in.batches.clear()
    return Served(create_app(models, chosen), models, stand_in)


async def ask(app: Any, method: str, path: str, body: bytes | Iterable[bytes] = b"", **headers: str) -> Answer:
    """Sends a request into an ASGI application; underscores in header names stand for hyphens.

    Several pieces of a body come one by one, without a Content-Length.
    """
    pieces = [body] if isinstance(body, bytes) else list(body)
    raw = {"host": "127.0.0.1:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if isinstance(body, bytes):
        raw.setdefault("content-length", str(len(body)))
    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in raw.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[Mapping[str, Any]] = []

    async def receive() -> Any:
        if not pieces:
            await asyncio.Event().wait()  # a client that stays until it has its answer
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    found = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))


def picture(colour: tuple[int, int, int] = (200, 20, 30), kind: str = "PNG", size: tuple[int, int] = (12, 10)) -> bytes:
    """An image file of one colour, (width, height)."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def form(*files: tuple[str, bytes], boundary: str = "frontier") -> tuple[bytes, str]:
    """A body with files, and its content type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode() + content
        for name, content in files
    ]
    body = b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={boundary}"
