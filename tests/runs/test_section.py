from __future__ import annotations

import pytest
from pydantic import ValidationError

from regraft.runs._section import Section


class Kitchen(Section):
    knives: int = 3


def test_unknown_names_are_refused_and_nothing_changes_later() -> None:
    kitchen = Kitchen(knives=4)
    with pytest.raises(ValidationError, match="spoons"):
        Kitchen.model_validate({"knives": 4, "spoons": 2})
    with pytest.raises(ValidationError, match="frozen"):
        kitchen.knives = 5
    assert {kitchen: "usable as a key"}[Kitchen(knives=4)]
