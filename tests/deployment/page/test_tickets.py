from __future__ import annotations

import time

import pytest

from regraft.deployment.page.tickets import Tickets


def test_a_ticket_stands_for_its_model_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = Tickets(seconds=60)
    one, other = tickets.new("flowers"), tickets.new("cats")
    assert one != other
    assert len(one) >= 32
    assert (tickets.model(one), tickets.model(other), tickets.model("guessed")) == ("flowers", "cats", None)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert tickets.model(one) is None


def test_the_oldest_go_where_there_are_too_many() -> None:
    tickets = Tickets(most=2)
    first, *others = (tickets.new(name) for name in "abc")
    assert tickets.model(first) is None
    assert [tickets.model(ticket) for ticket in others] == ["b", "c"]
