from __future__ import annotations

import json

from regraft.deployment.server.problems import (
    Busy,
    NoSuchModel,
    RequestError,
    TooLarge,
    TooLate,
    error_response,
)


def test_every_refusal_is_an_object_with_an_error() -> None:
    for error, status in (
        (Busy("full"), 429),
        (NoSuchModel("none"), 404),
        (TooLate(2.5), 504),
        (TooLarge(1000), 413),
        (RequestError(415, "no"), 415),
    ):
        response = error_response(error)
        assert response.status_code == status
        assert json.loads(bytes(response.body)) == {"error": str(error)}
    assert error_response(Busy("full")).headers["retry-after"] == "1"


def test_details_stand_beside_the_error() -> None:
    response = error_response(RequestError(400, "no", details={"predictions": []}))
    assert json.loads(bytes(response.body)) == {"error": "no", "predictions": []}
