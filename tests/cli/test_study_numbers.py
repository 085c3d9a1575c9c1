from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_digits import made_digits
from made_proportions import LOW, made_proportions

from regraft.cli._study_numbers import digit_accuracies, digit_lines, proportion_accuracies, proportion_lines
from regraft.studies.digits_study import PLANS, Plan
from regraft.studies.folder import StudyFolder

Run = Callable[..., Any]


def rising(way: str, dropout: bool, proportion: float) -> tuple[float, float]:
    low = 0.5 + 0.4 * proportion + 0.01 * (way == "fixed") - 0.02 * dropout
    return low, low + 0.02


def test_the_table_of_a_digits_study(tmp_path: Path) -> None:
    study = made_digits(tmp_path / "study", rising)
    assert digit_lines(study) == [
        "Test accuracy, mean of 2 runs (monitoring: nothing was chosen by it)",
        "Source task: 91.0 % of 879 images",
        "Source task, dropout: 89.0 % of 879 images",
        "",
        "Target task, images                 10       110       580",
        "from scratch                    51.8 %    59.0 %    91.0 %",
        "convolutions fixed              52.8 %    60.0 %    92.0 %",
        "trained throughout              51.8 %    59.0 %    91.0 %",
        "from scratch, dropout           49.8 %    57.0 %    89.0 %",
        "convolutions fixed, dropout     50.8 %    58.0 %    90.0 %",
        "trained throughout, dropout     49.8 %    57.0 %    89.0 %",
    ]
    rows = digit_accuracies(study)
    assert len(rows) == 2 * (1 + 3 * 3)
    (one,) = (row for row in rows if (row["way"], row["dropout"], row["proportion"]) == ("fixed", True, 1.0))
    assert one["images"] == 580
    assert (one["accuracy"], one["runs"]) == (pytest.approx(0.9), pytest.approx([0.89, 0.91]))


def test_the_table_of_a_proportions_study(tmp_path: Path) -> None:
    study = made_proportions(tmp_path / "study", scratch=LOW)
    lines = proportion_lines(study)
    assert lines[0].split("  ")[-1].strip() == "95 % interval"
    assert [line.split()[0] for line in lines[1:13]] == [
        "40", "80", "200", "400", "800", "40,", "80,", "200,", "400,", "800,", "1,600,", "3,200,",
    ]  # fmt: skip
    assert lines[5].split()[1:3] == ["89.5", "%"]
    assert lines[6].startswith("40, from scratch")
    assert lines[11].startswith("1,600, expected")
    assert lines[-1].startswith("With twice as many")
    rows = proportion_accuracies(study)
    assert [row["way"] for row in rows] == ["transfer"] * 5 + ["scratch"] * 5 + ["transfer, expected"] * 2
    for row in rows:
        low, high = row["accuracy_interval"]
        assert low <= row["accuracy"] <= high


def test_a_digits_study_from_the_command_line(tmp_path: Path, regraft: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PLANS, "quick small", Plan((0.02, 1.0), 10, 20, 1, (1, 1), 1))
    done = regraft("study", "digits", "--quick", "--export-mat", "--output", "study", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert len(found["accuracies"]) == 2 * (1 + 3 * 2)
    folder = StudyFolder("study")
    assert folder.html.is_file()
    assert folder.pdf.is_file()
    assert (folder.path / "digits.mat").is_file()
    again = regraft("study", "--resume", "study")
    assert (again.code, "nothing to resume" in again.err) == (2, True)
