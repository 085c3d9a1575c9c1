from __future__ import annotations

import pytest
from checked_texts import checked, plain
from made_mobilenet import found_mobilenet

from regraft.reports import mobilenet_tables as tables
from regraft.reports.mobilenet_found import MobileNetFound


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> MobileNetFound:
    return found_mobilenet(tmp_path_factory.mktemp("made") / "study")


def test_stages(found: MobileNetFound) -> None:
    table = tables.stage_table(found)
    rows = [[plain(cell) for cell in row] for row in table.rows]
    assert rows[0] == ["untrained", "none", "–", "35.0 %", "34.0 %", "25.5 to 43.7 %", "–"]
    assert rows[1][:5] == ["trained from scratch", "40,000", "40", "50.0 %", "50.0 %"]
    assert rows[1][-1] == "10 min 1 s"
    assert table.strong == (3,)


def test_differences(found: MobileNetFound) -> None:
    rows = [[plain(cell) for cell in row] for row in tables.difference_table(found).rows]
    assert len(rows) == 6
    assert rows[-1][:2] == ["pretrained, fine-tuned – pretrained, new head", "7.0"]
    assert rows[-1][3:] == ["7 : 0", "p = 0.016", "p = 0.016"]


def test_steps(found: MobileNetFound) -> None:
    rows = [list(map(plain, row)) for row in tables.step_table(found).rows]
    assert [row[2] for row in rows] == ["plain", "plain and 8 views", "plain and 1 view", "a new view each epoch"]
    assert [row[3:5] for row in rows] == [["2", "2"], ["3", "1"], ["2", "0"], ["3", "1"]]
    assert rows[3][5:] == ["75.0 → 80.0 → 76.5", "0.50 → 0.40 → 0.47", "40 s"]


def test_groups(found: MobileNetFound) -> None:
    rows = tables.group_table(found).rows
    assert rows[0] == ("head", "–", "1,000", "0.001", "0.001")
    assert [row[0] for row in rows[1:]] == ["conv_3", "conv_2", "stem..conv_1"]
    assert rows[-1] == ("stem..conv_1", "80 × 80", "800", "–", "3.7e-5")


def test_captions_and_notes_are_sentences(found: MobileNetFound) -> None:
    for make in (tables.stage_table, tables.difference_table, tables.step_table, tables.group_table):
        table = make(found)
        checked(table.caption)
        checked(table.note)
