from __future__ import annotations

from served_models import Served

from regraft.deployment.server.documents import documentation_page


def test_the_page_has_every_route_and_needs_no_network(server: Served) -> None:
    page = server.ask("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    text = page.body.decode()
    for path in server.ask("GET", "/openapi.json").json["paths"]:
        assert path in text
    assert "src=" not in text
    assert "http" not in text.replace("<!doctype html>", "")


def test_what_it_shows_is_escaped() -> None:
    document = {
        "info": {"title": "<t>", "description": "<d>"},
        "paths": {"/<p>": {"get": {"summary": "<s>"}}},
    }
    text = documentation_page(document)
    for sign in "tdps":
        assert f"&lt;{sign}&gt;" in text
        assert f"<{sign}>" not in text.replace("<p>&lt;d", "")
