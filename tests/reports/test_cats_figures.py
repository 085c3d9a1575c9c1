from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from checked_texts import checked
from figure_results import HOSTILE, texts
from made_cats import history

from regraft.reports.cats_figures import Cost, Course, costs, course_of, courses


def test_the_course_of_a_training_has_gaps_where_nothing_was_measured() -> None:
    rows = [*history((0.5, 0.6)), {"epoch": 2, "val_loss": None, "val_accuracy": None}]
    course = course_of("A", rows, 0.9)
    assert course.epochs.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(course.accuracy, [0.5, 0.6, np.nan])
    assert (course.name, course.level) == ("A", 0.9)


def test_courses_are_drawn_with_what_they_are_compared_with() -> None:
    figure = courses([course_of("a <b> [[x]]", history(), 0.97), course_of("B", history((0.5, 0.7)))], "frozen")
    assert figure is not None
    ET.fromstring(figure.svg)
    assert "frozen" in figure.svg
    assert "&lt;b&gt;" in figure.svg
    text = checked(figure.description.replace("a <b> [[x]]", "A"))
    assert "from 98.0 % to 99.0 % for A and from 50.0 % to 70.0 % for B" in text
    alone = courses([course_of("B", history((0.5, 0.7)))], "frozen")
    assert alone is not None
    assert "frozen" not in alone.svg


def test_many_courses_and_long_names_stay_apart() -> None:
    many = [course_of(f"{HOSTILE} {'very ' * 12}long {place}", history(), 0.9) for place in range(9)]
    words = texts(courses(many, "a level"))
    assert sum("…" in word for word in words) == 7
    assert {"validation accuracy", "validation loss", "a level"} <= set(words)
    assert any("…" in word for word in texts(costs([Cost(one.name, 1.0, 2.0) for one in many])))


def test_courses_that_diverged_or_never_began() -> None:
    empty = np.zeros(1)
    assert courses([]) is None
    assert courses([Course("A", empty, empty, empty)]) is None
    lost = courses([Course("A", np.arange(3.0), np.full(3, np.nan), np.full(3, np.nan))])
    assert lost is not None
    assert checked(lost.description) == "Validation accuracy and loss against epochs."


@pytest.mark.parametrize("once", [0.0, 5.0])
def test_costs_span_what_they_are(once: float) -> None:
    figure = costs([Cost("head", 5.0, 0.01), Cost("from scratch", once, 60.0)])
    assert figure is not None
    ET.fromstring(figure.svg)
    assert {"head", "from scratch", "once, before training", "in every epoch", "0.1", "100"} <= set(texts(figure))
    text = "Seconds for 1,000 training images in every epoch: 0.01 s for head and 60 s for from scratch."
    assert checked(figure.description) == text


def test_one_way_alone_has_nothing_to_be_compared_with() -> None:
    assert costs([Cost("head", 5.0, 0.01)]) is None
