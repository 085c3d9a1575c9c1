from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from checked_texts import checked
from made_proportions import made_proportions

from regraft.reports.document import Code, Paragraph
from regraft.reports.proportions_reproduction import reproduce
from regraft.studies.folder import StudyFolder

USUAL = [0.05, 0.1, 0.25, 0.5, 1.0]


def reproduced(study: StudyFolder, *command: str) -> tuple[str, str]:
    """What is said of the command, and the command, where the study was begun by some other one."""
    study.write_facts(environment={**study.facts()["environment"], "command": list(command)})
    said, code, *_ = reproduce(study)
    assert isinstance(said, Paragraph)
    assert isinstance(code, Code)
    return checked(said.text), code.text


def test_the_command_that_began_it(tmp_path: Path) -> None:
    given = ("regraft", "study", "proportions", "my photos", "--quick")
    said, command = reproduced(made_proportions(tmp_path), *given)
    assert said.startswith("The command below")
    assert shlex.split(command) == list(given)


@pytest.mark.parametrize("began", [("script.py",), ("regraft", "study", "--resume", "study")])
def test_a_script_or_a_resumed_study_is_repeated_by_a_command(tmp_path: Path, began: tuple[str, ...]) -> None:
    study = made_proportions(tmp_path, quick=True, options={"fractions": USUAL, "images": "my photos"})
    _, command = reproduced(study, *began)
    assert command == (
        "regraft study proportions 'my photos' --seed 0 --seeds 2 --epochs 100 --standard-epochs 20 --quick"
    )


def test_fractions_that_were_asked_for_are_in_the_command(tmp_path: Path) -> None:
    study = made_proportions(tmp_path, options={"fractions": [0.05, 1 / 3, 1.0]})
    parts = shlex.split(reproduced(study, "script.py")[1])
    given = parts[parts.index("--fractions") + 1]
    assert given.startswith("0.05,0.333")
    assert given.endswith(",1")
    assert [float(part) for part in given.split(",")] == [0.05, 1 / 3, 1.0]


def test_what_no_command_can_do_is_said_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"scratch_seeds": 2, "fractions": [0.5, 1.0], "path": "my flowers", "images": "flowers"}
    said, code = reproduced(made_proportions(tmp_path, options=options), "script.py")
    assert said.startswith("The Python below, with the same images")
    begun: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    class Begun:
        folder = StudyFolder(tmp_path)

        def __init__(self, *given: Any, **options: Any) -> None:
            begun.append((given, options))

    written: list[Path] = []
    monkeypatch.setattr("regraft.studies.proportions_study.ProportionsStudy", Begun)
    monkeypatch.setattr("regraft.studies.proportions.run_all", lambda study: study)
    monkeypatch.setattr(
        "regraft.reports.study_report.write_study_report", lambda folder, html, pdf: written.append(folder)
    )
    exec(code, {})
    ((given, named),) = begun
    assert given == ("flowers",)
    assert named == {
        "seed": 0, "seeds": 2, "scratch_seeds": 2, "epochs": 100, "scratch_epochs": 20, "quick": False,
        "fractions": [0.5, 1.0], "path": Path("my flowers"),
    }  # fmt: skip
    assert written == [tmp_path]
