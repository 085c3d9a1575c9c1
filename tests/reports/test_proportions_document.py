from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checked_texts import check_document, plain
from made_proportions import FLAT, LOW, RISING, made_proportions

from regraft.reports.pdf import document_pdf
from regraft.reports.proportions_document import proportions_document
from regraft.reports.study_report import study_document

PARTS = [
    {"fraction": 0.005, "images": 4, "problem": "a class has no image to validate on"},
    *({"fraction": images / 800, "images": images, "problem": ""} for images in RISING),
]
OUTCOMES: dict[str, dict[str, Any]] = {
    "whole": {"scratch": LOW},
    "transfer alone": {},
    "quick": {"scratch": {400: (0.3,), 800: (0.35,)}, "quick": True},
    "one part": {"transfer": {800: (0.9, 0.91)}, "scratch": {800: (0.91,)}},
    "one repetition": {"transfer": {images: rows[:1] for images, rows in RISING.items()}},
    "flat": {"transfer": FLAT, "scratch": {images: (0.85 if images > 100 else 0.5,) for images in FLAT}},
    "perfect": {"transfer": {40: (0.8, 0.9), 200: (0.9, 0.95), 800: (1.0, 1.0)}, "scratch": LOW},
    "narrow": {"transfer": {400: (0.8, 0.9), 600: (0.9, 0.95), 800: (0.95, 0.97)}},
    "negative": {"transfer": LOW, "scratch": {images: rows[:1] for images, rows in RISING.items()}},
    "left out": {"parts": PARTS},
    "not all": {"scratch": LOW, "training": 3200},
    "grouped": {"collection_facts": {"grouped": True, "splits": ["validation"]}},
    "diverged": {"scratch": {200: (0.4,), 800: (0.6,)}, "diverged": (40,)},
    "all diverged": {"diverged": (400, 800)},
    "refused": {"refused": "Keras cannot train here.\nhint"},
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_gives_a_sound_document(tmp_path: Path, outcome: str) -> None:
    made = proportions_document(made_proportions(tmp_path, **OUTCOMES[outcome]))
    labels = check_document(made)
    assert {"images", "curves", "accuracies"} <= set(labels)
    assert ("gains" in labels) == ("scratch" in OUTCOMES[outcome])
    titles = [section.title for section in made.sections]
    assert titles[-3:] == ["What is transfer worth?", "Limits", "How to reproduce"]
    assert any("Quick study" in text for text in made.warnings) == (outcome == "quick")
    assert any("too few images" in text for text in made.warnings) == (outcome == "left out")
    assert any("diverged" in text for text in made.warnings) == ("diverged" in OUTCOMES[outcome])
    assert any("Keras cannot train" in text for text in made.warnings) == (outcome == "refused")


def test_the_abstract_answers_both_questions(tmp_path: Path) -> None:
    made = plain(proportions_document(made_proportions(tmp_path, scratch=LOW)).abstract)
    assert "all 800 training images the accuracy is 89.5 %" in made
    assert "With twice as many, 1,600 images" in made
    assert "Transfer was better than training from random weights with 40" in made


def test_names_from_outside_are_written_as_they_are(tmp_path: Path) -> None:
    made = study_document(made_proportions(tmp_path, scratch=LOW, classes=("[[curves]]", "<b>$x_1")))
    document_pdf(made, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
