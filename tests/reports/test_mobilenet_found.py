from __future__ import annotations

from pathlib import Path

import pytest
from made_mobilenet import RIGHT, found_mobilenet, four_steps, made_mobilenet

from regraft.cli._study_numbers import ACCURACIES, LINES
from regraft.evaluation.paired import mcnemar, paired_difference_interval
from regraft.reports.mobilenet_found import MobileNetFound


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> MobileNetFound:
    return found_mobilenet(tmp_path_factory.mktemp("made") / "study")


def test_the_stages_come_in_their_order_with_what_they_took(found: MobileNetFound) -> None:
    assert [one.stage for one in found.stages] == list(RIGHT)
    assert [round(100 * one.metrics["test"]["accuracy"]) for one in found.stages] == list(RIGHT.values())
    assert [one.seconds for one in found.stages] == [0.0, 601.0, 3.0, 100.0]
    assert found.images["test"] == 100
    assert found.chance == 1 / 3
    assert found.steps == tuple(four_steps())
    assert not found.quick


def test_every_later_stage_is_paired_with_every_earlier_one(found: MobileNetFound) -> None:
    names = [(earlier, later) for earlier, later, _ in found.pairs]
    order = list(RIGHT)
    assert names == [(a, b) for place, a in enumerate(order) for b in order[place + 1 :]]
    pair = found.pair("new-head", "fine-tuned")
    assert pair is not None
    # Of 100 images the first 85 and the first 92: seven that the later one alone answers rightly.
    assert (pair.first_only, pair.second_only) == (0, 7)
    assert pair.p == mcnemar(7, 0)
    assert (pair.difference, *pair.interval) == pytest.approx(paired_difference_interval(85, 7, 0, 8))
    assert found.pair("fine-tuned", "new-head") is None


def test_without_training_from_scratch_there_is_no_such_stage(tmp_path: Path) -> None:
    right = {stage: count for stage, count in RIGHT.items() if stage != "scratch"}
    found = found_mobilenet(tmp_path / "study", right=right, dogs=None)
    assert found.stage("scratch") is None
    assert len(found.pairs) == 3
    assert found.dogs is None


def test_the_command_line_shows_the_accuracies(tmp_path: Path) -> None:
    study = made_mobilenet(tmp_path / "study")
    rows = ACCURACIES["mobilenet"](study)
    assert [row["stage"] for row in rows] == [*RIGHT, "dogs against flowers"]
    assert rows[3]["accuracy"] == 0.92
    assert rows[3]["seconds"] == 100.0
    low, high = rows[3]["accuracy_interval"]
    assert low < 0.92 < high
    lines = LINES["mobilenet"](study)
    assert [line.split("  ")[0] for line in lines[1:6]] == [
        "untrained",
        "trained from scratch",
        "pretrained, new head",
        "pretrained, fine-tuned",
        "dogs against flowers",
    ]
    assert "was seen in steps 2, 3 and 4" in lines[-1]
