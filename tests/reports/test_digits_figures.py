from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checked_texts import checked
from figure_results import texts
from hypothesis import given
from hypothesis import strategies as st
from made_digits import digit_runs, found_digits

from regraft.reports.digits_figures import MOST_POINTS, averaged, by_images, during_learning, over_runs
from regraft.reports.digits_found import DigitsFound

WAYS = {"from scratch", "convolutions fixed", "trained throughout"}


def some(way: str, dropout: bool, proportion: float) -> Sequence[float]:
    base = {0.02: 0.6, 0.2: 0.95, 1.0: 0.99}[proportion]
    return (base, base + 0.005, base + 0.01)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> DigitsFound:
    return found_digits(tmp_path_factory.mktemp("digits") / "study", some)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> DigitsFound:
    return found_digits(tmp_path_factory.mktemp("digits") / "single", lambda *setting: some(*setting)[:1])


def plain_texts(words: Sequence[str]) -> set[str]:
    return {word.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ") for word in words}


def test_accuracy_by_images(found: DigitsFound, single: DigitsFound) -> None:
    drawn = by_images(found)
    words = plain_texts(texts(drawn))
    # The best run makes no mistake: 100 % has its place on a scale that is logarithmic in the error.
    assert WAYS | {"10", "110", "580", "training images", "with dropout", "without dropout", "100 %"} <= words
    assert "with 10 images 60.5 % from scratch" in checked(drawn.description).replace("60.50", "60.5")
    assert by_images(single).svg.count("fill-opacity") < drawn.svg.count("fill-opacity")
    assert "100 %" not in plain_texts(texts(by_images(single)))


def test_numbers_of_images_that_would_touch_are_left_out(tmp_path: Path) -> None:
    runs = [replace(run, images=11) if run.images == 10 else run for run in digit_runs(some)]
    runs = [replace(run, images=11) if run.images == 110 else run for run in runs]
    words = texts(by_images(found_digits(tmp_path / "s", some, runs=runs)))
    assert words.count("11") == 2  # one for each panel
    assert "110" not in words


def test_runs_as_boxes_and_dots(found: DigitsFound, tmp_path: Path) -> None:
    drawn = over_runs(found)
    words = plain_texts(texts(drawn))
    assert WAYS | {f"{way}, dropout" for way in WAYS} | {"P = 0.02: 10 images", "P = 1: 580 images"} <= words
    assert checked(drawn.description).startswith("Accuracy on the test images of 3 runs of every setting")
    two = over_runs(found_digits(tmp_path / "two", lambda *setting: some(*setting)[:2]))
    texts(two)
    assert two.svg.count("opacity: 0.25") == 0 < drawn.svg.count("opacity: 0.25")


def test_progress(found: DigitsFound, single: DigitsFound, tmp_path: Path) -> None:
    for given_one in (found, single):
        drawn = during_learning(given_one)
        words = plain_texts(texts(drawn))
        assert WAYS | {"without dropout", "with dropout", "images processed", "P = 0.2: 110 images"} <= words
        assert drawn.svg.count("stroke-dasharray") >= 9  # three ways in three panels
        assert "for monitoring only" in checked(drawn.description)
    long = [replace(run, accuracies=tuple(np.linspace(0.2, 0.9, 120).round(3).tolist())) for run in digit_runs(some)]
    drawn = during_learning(found_digits(tmp_path / "long", some, runs=long))
    assert "10,000" in texts(drawn)
    ET.fromstring(drawn.svg)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_a_course_keeps_its_mean(course: list[float]) -> None:
    few = averaged(np.array(course))
    assert len(few) <= MOST_POINTS
    if len(course) <= MOST_POINTS:
        assert few.tolist() == pytest.approx(course)
    assert min(course) - 1e-9 <= few.min() <= few.max() <= max(course) + 1e-9


def test_a_course_is_averaged_in_order() -> None:
    assert averaged(np.arange(120.0))[:3].tolist() == [1, 4, 7]
    assert averaged(np.arange(41.0))[-1] == 40
