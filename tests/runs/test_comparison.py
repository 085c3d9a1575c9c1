from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.evaluation.paired import mcnemar
from regraft.runs.comparison import ComparedPair, basis, counted, notes, p_words, verdict

PAIR = ComparedPair(
    first=1,
    second=2,
    overlap="same",
    paired=True,
    shared=200,
    both=150,
    first_only=12,
    second_only=25,
    neither=13,
    accuracy=(0.81, 0.875),
    difference=0.065,
    interval=(0.0051, 0.1252),
    test="McNemar",
    p=0.0470,
    p_adjusted=0.0470,
    basis="",
    verdict="",
    warnings=(),
)
CLOSE = " The interval, that of this comparison alone, leaves out 0, but the p-value decides."


def test_a_difference_is_told_from_the_side_of_the_better_run() -> None:
    expected = "Run 2 is better than run 1, by 6.5 percentage points (95 % interval 0.5 to 12.5; p = 0.047)."
    assert verdict(PAIR, 1) == expected
    turned = replace(PAIR, first=2, second=1, difference=-0.065, interval=(-0.1252, -0.0051))
    assert verdict(turned, 1) == expected
    assert verdict(replace(PAIR, p_adjusted=1e-9), 3).endswith("p < 0.001, adjusted for 3 comparisons).")


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((-0.0312, 0.042), "run 2 may be anything from 3.1 percentage points worse to 4.2 better than run 1."),
        ((0.001, 0.08), "run 2 may be 0.1 to 8.0 percentage points better than run 1." + CLOSE),
        ((-0.08, -0.001), "run 2 may be 0.1 to 8.0 percentage points worse than run 1." + CLOSE),
        ((0.0, 0.08), "run 2 may be 0.0 to 8.0 percentage points better than run 1."),
        ((-0.08, 0.0), "run 2 may be 0.0 to 8.0 percentage points worse than run 1."),
    ],
)
def test_no_difference_found_is_a_result_with_what_it_leaves_open(interval: tuple[float, float], words: str) -> None:
    assert verdict(replace(PAIR, p_adjusted=0.62, interval=interval), 1) == f"No difference found (p = 0.620): {words}"


def test_the_adjusted_p_value_decides() -> None:
    assert verdict(replace(PAIR, p=0.03, p_adjusted=0.06), 2).startswith("No difference found (p = 0.060, adjusted")
    assert verdict(replace(PAIR, p_adjusted=0.05), 1).startswith("No difference found (p = 0.050)")
    assert "(p = 0.05" not in verdict(replace(PAIR, p_adjusted=0.04999), 1)


def test_too_few_disagreements_are_named() -> None:
    same = replace(PAIR, p_adjusted=1.0, first_only=0, second_only=0, interval=(-0.02, 0.02))
    assert verdict(same, 1).endswith("Both are right on the very same images.")
    one = replace(same, first_only=1)
    assert verdict(one, 1).endswith("Just 1 image tells them apart; with fewer than 6, no difference can be found.")
    assert "Just 5 images tell them apart" in verdict(replace(same, first_only=2, second_only=3), 1)
    assert "Just" not in verdict(replace(same, first_only=3, second_only=3), 1)
    assert mcnemar(5, 0) >= 0.05 > mcnemar(6, 0)
    unpaired = replace(same, first_only=None, second_only=None)
    assert verdict(unpaired, 1).endswith("than run 1.")


def test_what_was_compared_is_said() -> None:
    accuracy = (0.9, 0.8125)
    assert (
        basis("test", 1200, (1200, 1200), same=True, accuracy=accuracy) == "Both measured the same 1,200 test images."
    )
    assert basis("validation", 1, (1, 1), same=True, accuracy=accuracy) == "Both measured the same 1 validation image."
    assert (
        basis("test", 32, (50, 40), same=False, accuracy=accuracy)
        == "They share 32 test images of 50 and 40 and are compared on these alone: there, their accuracies are 90.0 % "
        "and 81.2 %."
    )
    assert (
        basis("test", 7, (50, 40), same=False, accuracy=accuracy)
        == "They share 7 test images of 50 and 40, fewer than 20: each is taken on all of its own, as if none were "
        "shared."
    )
    assert (
        basis("test", 0, (50, 1040), same=False, accuracy=accuracy)
        == "They share no test image: each is taken on all of its own (50 and 1,040)."
    )


def test_notes_say_how_to_read_it() -> None:
    assert [note.split()[0] for note in notes("test", 1)] == ["Intervals", "Who"]
    assert [note.split()[0] for note in notes("validation", 3)] == ["Intervals", "Validation", "P-values"]


@given(st.floats(0, 1))
def test_p_values_keep_their_side_of_5_percent(p: float) -> None:
    words = p_words(p)
    assert len(words) <= 6
    if words.startswith("<"):
        assert p < float(words[1:])
    else:
        assert float(words) == pytest.approx(p, abs=5e-4)
        assert (p < 0.05) == (float(words) < 0.05)


def test_nouns_are_counted() -> None:
    assert counted(1, "image") == "1 image"
    assert counted(1200, "image") == "1,200 images"
    assert counted(2, "class", "classes") == "2 classes"
