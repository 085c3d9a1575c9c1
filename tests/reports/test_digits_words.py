from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from checked_texts import checked
from made_digits import PROPORTIONS, Finals, flat, found_digits

from regraft.reports import digits_words as words
from regraft.reports.digits_found import DigitsFound
from regraft.studies.digits_study import WAYS


def shifted(*changes: tuple[str, bool | None, float, float]) -> Finals:
    """Three runs of 0.90, 0.91 and 0.92, moved by a difference with a little spread in some settings."""

    def finals(way: str, dropout: bool, proportion: float) -> Sequence[float]:
        size = sum(c[3] for c in changes if c[0] == way and c[1] in (None, dropout) and c[2] == proportion)
        return [value + size + little for value, little in zip((0.9, 0.91, 0.92), (0, 0.001, -0.001), strict=True)]

    def kept(way: str, dropout: bool, proportion: float) -> Sequence[float]:
        moved = any(c[0] == way and c[1] in (None, dropout) and c[2] == proportion for c in changes)
        return finals(way, dropout, proportion) if moved else (0.9, 0.91, 0.92)

    return kept


def single(finals: Finals) -> Finals:
    return lambda way, dropout, proportion: finals(way, dropout, proportion)[:1]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.98734, 1, "98.7 %"),
        (0.99996, 1, ">99.9 %"),
        (0.99996, 2, ">99.99 %"),
        (1.0, 2, "100.00 %"),
        (0.0, 1, "0.0 %"),
    ],
)
def test_accuracies(value: float, decimals: int, text: str) -> None:
    assert words.accuracy(value, decimals).replace("\u202f", " ") == text


def test_differences() -> None:
    assert words.points(-0.0234, 1) == "2.3 percentage points"
    assert words.points(0.0001, 1) == "less than 0.1 percentage points"
    assert words.points(0.00001, 2) == "less than 0.01 percentage points"
    assert words.points(0.0, 1) == "0.0 percentage points"
    assert [words.signed(value, 1) for value in (-0.0004, -0.02, 0.02)] == ["0.0", "−2.0", "2.0"]


def gain(found: DigitsFound, dropout: bool = False) -> str:
    return checked(words.gain_words(found, dropout))


def test_transfer_that_helps_is_said_with_its_size_and_place(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", shifted(("fixed", False, 0.02, 0.05), ("fixed", False, 0.2, 0.02)))
    text = gain(found)
    assert (
        "Transfer with fixed convolutions helped by 5.00 percentage points (4.75 to 5.25) at P = 0.02 (10 images)"
        in text
    )
    assert "and by 2.00 percentage points (1.75 to 2.25) at P = 0.2 (110 images)." in text
    assert "At P = 1 no difference was shown (mean difference: 0.00 percentage points)." in text
    assert "hurt" not in text
    assert (
        "No difference between transfer with training throughout and training from scratch was shown at any P" in text
    )
    assert "helped" not in gain(found, dropout=True)
    assert checked(words.negative_words(found)).startswith(
        "No negative transfer was shown, with or without dropout. At no P"
    )
    assert "the last difference was shown at P = 0.2 (110 images); at P = 1 (580 images) none was" in checked(
        words.threshold_words(found, False)
    )


def test_transfer_that_hurts_is_called_negative(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", shifted(("throughout", True, 1.0, -0.03)))
    text = gain(found, dropout=True)
    assert (
        "Transfer with training throughout hurt by 3.00 percentage points (2.75 to 3.25) at P = 1 (580 images)" in text
    )
    assert ": negative transfer." in text
    assert "helped" not in text
    assert checked(words.negative_words(found)) == (
        "Yes. What the source network had learnt hurt: transfer with training throughout, with dropout, by 3.00 "
        "percentage points (2.75 to 3.25) at P = 1 (580 images)."
    )
    assert "matters up to the largest part" in checked(words.threshold_words(found, True))
    assert "was worse than fixed convolutions by 3.00" in checked(words.between_words(found, True))
    best = [checked(item.replace("P", "P", 1)) for item in words.best_words(found)]
    assert "all equal" in best[2]
    assert best[2].count("“") == 5


def test_help_at_one_place_and_harm_at_another_are_told_apart(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", shifted(("fixed", False, 0.02, 0.05), ("fixed", False, 1.0, -0.05)))
    assert "helped by 5.00 percentage points (4.75 to 5.25) at P = 0.02 (10 images); it hurt by 5.00" in gain(found)


def test_no_difference_is_not_called_equality(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", flat)
    for dropout in (False, True):
        assert gain(found, dropout).count("No difference") == 2
        assert "none can be named from which on" in checked(words.threshold_words(found, dropout))
        assert "No difference between training throughout and fixed convolutions" in words.between_words(found, dropout)
    assert "leave room for up to 0.00 percentage points" in words.threshold_words(found, False)


def test_a_mean_below_that_of_scratch_which_chance_may_have_made_is_said(tmp_path: Path) -> None:
    def finals(way: str, dropout: bool, proportion: float) -> Sequence[float]:
        return (0.8, 0.95, 0.9) if way == "fixed" and proportion == 0.2 and not dropout else (0.9, 0.91, 0.92)

    text = checked(words.negative_words(found_digits(tmp_path / "s", finals)))
    assert "In one of 12 comparisons" in text
    assert "at most by 2.67 percentage points" in text


@pytest.mark.parametrize(("size", "verb"), [(0.04, "helped"), (-0.04, "hurt")])
def test_what_dropout_changes(tmp_path: Path, size: float, verb: str) -> None:
    found = found_digits(tmp_path / "s", shifted(("scratch", True, 0.02, size)))
    text = checked(words.dropout_words(found, "scratch"))
    assert f"Dropout {verb} by 4.00 percentage points (3.75 to 4.25) at P = 0.02 (10 images)." in text
    assert "negative transfer" not in text
    assert "No difference between dropout and none" in checked(words.dropout_words(found, "fixed"))


def test_where_scratch_is_best_the_best_transfer_stands_beside_it(tmp_path: Path) -> None:
    found = found_digits(tmp_path / "s", shifted(("scratch", True, 0.02, 0.05), ("fixed", False, 0.02, 0.01)))
    assert checked(words.best_words(found)[0]) == (
        "P = 0.02 (10 images): the highest mean accuracy, 96.00 %, has “from scratch, with dropout”; of the ways of "
        "transfer, “convolutions fixed, without dropout” has the highest, 92.00 %."
    )


def test_one_run_shows_nothing_and_says_so(tmp_path: Path) -> None:
    found = found_digits(
        tmp_path / "s", single(shifted(("fixed", False, 0.02, 0.05), ("throughout", False, 0.2, -0.03)))
    )
    text = gain(found)
    assert (
        "In one run of each, transfer with fixed convolutions was above training from scratch by 5.00 percentage "
        "points at P = 0.02 (10 images); equal to it at P = 0.2 (110 images) and at P = 1 (580 images)." in text
    )
    assert "below training from scratch by 3.00 percentage points at P = 0.2" in text
    for said in (
        text, *(words.threshold_words(found, d) for d in (False, True)), words.negative_words(found),
        *(words.dropout_words(found, way) for way in WAYS), *words.best_words(found),
    ):  # fmt: skip
        checked(said)
        for word in ("shown", "helped", "hurt", "interval", "mean"):
            assert word not in said
    assert "A single run of each cannot show any" in words.negative_words(found)
    assert "the larger of the two differences" in words.threshold_words(found, False)
    assert len(words.best_words(found)) == len(PROPORTIONS)
