"""A server with the page, as `regraft serve` runs it, and a browser."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from regraft.deployment.server.models import Models
from regraft.deployment.server.running import listen, make_server
from regraft.deployment.server.settings import ServerSettings
from regraft.runs.folder import RunFolder

NAME = "small & <b>odd"
TOKEN = "a-token"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Served:
    address: str
    corrections: Path

    def ask(self, path: str, body: bytes | None = None, method: str | None = None, **headers: str) -> Reply:
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=20) as reply:
                return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


@pytest.fixture(scope="session")
def page_run(small_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The small run with one class whose name would be HTML, were it not shown as text; and a report."""
    folder = tmp_path_factory.mktemp("page") / "run"
    shutil.copytree(small_run.path, folder)
    run = RunFolder(folder)
    classes = run.classes()
    run.write_classes([*classes[:-1], "<img src=x onerror=alert(1)>"])
    run.report.write_text("<!doctype html><title>The report</title><p style='color: red'>Report</p>")
    return run


def _serving(run: RunFolder, folder: Path, **settings: Any) -> Iterator[Served]:
    chosen = ServerSettings(port=0, corrections=folder, watch=0, max_pixels=1_000_000, max_body=2_000_000, **settings)
    models = Models({NAME: run.path, "again": run.path}, chosen)
    server, bound = make_server(models, chosen), listen(chosen)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        yield Served(f"http://127.0.0.1:{bound.getsockname()[1]}", folder)
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def served(page_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two models, both the small run, without a token."""
    yield from _serving(page_run, tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="session")
def guarded(page_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same with a token."""
    yield from _serving(page_run, tmp_path_factory.mktemp("kept"), token=TOKEN)
