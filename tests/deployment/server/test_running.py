from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from served_models import picture, served

from regraft.deployment.server.running import address_of, listen, make_server, serve
from regraft.deployment.server.settings import ServerSettings
from regraft.errors import InputError


def test_on_sigterm_what_was_accepted_is_answered_and_the_server_returns(tmp_path: Path) -> None:
    made = served(tmp_path, port=0)
    settings = ServerSettings(port=0)
    bound = listen(settings)
    made.stand_in.gate.clear()
    found: list[int] = []
    told: list[str] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", bound_port, timeout=20)
        connection.request("POST", "/predict", picture(), {"Content-Type": "image/png"})
        threading.Thread(target=stop_while_it_waits).start()
        found.append(connection.getresponse().status)
        connection.close()

    def stop_while_it_waits() -> None:
        while not made.models.default.waiting:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)
        while not made.models.draining:
            time.sleep(0.005)
        found.append(0)
        made.stand_in.gate.set()

    bound_port = bound.getsockname()[1]
    thread = threading.Thread(target=client)
    thread.start()  # the socket takes connections from `listen` on, the answers come once the server runs
    before = signal.getsignal(signal.SIGTERM)
    serve(made.models, settings, bound, tell=told.append)
    thread.join(20)
    assert found == [0, 200]
    assert signal.getsignal(signal.SIGTERM) is before
    assert told == ["Stopped; all that was accepted has been answered."]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", bound_port), timeout=1)


def test_an_address_that_is_taken_or_of_another_machine() -> None:
    with listen(ServerSettings(port=0)) as bound:
        port = bound.getsockname()[1]
        assert address_of(bound) == f"http://127.0.0.1:{port}/"
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1, port {port}"):
            listen(ServerSettings(port=port))
    with pytest.raises(InputError, match="cannot listen"):
        listen(ServerSettings(host="192.0.2.1"))  # for documentation only (RFC 5737)


def test_many_clients_over_kept_connections(tmp_path: Path) -> None:
    made = served(tmp_path)
    settings = ServerSettings(port=0)
    bound = listen(settings)
    server = make_server(made.models, settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    statuses: list[int] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", bound.getsockname()[1], timeout=20)
        for _ in range(5):
            connection.request("POST", "/predict", picture(), {"Content-Type": "image/png"})
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join(20)
    server.should_exit = True
    thread.join(20)
    assert statuses == [200] * 40
    assert sum(made.stand_in.batches) == 40
    assert not thread.is_alive()
