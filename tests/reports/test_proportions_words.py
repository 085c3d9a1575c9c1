from __future__ import annotations

from pathlib import Path

from checked_texts import checked
from made_proportions import FLAT, LOW, RISING, Rows, made_proportions

from regraft.reports import proportions_words as words
from regraft.studies.proportions_results import ProportionResults, gather_results


def found(folder: Path, transfer: Rows = RISING, scratch: Rows | None = None) -> ProportionResults:
    return gather_results(made_proportions(folder, transfer, scratch))


def test_more_images_are_answered_with_intervals_or_not_at_all(tmp_path: Path) -> None:
    rising = checked(words.more_images(found(tmp_path / "rising")))
    assert "With four times as many, 3,200 images" in rising
    assert "Of more than four times the 800 images that were there, nothing is said." in rising
    flat = checked(words.more_images(found(tmp_path / "flat", FLAT)))
    assert flat.startswith("Whether more images would help cannot be said")
    assert "no rise of the accuracy" in flat
    steep = {40: (0.5, 0.5), 80: (0.7, 0.7), 200: (0.85, 0.86), 400: (0.92, 0.92), 800: (0.955, 0.96)}
    halved = checked(words.more_images(found(tmp_path / "steep", steep)))
    assert "is to be expected with about" in halved or "may take" in halved


def test_the_law_says_whether_it_has_a_floor(tmp_path: Path) -> None:
    rising = checked(words.law_sentence(found(tmp_path / "rising")))
    assert "cannot be told" in rising
    assert "As a check" in rising
    floored = {40: (0.3, 0.3), 80: (0.7, 0.7), 200: (0.78, 0.78), 400: (0.79, 0.79), 800: (0.79, 0.795)}
    assert "Its floor" in checked(words.law_sentence(found(tmp_path / "floor", floored)))
    assert words.law_sentence(found(tmp_path / "flat", FLAT)) == ""


def test_transfer_is_worth_images(tmp_path: Path) -> None:
    first = [checked(text) for text in words.transfer_words(found(tmp_path / "better", scratch=LOW))]
    assert first[0].startswith("Transfer was better than training from random weights with 40, 80, 200")
    assert "by 29.0 to 44.0 percentage points (p < 0.001" in first[0]
    assert first[1] == "What 800 images do from random weights, 60.0 %, transfer does with 40 images or fewer."
    assert "do not cross" in first[2]
    assert "ahead, by 40.0 percentage points with 40 and 29.0 percentage points with 800 images" in first[2]
    assert "do not meet either" in first[2]
    chasing = {40: (0.3,), 80: (0.5,), 200: (0.7,), 400: (0.8,), 800: (0.87,)}
    (_, _, third) = words.transfer_words(found(tmp_path / "chasing", scratch=chasing))
    assert "would meet at about" in checked(third)
    # From 79 % with 80 images to 84.5 % with 200: 80 · 2.5^(1 / 5.5) = 94.5.
    near = {40: (0.3,), 800: (0.80,)}
    second = [checked(text) for text in words.transfer_words(found(tmp_path / "near", scratch=near))]
    assert second[1] == "What 800 images do from random weights, 80.0 %, transfer does with about 95 images."
    crossing = {40: (0.3,), 800: (0.99,)}
    third = [checked(text) for text in words.transfer_words(found(tmp_path / "cross", scratch=crossing))]
    assert "transfer was worse than training from random weights with 800 training images, by 10.0 " in third[0]
    assert third[0].endswith("which is negative transfer.")
    assert third[1].startswith("What 800 images do with transfer")
    assert third[2] == "The curves cross between 40 and 800 images."


def test_without_training_from_scratch_nothing_is_claimed(tmp_path: Path) -> None:
    (text,) = words.transfer_words(found(tmp_path))
    assert "cannot say what transfer is worth" in checked(text)
