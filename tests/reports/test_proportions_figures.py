from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from checked_texts import checked
from made_proportions import LOW, made_proportions

from regraft.reports.proportions_figures import gains, learning_curves
from regraft.studies.proportions_results import gather_results


def test_the_curves_are_drawn_with_what_lies_ahead(tmp_path: Path) -> None:
    found = gather_results(made_proportions(tmp_path, scratch=LOW))
    made = learning_curves(found.transfer, found.scratch, found.ahead.band, 0.25, [1600, 3200])
    ElementTree.fromstring(made.svg)
    for text in ("with transfer", "from random weights", "law of the error", "most frequent class", "3,200", "40"):
        assert text in made.svg
    assert "from 72.0 % with 40 to 89.5 % with 800 training images" in checked(made.description)
    alone = learning_curves(found.transfer, None, (), 0.25)
    for text in ("from random weights", "law of the error", "most frequent class", "3,200"):
        assert text not in alone.svg


def test_gains_are_drawn_where_there_are_any(tmp_path: Path) -> None:
    found = gather_results(made_proportions(tmp_path, scratch=LOW))
    made = gains(found.comparisons)
    assert made is not None
    ElementTree.fromstring(made.svg)
    assert "29.0 % more with 800 images" in checked(made.description)
    assert gains(()) is None
