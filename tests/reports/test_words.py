from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.reports._words import count, duration, listing, percent, shortened, shown, width


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"), (0.8796, "88.0 %"), (1, "100.0 %"), (None, "–"),
        (0.9999, ">99.9 %"), (0.9995, ">99.9 %"), (0.99949, "99.9 %"), (0.0001, "<0.1 %"), (0.0005, "0.1 %"),
    ],
)  # fmt: skip
def test_percents_have_one_decimal_and_are_never_rounded_to_all_or_nothing(share, text):
    assert percent(share).replace("\N{NARROW NO-BREAK SPACE}", " ") == text


@given(st.floats(0, 1))
def test_only_all_is_100_percent_and_only_nothing_is_0(share):
    assert percent(share).startswith("100.0") == (share == 1)
    assert percent(share).startswith("0.0") == (share == 0)


def test_counts_have_the_right_plural_and_grouped_thousands():
    assert [count(n, "file") for n in (0, 1, 2, 1200)] == ["0 files", "1 file", "2 files", "1,200 files"]
    assert count(2, "class", "classes") == "2 classes"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min"), (200, "3 min 20 s"),
     (3599.7, "1 h"), (7500, "2 h 5 min")],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds).replace("\N{NARROW NO-BREAK SPACE}", " ") == text


def test_listing():
    assert [listing(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_hidden_characters_are_written_out_and_visible_ones_are_kept():
    assert shown("a\nb\x1b\u202eg\ud800\ufffe") == "a\\nb\\x1b\\u202eg\\ud800\\ufffe"
    assert shown("Röße 玫瑰 👩‍🌾 <b>'\"") == "Röße 玫瑰 👩‍🌾 <b>'\""


@given(st.text(), st.integers(3, 40))
def test_shortened_names_fit_and_short_ones_are_whole(name, columns):
    short = shortened(name, columns)
    assert width(short) <= columns
    assert (short == shown(name)) or "…" in short


def test_long_names_keep_both_ends():
    assert shortened("a_very_long_class_name_indeed", 11) == "a_ver…ndeed"
    assert width("玫瑰") == 4
