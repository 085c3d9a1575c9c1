from __future__ import annotations

from typing import Any

import pytest

from regraft.deployment.server.settings import ServerSettings
from regraft.errors import InputError


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_which_addresses_are_this_machine_only(host: str, loopback: bool) -> None:
    assert ServerSettings(host=host).loopback is loopback


@pytest.mark.parametrize(
    "wrong",
    [
        {"queue": 0},
        {"max_batch": -1},
        {"max_pixels": 0},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": float("nan")},
        {"token": ""},
        {"token": "né"},
    ],
)
def test_settings_that_let_nothing_through_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="Expected"):
        ServerSettings(**wrong)


def test_the_token_is_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        ServerSettings(token="hunter\n2")
    assert "hunter" not in str(caught.value)
