from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.cli._output import note, say, shown


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("größe 猫 👩‍🚀.jpg", "größe 猫 👩‍🚀.jpg"),
        ("a\x1b[31m\nb\t\r\x7f\x9b", r"a\x1b[31m\nb\t\r\x7f\x9b"),
        ("caf\udce9", r"caf\udce9"),
        ("exe\u202egpj", r"exe\u202egpj"),
    ],
)
def test_names_are_shown_safely(name: str, expected: str) -> None:
    assert shown(name) == expected


@given(st.text(st.characters()))
def test_what_is_shown_is_one_line_that_can_be_encoded(name: str) -> None:
    safe = shown(name)
    assert safe == shown(safe)
    safe.encode()
    assert len(safe.splitlines()) <= 1


def test_lines_stay_lines(capfd: pytest.CaptureFixture[str]) -> None:
    say("one\n two\x1b[2J")
    note("three\nfour\x07")
    assert capfd.readouterr() == ("one\n two\\x1b[2J\n", "three\nfour\\x07\n")
