from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from served_models import Served, ask, picture, served

from regraft.errors import InputError


def test_the_framework_s_own_errors_have_the_protocol_s_form(server: Served) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("GET", "/v2/models/colours/", 404),
        ("POST", "/v2", 405),
        ("GET", "/v2/models/a/b/c", 404),
        ("GET", "/v2/models/../../etc/passwd", 404),
        ("GET", "/v2/models/..%2f..%2fetc%2fpasswd", 404),
    ):
        answer = server.ask(method, path)
        assert (answer.status, list(answer.json)) == (status, ["error"])


def test_the_document_has_the_routes_and_no_framework_errors(server: Served) -> None:
    paths = server.ask("GET", "/openapi.json").json["paths"]
    assert {"/predict", "/v2", "/v2/health/live", "/v2/models/{model}/versions/{version}/infer"} <= set(paths)
    for operations in paths.values():
        for operation in operations.values():
            assert "422" not in operation["responses"]


def test_a_fault_is_not_shown_to_the_client_and_the_server_lives_on(tmp_path: Path) -> None:
    made = served(tmp_path)
    made.stand_in.classes = []  # no answer can be made of it

    async def twice() -> None:
        statuses = []
        for _ in range(2):
            with pytest.raises(IndexError):  # for the log; the client has its answer by then
                await ask(made.app, "POST", "/predict", picture(), content_type="image/png")
            statuses.append((await ask(made.app, "GET", "/v2/health/live")).status)
        assert statuses == [200, 200]

    asyncio.run(twice())
    made.models.close()


def test_an_input_error_of_a_route_is_the_client_s(tmp_path: Path) -> None:
    made = served(tmp_path)

    @made.app.get("/wrong")
    async def wrong() -> None:
        raise InputError("no", expected="yes")

    answer = made.ask("GET", "/wrong")
    assert (answer.status, answer.json) == (400, {"error": "no\n  Expected: yes"})
    made.models.close()


def test_beyond_the_queue_a_request_is_refused_before_its_body_is_read(tmp_path: Path) -> None:
    made = served(tmp_path, queue=1)
    made.stand_in.gate.clear()

    async def crowd() -> None:
        first = asyncio.create_task(ask(made.app, "POST", "/predict", picture(), content_type="image/png"))
        while not made.models.default.waiting:
            await asyncio.sleep(0.001)
        for path in ("/predict", "/v2/models/colours/infer"):
            never = iter([b""])  # a body that is not JSON and no image: nobody looks at it
            second = await ask(made.app, "POST", path, never, content_type="image/png")
            assert (second.status, second.headers["retry-after"]) == (429, "1")
        made.stand_in.gate.set()
        assert (await first).status == 200

    asyncio.run(crowd())
    made.models.close()


def test_the_state_is_there_for_other_routes(server: Served) -> None:
    assert server.app.state.models is server.models
    assert server.app.state.settings.max_body == 200_000
