from __future__ import annotations

import math
import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from regraft.errors import InputError
from regraft.studies._search_space import PLACE, Choices, Domain, Range, label_of_value, read_space

FIXED = {"head.optimizer": "sgd", "head.hidden": ()}

DECLARED = """
[head]
learning_rate = [
    {low = 0.1, high = 10.0, log = true, when = {optimizer = ["sgd"], hidden = [[]]}},
    {low = 1e-4, high = 1e-2, log = true, when = {optimizer = "adamw"}},
]
optimizer = ["sgd", "adamw"]
hidden = [[], [64], [128, 64]]
momentum = {low = 0, high = 0.9, when = {optimizer = ["sgd"]}}

[finetune]
blocks = {low = 1, high = 4}
l2_sp = [0.0, 0.1]
weight_decay = [{low = 1e-4, high = 0.1, log = true, when = {l2_sp = [0.0]}}, {values = [0.0]}]
"""


def declared() -> dict[str, Any]:
    return tomllib.loads(DECLARED)


def drawing(**given: Any) -> Any:
    """Draws what is given, else the first choice or the lower end; notes what was asked for."""
    asked: dict[str, Domain] = {}

    def draw(key: str, domain: Domain) -> Any:
        asked[key] = domain
        first = domain.labels[0] if isinstance(domain, Choices) else domain.low
        return given.get(key.replace(".", "_"), first)

    return draw, asked


def test_numbers_of_a_range() -> None:
    assert Range(1.0, 3.0).at(0.25) == 1.5
    assert Range(0.01, 100.0, log=True).at(0.5) == pytest.approx(1.0)  # the geometric mean
    assert [Range(1, 5, whole=True).at(place) for place in (0, 0.6, 1)] == [1, 3, 5]
    assert Range(0.3, 0.7, log=True).at(1.0) == 0.7


@given(st.floats(1e-6, 1e3), st.floats(1.001, 1e6), st.floats(0, 1), st.booleans())
def test_no_number_is_outside_its_range(low: float, factor: float, place: float, log: bool) -> None:
    assert low <= Range(low, low * factor, log).at(place) <= low * factor


def test_a_range_may_depend_on_other_settings() -> None:
    space = read_space(declared(), FIXED)
    draw, asked = drawing(head_learning_rate=0.5)
    values = space.values(draw)
    assert values["head.learning_rate"] == pytest.approx(1.0)
    assert asked["head.learning_rate"] == PLACE
    draw, asked = drawing(head_optimizer="adamw", head_hidden="128-64", head_learning_rate=0.5, finetune_l2_sp=0.1)
    values = space.values(draw)
    assert values["head.learning_rate"] == pytest.approx(1e-3)
    assert values["head.hidden"] == (128, 64)
    assert "head.momentum" not in values
    assert values["finetune.weight_decay"] == 0.0
    assert "finetune.weight_decay" not in asked  # there is no choice
    draw, _ = drawing(head_hidden="64")
    assert "head.learning_rate" not in space.values(draw)  # no case holds: the config's own
    assert [parameter.name for parameter in space.parameters].index("learning_rate") >= 2


def test_what_is_fixed_decides_cases_too() -> None:
    table = {"head": {"learning_rate": declared()["head"]["learning_rate"]}}
    draw, _ = drawing(head_learning_rate=0.0)
    assert read_space(table, FIXED).values(draw) == {"head.learning_rate": 0.1}
    assert read_space(table, {**FIXED, "head.hidden": (64,)}).values(draw) == {}


def test_a_range_of_its_own_is_drawn_as_it_is() -> None:
    draw, asked = drawing()
    read_space(declared(), FIXED).values(draw)
    assert asked["finetune.blocks"] == Range(1, 4, whole=True)
    assert asked["head.momentum"] == Range(0.0, 0.9)
    assert asked["head.hidden"] == Choices(((), (64,), (128, 64)))


def test_the_table_of_a_space_gives_the_same_space() -> None:
    space = read_space(declared(), FIXED)
    again = tomllib.loads(tomli_w.dumps(space.table()))
    assert read_space(again, FIXED) == space


def test_whole_numbers_are_listed() -> None:
    space = read_space(declared(), FIXED)
    assert space.numbers("finetune.blocks") == [1, 2, 3, 4]
    assert read_space({"finetune": {"blocks": [8, 2]}}, {}).numbers("finetune.blocks") == [2, 8]
    assert space.numbers("finetune.batch_size") == []


def test_layers_are_shown_as_text() -> None:
    assert [label_of_value(value) for value in ((), [128, 64], "sgd", 0.5)] == ["none", "128-64", "sgd", 0.5]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"head": {"rate": [0.1]}}, "no setting head.rate"),
        ({"head": {"epochs": [10]}}, "no setting head.epochs"),
        ({"tail": {}}, "search.finetune"),
        ({"head": 3}, "search.finetune"),
        ({"head": {"learning_rate": {"low": 1.0, "high": 0.1}}}, "low below high"),
        ({"head": {"learning_rate": {"low": 0.1, "high": 0.1}}}, "low below high"),
        ({"head": {"learning_rate": {"low": math.nan, "high": 0.1}}}, "finite"),
        ({"head": {"learning_rate": {"low": 0.1, "high": math.inf}}}, "finite"),
        ({"head": {"weight_decay": {"low": 0.0, "high": 0.1, "log": True}}}, "above 0 for log"),
        ({"head": {"learning_rate": {"low": 0.0, "high": 0.1}}}, "head.learning_rate cannot be searched so"),
        ({"head": {"learning_rate": {"low": "0.1", "high": 1}}}, "finite"),
        ({"head": {"dropout": {"low": True, "high": 2}}}, "finite"),
        ({"head": {"dropout": {"low": 0.0, "high": 1.0}}}, "head.dropout cannot be searched so"),
        ({"head": {"dropout": [0.1, math.nan]}}, "head.dropout cannot be searched so"),
        ({"head": {"dropout": {"low": 0.0, "hihg": 0.5}}}, "low and high"),
        ({"head": {"dropout": 0.5}}, "section [head]"),
        ({"head": {"dropout": []}}, "list of choices"),
        ({"head": {"optimizer": ["rmsprop"]}}, "sgd"),
        ({"head": {"hidden": {"low": 64, "high": 128}}}, "list of choices"),
        ({"head": {"hidden": [64, 128]}}, "head.hidden"),
        ({"head": {"hidden": [[0]]}}, "head.hidden"),
        ({"head": {"dropout": {"values": [0.1], "when": {"speed": [1]}}}}, "settings of head"),
        ({"head": {"dropout": {"values": [0.1], "when": {"dropout": [1]}}}}, "settings of head"),
        ({"head": {"dropout": {"values": [0.1], "when": {"optimizer": ["sdg"]}}}}, "head.optimizer"),
        ({"head": {"dropout": [{"values": [0.1, 0.2]}, {"values": [0.3]}]}}, "a range or a single value"),
        ({"finetune": {"blocks": {"low": 0, "high": 3}}}, "finetune.blocks"),
        ({"finetune": {"blocks": {"low": 1.5, "high": 3}}}, "whole numbers"),
        ({"finetune": {"layer_decay": [0.5]}}, "at least 1"),
        ({"finetune": {"schedule": ["linear"]}}, "finetune.schedule"),
        ({"finetune": {"staged": ["yes"]}}, "finetune.staged"),
        ({"head": {}}, "nothing to search"),
        ({}, "nothing to search"),
        (
            {
                "head": {
                    "dropout": {"values": [0.1, 0.2], "when": {"momentum": [0.9]}},
                    "momentum": {"values": [0.5, 0.9], "when": {"dropout": [0.1]}},
                }
            },
            "circle",
        ),
    ],
)
def test_a_bad_space_is_explained(entry: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_space(entry, FIXED)
    assert says in str(caught.value)
