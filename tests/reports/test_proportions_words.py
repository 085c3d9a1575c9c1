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


def test_a_largest_part_that_is_not_all_is_called_what_it_is(tmp_path: Path) -> None:
    all_of_them = found(tmp_path / "all")
    assert checked(words.reached(all_of_them)).startswith("With transfer and all 800 training images the accuracy is")
    assert "With 40 images, one in 20 of them, it is" in checked(words.reached(all_of_them))
    part = gather_results(made_proportions(tmp_path / "part", training=3200))
    assert checked(words.reached(part)).startswith("With transfer and 800 of the 3,200 training images the accuracy is")
    assert "With 40 images it is" in checked(words.reached(part))
    ahead = checked(words.more_images(part))
    assert "that were there" not in ahead
    assert "than the same law gives with the 800 of the largest part." in ahead
    assert "The largest part leaves out 2,400 of the 3,200 training images: with a larger fraction" in ahead
    assert "Of more than four times the 800 images of the largest part, nothing is said." in ahead
    assert not any("every training image" in text for text in words.limits(part))
    assert any("every training image" in text for text in words.limits(all_of_them))


def test_what_diverged_is_named(tmp_path: Path) -> None:
    assert words.warnings_of(found(tmp_path / "none", scratch=LOW)) == ()
    left = {images: rows for images, rows in LOW.items() if images not in (40, 80)}
    (some,) = words.warnings_of(gather_results(made_proportions(tmp_path / "some", scratch=left, diverged=(80, 40))))
    assert checked(some).startswith("The trainings from random weights with 40 and 80 images diverged")
    assert "these numbers of images are left out" in some
    tried = [{"rate": rate, "loss": None} for rate in (0.001, 0.003)]
    facts = {"rate": 0.001, "trial_epochs": 4, "size": 224, "images": 800, "tried": tried}
    everything = gather_results(made_proportions(tmp_path / "all", diverged=(800,), scratch_facts=facts))
    rates, trainings = (checked(text) for text in words.warnings_of(everything))
    assert "Every learning rate that was tried" in rates
    assert "the lowest, 0.001, was taken" in rates
    assert trainings.endswith("so that nothing is said of training from random weights.")
    kept = gather_results(made_proportions(tmp_path / "kept", scratch=LOW, scratch_facts=facts))
    assert "the lowest of those tried, all of which diverged" in " ".join(words.limits(kept))
