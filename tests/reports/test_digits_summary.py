from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from checked_texts import checked
from made_digits import digit_runs, flat, found_digits

from regraft.reports import digits_summary as short


def helped(way: str, dropout: bool, proportion: float) -> Sequence[float]:
    return (0.95, 0.96, 0.97) if way == "fixed" and proportion < 1 and not dropout else (0.9, 0.91, 0.92)


def hurt(way: str, dropout: bool, proportion: float) -> Sequence[float]:
    return (0.95, 0.96, 0.97) if way == "scratch" and dropout else (0.9, 0.91, 0.92)


def test_a_summary_says_where_transfer_helped(tmp_path: Path) -> None:
    text = checked(short.summary(found_digits(tmp_path / "s", helped)))
    assert "on the same 10 to 580 images, in three runs each." in text
    assert (
        "Without dropout, transfer was shown to help, by 5.00 percentage points with 10 images (convolutions fixed) "
        "and 5.00 percentage points with 110 images (convolutions fixed). With 580 images no difference was shown."
        in text
    )
    assert "With dropout, no difference between transfer and training from scratch was shown" in text
    assert "Dropout was shown to hurt in two of nine comparisons." in text


def test_a_summary_says_where_it_hurt(tmp_path: Path) -> None:
    text = checked(short.summary(found_digits(tmp_path / "s", hurt)))
    assert (
        "With dropout, transfer was shown to hurt in six of six comparisons, by 5.00 to 5.00 percentage points." in text
    )
    assert "Without dropout, no difference" in text
    assert "Dropout was shown to help in three of nine comparisons." in text


def test_a_summary_of_no_difference_and_of_one_run(tmp_path: Path) -> None:
    text = checked(short.summary(found_digits(tmp_path / "s", flat)))
    assert "In none of nine comparisons was dropout shown to change anything." in text
    assert "to help" not in text
    assert "to hurt" not in text
    one = checked(short.summary(found_digits(tmp_path / "one", lambda *setting: helped(*setting)[:1])))
    assert "once each. With 10 images the highest accuracy, 95.00 %, was that of “convolutions fixed, without" in one
    assert "shown" not in one


@pytest.mark.parametrize(
    ("target", "end"),
    [
        (lambda way: 0.995, "reach 99.50 % at P = 1 (580 images), all over 99 %."),
        (lambda way: 0.99, "reach 99.00 % at P = 1 (580 images), none of them over 99 %."),
        (
            lambda way: 0.995 if way == "fixed" else 0.98,
            "reach 98.00 % to 99.50 % at P = 1 (580 images), over 99 % with “convolutions fixed, without dropout” and "
            "“convolutions fixed, with dropout”.",
        ),
    ],
)
def test_the_goal(tmp_path: Path, target, end: str) -> None:
    def finals(way: str, dropout: bool, proportion: float) -> Sequence[float]:
        return ((0.98 if dropout else 0.995) if way == "source" else target(way),)

    found = found_digits(tmp_path / "s", finals)
    text = checked(short.goal_words(found))
    assert "its networks reach 99.50 % without dropout and 98.00 % with it, one of two over 99 %." in text
    assert text.endswith(end)
    assert "“" not in short.goal_words(found, names=False)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.1, "8.3 times less than from scratch"),
        (9.8, "4 times more than from scratch"),
        (2.4, "about as much as from scratch"),
    ],
)
def test_the_time_of_fixed_convolutions(tmp_path: Path, seconds: float, said: str) -> None:
    runs = [
        replace(run, training=seconds, computing=0.2 if seconds < 1 else 0.1) if run.way == "fixed" else run
        for run in digit_runs(flat)
    ]
    text = checked(short.time_words(found_digits(tmp_path / "s", flat, runs=runs)))
    assert said in text
    assert "Training throughout costs about as much as from scratch." in text


def test_the_limits_and_the_warning(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", flat)
    items = [checked(item) for item in short.limits(found)]
    assert "The report has 27 intervals" in items[1]
    assert any("for monitoring only" in item for item in items)
    assert short.quick_warning(found) == ""
    one = found_digits(tmp_path / "one", lambda *_: (0.9,), quick=True)
    assert not any("interval leaves" in item or "t distribution" in item for item in short.limits(one))
    assert "trained once" in checked(short.limits(one)[0])
    assert "no difference can be told from chance" in checked(short.quick_warning(one))
    several = found_digits(tmp_path / "several", flat, quick=True)
    assert checked(short.quick_warning(several)) == "Quick study: the trainings were cut short."


def test_how_the_learning_begins(tmp_path: Path) -> None:
    text = checked(short.early_words(found_digits(tmp_path / "s", helped)))
    assert "after 100 images processed, the mean accuracy without dropout is 45.50 % (from scratch), 48.00 %" in text
