from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from served_models import served

from regraft.deployment.server import connections
from regraft.deployment.server.running import listen, make_server
from regraft.deployment.server.settings import ServerSettings

GOOD = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    made = served(tmp_path_factory.mktemp("run"))
    settings = ServerSettings(port=0)
    server, bound = make_server(made.models, settings), listen(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "HEAD_SECONDS", 0.2)
        thread.start()
        yield bound.getsockname()[1]
        server.should_exit = True
        thread.join(20)


def closed(connection: socket.socket) -> bool:
    """Whether the other side closes, without a further word."""
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:  # closed with bytes of ours unread
        return True


@pytest.mark.parametrize(
    ("first", "begun"),
    [(b"", b""), (b"", b"GET /v2 HT"), (GOOD, b"GET /v2")],
    ids=["silent", "stalled", "a second stalls"],
)
def test_a_head_that_does_not_come_closes_the_connection(port: int, first: bytes, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(first)
        if first:
            assert b'{"live":true}' in connection.recv(65536)
        connection.sendall(begun)
        assert closed(connection)


def test_a_head_without_end_closes_the_connection(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /v2 HTTP/1.1\r\nX: " + b"x" * (connections.HEAD_BYTES + 1))
        assert closed(connection)


def test_requests_that_come_in_pieces_and_after_a_pause_are_answered(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for _ in range(3):
            connection.sendall(GOOD[:20])
            threading.Event().wait(0.09)  # three times: longer than one head may take
            connection.sendall(GOOD[20:])
            assert b'{"live":true}' in connection.recv(65536)


def test_a_refused_request_may_send_the_rest_of_its_body_and_be_followed_by_another(port: int) -> None:
    size = 4 * connections.HEAD_BYTES
    refused = b"POST /v2/models/nobody/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(refused)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")  # before any of its body
        for _ in range(4):
            connection.sendall(b"x" * connections.HEAD_BYTES)
        connection.sendall(GOOD)
        assert b'{"live":true}' in connection.recv(65536)


def test_a_refused_request_that_stops_sending_is_closed(port: int) -> None:
    refused = b"POST /v2/models/nobody/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(refused)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
        assert closed(connection)
