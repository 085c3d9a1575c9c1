from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from checked_texts import checked
from made_studies import FACTS, GOOD, NAN, cost, costs, flower_grid, found_in, named_results, scattered

from regraft.reports import flower_scaling_words as words
from regraft.studies import flowers
from regraft.studies.flower_study import LEARNING_RATES
from regraft.studies.folder import StudyFolder

START = (
    "MobileNetV2 was trained on inputs scaled to −1…1. To feed it inputs scaled to 0…1 is a common mistake, and one "
    "that raises no error."
)
SHOWN = f"{START} Everything else the same, [[scaling]] shows what it costs."
OWN = (0.80, 0.85, 0.86, 0.84)
INPUTS = "Inputs scaled to 0…1 in place of the network’s own range"

OUTCOMES: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "found everywhere": (
        costs(OWN, (0.6, 0.7, 0.7, 0.61), (0.001,) * 4, 0.0001),
        "It costs 15.0 to 23.0 percentage points at every learning rate. Over all learning rates together, the "
        "accuracy is 18.5 percentage points lower (95 % interval −20.0 to −17.0, p < 0.001), which is more than "
        "chance. Choosing the learning rate anew does not make up for it: the best mean accuracy is still 16.0 "
        "percentage points lower.",
        f"{INPUTS} cost 18.5 percentage points.",
    ),
    "found at some, made up for by another learning rate": (
        costs(OWN, (0.5, 0.6, 0.86, 0.83), (0.001, 0.001, 1.0, 1.0), 0.02),
        "It costs 25.0 to 30.0 percentage points at two of the four learning rates. Over all learning rates together, "
        "the accuracy is 14.0 percentage points lower (95 % interval −15.5 to −12.5, p = 0.020), which is more than "
        "chance. With the learning rate chosen anew, though, the wrong scaling reaches the same mean accuracy.",
        f"{INPUTS} cost 14.0 percentage points.",
    ),
    "better than its own at another learning rate": (
        costs(OWN, (0.5, 0.6, 0.9, 0.85), (0.001, 0.001, 0.3, 0.4), 0.02),
        "though, the wrong scaling reaches a mean accuracy that is 4.0 percentage points higher.",
        f"{INPUTS} cost 12.5 percentage points.",
    ),
    "found together only": (
        costs(OWN, (0.78, 0.83, 0.84, 0.82), (0.2, 0.2, 0.3, 0.3), 0.03),
        "At no single learning rate was a difference found to be more than chance. Over all learning rates together, "
        "the accuracy is 2.0 percentage points lower (95 % interval −3.5 to −0.5, p = 0.030), which is more than "
        "chance. Choosing the learning rate anew does not make up for it: the best mean accuracy is still 2.0 "
        "percentage points lower.",
        f"{INPUTS} cost 2.0 percentage points.",
    ),
    "no difference": (
        costs(OWN, (0.79, 0.85, 0.86, 0.83), (0.2, 0.9, 1.0, 0.9), 0.8),
        "At no single learning rate was a difference found to be more than chance. Over all learning rates together, "
        "the accuracy is 0.5 percentage points lower (95 % interval −2.0 to 1.0, p = 0.80), which was not shown to be "
        "more than chance.",
        f"{INPUTS} were not shown to change the accuracy.",
    ),
    "equal": (
        costs(OWN, OWN, (1.0,) * 4, 1.0),
        "Over all learning rates together, the accuracy is the same (p = 1.00).",
        f"{INPUTS} were not shown to change the accuracy.",
    ),
    "better": (
        costs(OWN, (0.85, 0.9, 0.9, 0.9), (0.001,) * 4, 0.001),
        "It gains 4.0 to 6.0 percentage points at every learning rate, which was not to be expected. Over all learning "
        "rates together, the accuracy is 5.0 percentage points higher (95 % interval 3.5 to 6.5, p = 0.001), which is "
        "more than chance.",
        f"{INPUTS} gained 5.0 percentage points.",
    ),
    "worse and better": (
        costs(OWN, (0.75, 0.9, 0.87, 0.85), (0.001, 0.002, 0.3, 0.4), 0.3),
        "It costs 5.0 percentage points at one of the four learning rates; it gains 5.0 percentage points at one of "
        "the four learning rates, which was not to be expected.",
        f"{INPUTS} were not shown to change the accuracy.",
    ),
    "one repetition": (
        costs(OWN, (0.5, 0.6, 0.86, 0.83), (None,) * 4, None),
        "Over all learning rates together, the accuracy is 14.0 percentage points lower. A single repetition allows no "
        "test of this.",
        "",
    ),
    "two learning rates compared": (
        costs(OWN[:2], (0.6, 0.7), (0.001, 0.001), 0.001),
        "Two of the four learning rates are left out, because trainings diverged.",
        f"{INPUTS} cost 17.5 percentage points.",
    ),
    "three learning rates compared": (
        costs(OWN[:3], (0.6, 0.7, 0.85), (0.001, 0.001, 0.4), 0.001),
        "One of the four learning rates is left out, because trainings diverged.",
        f"{INPUTS} cost 12.0 percentage points.",
    ),
    "one learning rate compared": (
        [cost("learning rate 0.01", 0.85, 0.8, 0.01)],
        "It costs 5.0 percentage points at the only learning rate compared. Three of the four learning rates are left "
        "out, because trainings diverged.",
        f"{INPUTS} cost 5.0 percentage points.",
    ),
    "one learning rate compared, no difference": (
        [cost("learning rate 0.01", 0.85, 0.84, 0.3)],
        "At the only learning rate compared, no difference was found to be more than chance.",
        f"{INPUTS} were not shown to change the accuracy.",
    ),
    "one learning rate compared, one repetition": (
        [cost("learning rate 0.01", 0.85, 0.85, None)],
        "At the only learning rate compared, the accuracy is the same. A single repetition allows no test of this.",
        "",
    ),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_the_wrong_scaling_costs(tmp_path: Path, outcome: str):
    rows, said, short = OUTCOMES[outcome]
    found = found_in(tmp_path, flower_grid(scattered(GOOD)), scaling=rows)
    text = checked(words.scaling_text(found, FACTS))
    assert text.startswith(SHOWN)
    assert said in text
    sentence = words.scaling_sentence(found)
    assert (checked(sentence) if sentence else "") == short


def test_nothing_could_be_compared(tmp_path: Path):
    found = found_in(tmp_path, flower_grid(scattered(GOOD)))
    assert checked(words.scaling_text(found, FACTS)) == (
        f"{START} What it costs could not be measured: with one scaling or the other, trainings diverged at every "
        "learning rate."
    )
    assert words.scaling_sentence(found) == ""


def test_a_network_of_another_range(tmp_path: Path):
    found = found_in(tmp_path, flower_grid(scattered(GOOD)), scaling=OUTCOMES["equal"][0])
    for name, range_ in (("lite", "was trained on inputs scaled to −0.99…1"), ("torch", "was not trained on inputs")):
        facts = FACTS | {"backbone": {"name": "[[cut]] net", "preprocessing": {"name": name}}}
        text = words.scaling_text(found, facts)
        assert checked(text).startswith(f"[[cut]] net {range_}")
        assert "[[cut]]" not in text


@pytest.mark.parametrize("repetitions", [1, 2, 5])
@pytest.mark.parametrize("lost", [(), (3,), (1, 2, 3), (0, 1, 2, 3)])
def test_what_the_study_itself_finds_is_plain_json_and_reads_well(
    tmp_path: Path, repetitions: int, lost: tuple[int, ...]
):
    """Of a single repetition there is no interval and no p value, and JSON knows no NaN."""
    grid = flower_grid(scattered(GOOD, repetitions))
    other = scattered([0.7, 0.87, 0.85, 0.8], repetitions, seed=1)
    other[list(lost), 0] = NAN
    wrong = named_results(other, {"head.learning_rate": LEARNING_RATES})
    folder = StudyFolder(tmp_path / "study")
    folder.path.mkdir()
    flowers.scaling(SimpleNamespace(grid=grid, wrong_scaling=wrong, folder=folder))

    def no_number(name: str) -> None:
        raise AssertionError(name)

    facts = json.loads((folder.path / "study.json").read_text(encoding="utf-8"), parse_constant=no_number)
    left = 4 - len(lost)
    assert len(facts["scaling"]) == (left + 1 if left > 1 else left)
    assert {row["p"] is None for row in facts["scaling"]} <= {repetitions == 1}
    found = found_in(tmp_path / "found", grid, scaling=facts["scaling"])
    text = checked(words.scaling_text(found, FACTS))
    assert ("A single repetition allows no test of this." in text) == (repetitions == 1 and left > 0)
    assert ("left out, because trainings diverged." in text) == (0 < len(lost) < 4)
    np.testing.assert_allclose(
        [row["wrong"] for row in facts["scaling"][:left]], other[[r for r in range(4) if r not in lost]].mean(axis=1)
    )
