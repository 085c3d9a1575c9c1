from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served_models import Served, served


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = served(tmp_path_factory.mktemp("run"), token="s3cret")
    yield made
    made.models.close()


@pytest.mark.parametrize(
    "header", [None, "s3cret", "Bearer", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "Bearer caf\xe9"]
)
def test_without_the_token_nothing_is_answered(locked: Served, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    for method, path in (("GET", "/v2"), ("GET", "/metrics"), ("GET", "/docs"), ("POST", "/predict"), ("GET", "/x")):
        answer = locked.ask(method, path, **headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "s3cret" not in answer.body.decode()


def test_with_the_token_it_is(locked: Served) -> None:
    assert locked.ask("GET", "/v2", authorization="Bearer s3cret").status == 200
    assert locked.ask("GET", "/v2", authorization="bearer s3cret").status == 200


def test_health_and_the_page_are_free(locked: Served) -> None:
    assert locked.ask("GET", "/v2/health/live").status == 200
    assert locked.ask("GET", "/v2/health/ready").status == 200
    assert locked.ask("GET", "/static/nothing.js").status != 401
    assert locked.ask("GET", "/static/../v2").status in (401, 404)  # never the protected route


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("localhost.evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("[::2]", 403),
    ],
)
def test_a_server_on_the_loopback_answers_to_local_names_only(server: Served, host: str, status: int) -> None:
    assert server.ask("GET", "/v2", host=host).status == status


def test_a_server_on_the_network_answers_to_any_name(tmp_path: Path) -> None:
    made = served(tmp_path, host="0.0.0.0")
    assert made.ask("GET", "/v2", host="models.example").status == 200
    made.models.close()


def test_pages_of_other_sites_change_nothing_here(server: Served) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9000", "http://[", "http://localhost.evil:8000"):
        assert server.ask("POST", "/predict", b"", origin=origin).status == 403
    own = server.ask("POST", "/predict", b"", origin="http://127.0.0.1:8000")
    assert own.status == 415  # let through to the route, which misses an image
    assert server.ask("GET", "/v2", origin="http://evil.example").status == 200
    assert not any(name.startswith("access-control") for name in own.headers)
