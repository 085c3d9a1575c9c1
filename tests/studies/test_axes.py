from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.runs.config import make_config
from regraft.studies.axes import axis_title, flattened, value_text, values_label, with_values

NAMES = st.text("abc_", min_size=1, max_size=4)
NESTED = st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(), max_size=3), max_size=3)


@given(NESTED)
def test_flattened_and_put_back(nested: dict[str, dict[str, int]]) -> None:
    pairs = dict(flattened(nested))
    assert pairs == {f"{section}.{name}": value for section, part in nested.items() for name, value in part.items()}
    assert with_values({}, pairs) == {section: part for section, part in nested.items() if part}


def test_flattened_keeps_the_order_and_goes_as_deep_as_there_is() -> None:
    nested = {"b": {"z": [1, 2], "a": [3]}, "a": {"deep": {"er": [4]}}, "seed": [5]}
    assert list(flattened(nested)) == [("b.z", [1, 2]), ("b.a", [3]), ("a.deep.er", [4]), ("seed", [5])]


def test_values_go_where_their_names_say_and_the_config_stays() -> None:
    config = {"images": {"source": "x"}, "head": {"momentum": [0.0], "epochs": 5}}
    before = copy.deepcopy(config)
    changed = with_values(config, {"head.momentum": 0.9, "backbone.name": "VGG16", "images.validation": 0.3, "seed": 4})
    assert changed == {
        "images": {"source": "x", "validation": 0.3},
        "head": {"momentum": [0.9], "epochs": 5},
        "backbone": {"name": "VGG16"},
        "seed": 4,
    }
    assert config == before


@pytest.mark.parametrize(
    ("axis", "value", "found"),
    [
        ("head.learning_rate", 0.3, (0.3,)),
        ("head.momentum", 0.5, (0.5,)),
        ("head.nesterov", False, (False,)),
        ("head.weight_decay", 0, (0.0,)),
        ("head.learning_rate", [0.3, 0.1], (0.3, 0.1)),
        ("head.hidden", [], ((),)),
        ("head.hidden", [128], ((128,),)),
        ("head.hidden", [128, 64], ((128, 64),)),
        ("head.hidden_activation", "tanh", ("tanh",)),
        ("head.dropout", 0.1, (0.1,)),
        ("head.optimizer", "adam", ("adam",)),
        ("head.label_smoothing", 0.1, (0.1,)),
        ("head.class_weight", "balanced", "balanced"),
        ("head.epochs", 7, 7),
        ("head.scale_features", False, False),
    ],
)
def test_a_value_becomes_a_list_where_the_config_holds_one(axis: str, value: Any, found: Any) -> None:
    config = make_config(with_values({"images": {"source": "x"}}, {axis: value}))
    assert getattr(config.head, axis.removeprefix("head.")) == found


def test_what_people_call_them() -> None:
    assert axis_title("head.learning_rate") == "learning rate"
    assert axis_title("backbone.name") == "backbone"
    assert axis_title("images.source") == "images"
    assert [value_text(value) for value in (0.001, 1e-05, 1.0, 3, True, False, "A", [0.1, "B"])] == [
        "0.001", "1e-05", "1", "3", "yes", "no", "A", "0.1, B",
    ]  # fmt: skip
    label = values_label(
        {"head.learning_rate": 0.01, "head.nesterov": True, "head.scale_features": False, "backbone.name": "VGG16"}
    )
    assert label == "lr 0.01, nesterov, no scale features, VGG16"
    assert values_label({"head.learning_rate": 0.01, "head.momentum": 0.9}) == "learning rate 0.01, momentum 0.9"
    assert values_label({"images.classes": ["a", "b"]}) == "classes a, b"
    assert values_label({}) == "as configured"
    assert [values_label({"head.hidden": shape}) for shape in ([], [128], [128, 64])] == [
        "hidden layers none",
        "hidden layers 128",
        "hidden layers 128-64",
    ]
