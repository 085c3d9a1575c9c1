from __future__ import annotations

from pathlib import Path

import pytest
from checked_texts import checked
from made_proportions import FLAT, LOW, RISING, Rows, made_proportions

from regraft.reports.proportions_transfer_words import transfer_words
from regraft.studies.proportions_results import ProportionResults, gather_results


def found(folder: Path, transfer: Rows = RISING, scratch: Rows | None = None) -> ProportionResults:
    return gather_results(made_proportions(folder, transfer, scratch))


def test_transfer_is_worth_images(tmp_path: Path) -> None:
    first = [checked(text) for text in transfer_words(found(tmp_path / "better", scratch=LOW))]
    assert first[0].startswith("Transfer was better than training from random weights with 40, 80, 200")
    assert "by 29.0 to 44.0 percentage points (p < 0.001" in first[0]
    assert first[1] == "What 800 images do from random weights, 60.0 %, transfer does with 40 images or fewer."
    assert "do not cross" in first[2]
    assert "ahead, by 42.0 percentage points with 40 and 29.5 percentage points with 800 images" in first[2]
    assert "do not meet either" in first[2]
    chasing = {40: (0.3,), 80: (0.5,), 200: (0.7,), 400: (0.8,), 800: (0.87,)}
    (_, _, third) = transfer_words(found(tmp_path / "chasing", scratch=chasing))
    assert "would meet at about" in checked(third)
    # From 79 % with 80 images to 84.5 % with 200: 80 · 2.5^(1 / 5.5) = 94.5.
    near = {40: (0.3,), 800: (0.80,)}
    second = [checked(text) for text in transfer_words(found(tmp_path / "near", scratch=near))]
    assert second[1] == "What 800 images do from random weights, 80.0 %, transfer does with about 95 images."
    crossing = {40: (0.3,), 800: (0.99,)}
    third = [checked(text) for text in transfer_words(found(tmp_path / "cross", scratch=crossing))]
    assert "transfer was worse than training from random weights with 800 training images, by 10.0 " in third[0]
    assert third[0].endswith("which is negative transfer.")
    assert third[1].startswith("What 800 images do with transfer")
    assert third[2] == "The curves cross between 40 and 800 images."


@pytest.mark.parametrize(
    ("transfer", "scratch", "words"),
    [
        # In the repetition that both have it is behind with 40 images, on average ahead.
        (
            {40: (0.5, 0.9), 800: (0.9, 0.9)},
            {40: (0.6,), 800: (0.8,)},
            "do not cross: with transfer it stays ahead, by 10.0 percentage points with 40 and 10.0 percentage points "
            "with 800 images.",
        ),
        # And here the other way round.
        ({40: (0.7, 0.3), 800: (0.9, 0.9)}, {40: (0.6,), 800: (0.8,)}, "The curves cross between 40 and 800 images."),
        (
            {40: (0.7,), 80: (0.7,), 800: (0.9,)},
            {40: (0.6,), 80: (0.8,), 800: (0.8,)},
            "The curves cross between 40 and 80 and between 80 and 800 images.",
        ),
        (
            {40: (0.6,), 80: (0.7,), 800: (0.9,)},
            {40: (0.6,), 80: (0.6,), 800: (0.8,)},
            "do not cross, but they meet, with 40 images; else it is ahead with transfer, by 10.0 percentage points "
            "with 80 and 10.0 percentage points with 800 images.",
        ),
        (
            {40: (0.5,), 800: (0.9,)},
            {40: (0.6,), 800: (0.9,)},
            "they meet, with 800 images; else it is behind with transfer, by 10.0 percentage points with 40 images.",
        ),
        (FLAT, {images: rows[:1] for images, rows in FLAT.items()}, "the two curves are the same."),
    ],
)
def test_the_curves_meet_as_the_figure_shows_them(tmp_path: Path, transfer: Rows, scratch: Rows, words: str) -> None:
    assert words in checked(transfer_words(found(tmp_path, transfer, scratch))[-1])


def test_without_training_from_scratch_nothing_is_claimed(tmp_path: Path) -> None:
    (text,) = transfer_words(found(tmp_path))
    assert "cannot say what transfer is worth" in checked(text)
    lost = gather_results(made_proportions(tmp_path / "lost", diverged=(800,)))
    assert checked(transfer_words(lost)[0]).startswith("Every training from random weights diverged")
