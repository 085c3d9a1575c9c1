from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import made_results

from regraft.reports import _comparison_phrases as phrases
from regraft.reports._words import THIN
from regraft.studies.conclusions import Conclusion, conclude

NAN = float("nan")


def concluded(*rows: list[float], labels: list[str] | None = None) -> Conclusion:
    return conclude(made_results(rows, labels=labels))


@pytest.mark.parametrize(
    ("p", "text"),
    [(0, "p < 0.001"), (0.00099, "p < 0.001"), (0.001, "p = 0.001"), (0.0123, "p = 0.012"), (0.0994, "p = 0.099"),
     (0.0996, "p = 0.10"), (0.314, "p = 0.31"), (1, "p = 1.00")],
)  # fmt: skip
def test_p_values(p, text):
    assert phrases.p_value(p) == text


def test_a_bound_of_several_p_values():
    assert phrases.p_value(0.03, "≤") == "p ≤ 0.030"
    assert phrases.p_value(0.0001, "≤") == "p < 0.001"


@given(st.floats(0, 1))
def test_a_p_value_is_never_shown_as_zero(p):
    assert "= 0.000" not in phrases.p_value(p)


def test_percentage_points():
    assert phrases.points(-0.0234) == "2.3 percentage points"
    assert phrases.points(0.0004) == "less than 0.1 percentage points"
    assert phrases.points(0) == phrases.points(1e-17) == "0.0 percentage points"
    assert phrases.points_range([-0.453, -0.012, -0.2]) == "1.2 to 45.3 percentage points"
    assert phrases.points_range([-0.0121, -0.0119]) == "1.2 percentage points"
    assert phrases.lower_by(-0.0234) == "2.3 percentage points lower"
    assert phrases.lower_by(-1e-17) == "equal"


def test_signed_points_have_a_minus_sign_unless_they_are_rounded_to_zero():
    assert [phrases.signed_points(x) for x in (-0.0234, 0.0234, -0.0001, -1e-17, 0.0)] == [
        "\N{MINUS SIGN}2.3", "2.3", "0.0", "0.0", "0.0",
    ]  # fmt: skip


def test_numbers_levels_and_capitals():
    assert [phrases.number(n) for n in (1, 10, 11, 1200)] == ["one", "ten", "11", "1,200"]
    assert (phrases.level(0.95), phrases.level(0.999)) == (f"95{THIN}%", f"99.9{THIN}%")
    assert phrases.capital("the other") == "The other"


def test_names_are_quoted_where_a_list_of_them_would_be_hard_to_read():
    plain = phrases.Subjects(concluded([0.5] * 2, [0.6] * 2), "setting", "settings")
    assert plain.names([0, 1]) == "A and B"
    labels = ["learning rate 0.1, momentum 0", "learning rate 0.1, momentum 0.9"]
    quoted = phrases.Subjects(concluded([0.5] * 2, [0.6] * 2, labels=labels), "setting", "settings")
    assert quoted.names([0, 1]) == "“learning rate 0.1, momentum 0” and “learning rate 0.1, momentum 0.9”"


def test_names_do_not_repeat_what_they_are_called():
    labels = ["momentum 0.5", "momentum 0.9"]
    assert phrases.Subjects(concluded([0.5] * 2, [0.6] * 2, labels=labels), "momentum", "momenta").name(1) == "0.9"
    mixed = phrases.Subjects(concluded([0.5] * 2, [0.6] * 2, labels=["momentum 0.5", "none"]), "momentum", "momenta")
    assert mixed.name(0) == "momentum 0.5"


def test_names_cannot_turn_the_text_around():
    names = phrases.Subjects(concluded([0.5] * 2, labels=["a\u202eb"]), "setting", "settings")
    assert names.name(0) == "a\\u202eb"


def test_everyone():
    def everyone(settings: int) -> str:
        return phrases.Subjects(concluded(*[[0.5] * 2] * settings), "setting", "settings").everyone()

    assert [everyone(n) for n in (1, 2, 4)] == ["the only setting tried, A,", "both settings", "all four settings"]


def test_groups_are_counted_in_the_order_in_which_the_text_has_them():
    best, worse, chance, lost = [0.9, 0.91, 0.9], [0.6, 0.61, 0.62], [0.2, 0.2, 0.2], [NAN] * 3
    conclusion = concluded(best, *[worse] * 5, chance, chance, lost)
    called = phrases.Subjects(conclusion, "setting", "settings")
    assert called.group(conclusion.worse, named=True) == "a further five settings"
    assert called.group(conclusion.at_chance, named=True) == "another two settings, G and H,"
    assert called.group(conclusion.diverged, named=True) == "the remaining setting, I,"
    assert called.group(conclusion.diverged) == "the remaining setting"
    for rows, text in (
        ([best, worse], "the other setting, B,"),
        ([best, worse, worse], "the other two settings, B and C,"),
        ([best, worse, lost], "one setting, B,"),
    ):
        conclusion = concluded(*rows)
        assert phrases.Subjects(conclusion, "setting", "settings").group(conclusion.worse, named=True) == text
