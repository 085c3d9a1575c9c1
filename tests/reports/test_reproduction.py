from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checked_texts import checked
from made_studies import ENVIRONMENT, GOOD, flower_grid, made_flowers, scattered

from regraft.reports._reproduction import byline, reproduce_blocks
from regraft.reports.document import Bullets, Code, Paragraph
from regraft.studies.folder import StudyFolder


def study(folder: Path, **facts: Any) -> StudyFolder:
    return made_flowers(folder, flower_grid(scattered(GOOD, 1)), **facts)


def blocks(folder: StudyFolder) -> tuple[str, str, list[str]]:
    text, code, facts = reproduce_blocks(folder)
    assert isinstance(text, Paragraph)
    assert isinstance(code, Code)
    assert isinstance(facts, Bullets)
    return checked(text.text), code.text, [checked(item) for item in facts.items]


def test_the_command_the_versions_and_the_machine(tmp_path: Path):
    text, command, facts = blocks(study(tmp_path))
    assert text == (
        "The command below, with the same images, versions and machine, gives the same numbers again, times aside. The "
        "folder of the study holds every run with its configuration, split, history and predictions, and the "
        "recommended run with its model."
    )
    assert command == "regraft study flowers --images 'my photos'"
    assert facts == [
        "Python 3.11.7; regraft 0.1.0, keras 3.15.0.",
        "A [[cut]] processor, 2 cores; Linux.",
        "Time: finding the images 0.4 s and training on features 17 s; in all 1 min, without this report.",
    ]
    assert byline(study(tmp_path)) == "regraft 0.1.0, 3 July 2026, 14:05 UTC"


def test_a_name_from_outside_is_no_reference(tmp_path: Path):
    *_, facts = reproduce_blocks(study(tmp_path))
    assert isinstance(facts, Bullets)
    assert not any("[[cut]]" in item for item in facts.items)


@pytest.mark.parametrize("began", [["-c"], [], ["flowers.py", "photos"], ["regraft", "study", "--resume", "x"]])
def test_a_study_that_a_script_began_is_repeated_by_a_command(tmp_path: Path, began: list[str]):
    folder = study(tmp_path, environment=ENVIRONMENT | {"command": began})
    folder.write_settings(
        'kind = "flowers"\nimages = "/my photos"\nbackbone = "MobileNetV2"\nseed = 0\nseeds = 2\nfolds = 5\n'
        "epochs = 50\nstandard_epochs = 1\nquick = true\n"
    )
    assert blocks(folder)[1] == (
        "regraft study flowers --images '/my photos' --backbone MobileNetV2 --seed 0 --seeds 2 --folds 5 --epochs 50 "
        "--standard-epochs 1 --quick"
    )
    folder.write_settings('kind = "grid"\n')
    text, command, _ = blocks(folder)
    assert command == "regraft study grid.study.toml"
    assert text.startswith("The command below, given in the folder of the study, with the same images")


def test_stages_that_took_no_time_are_not_listed(tmp_path: Path):
    folder = study(tmp_path, seconds={"find": 0.01, "total": 0.2})
    assert blocks(folder)[2][-1] == "Time: not measured by stage; in all 0.2 s, without this report."
    reported = study(tmp_path, seconds={"report": 2.5, "total": 4.0})
    assert "in all 1.5 s, without this report." in blocks(reported)[2][-1]
    nothing = study(tmp_path, seconds={}, environment=ENVIRONMENT | {"time": "once"})
    assert "in all 0.0 s" in blocks(nothing)[2][-1]
    assert byline(nothing) == "regraft 0.1.0"
