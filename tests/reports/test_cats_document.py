from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checked_texts import check_document, plain
from made_cats import CLOSE, found, heads, leave_out_the_drawing, made_cats, scratch, tuned
from made_studies import NAN, made_run

from regraft.reports import cats_document
from regraft.reports.cats_found import CatsFound
from regraft.reports.document import Code, Document
from regraft.reports.pdf import document_pdf
from regraft.runs.folder import RunFolder

CLASSES = ("[[cut]]", "<b>$x_1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("cats") / "run", classes=CLASSES)


def document(
    tmp_path: Path, gathered: CatsFound, run: RunFolder, monkeypatch: pytest.MonkeyPatch, **facts: Any
) -> Document:
    study = made_cats(tmp_path / "study", gathered, run)
    study.write_facts(**facts)
    monkeypatch.setattr(cats_document, "gather_cats", lambda folder: gathered)
    return cats_document.cats_document(study)


OUTCOMES: dict[str, Any] = {
    "whole": lambda run: found(
        run, heads(), tuned(CLOSE[:3]), from_scratch=[scratch(), scratch()], test=run.metrics()["test"]
    ),
    "quick": lambda run: found(
        run, heads([[0.99], [0.98], [0.99], [0.99]]), tuned([[0.99], [0.98], [0.97]]), from_scratch=[scratch()],
        quick=True, test=run.metrics()["test"],
        missing=[{"wanted": "VGG19", "instead": None}, {"wanted": "EfficientNetB0", "instead": "EfficientNetLite0"}],
    ),
    "refused": lambda run: found(run, heads(), refused="Keras cannot train here.", test=run.metrics()["test"]),
    "softmax": lambda run: found(run, heads(CLOSE[:2], outputs=("softmax",)), tuned(CLOSE[:3])),
    "lost": lambda run: found(run, heads([[NAN, NAN]] * 4), tuned([[NAN, NAN]] * 3)),
    "chance": lambda run: found(run, heads([[0.5, 0.51, 0.49]] * 4), tuned([[0.5, 0.51, 0.49]] * 3)),
}  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_gives_a_sound_document(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    leave_out_the_drawing(monkeypatch)
    gathered = OUTCOMES[outcome](run)
    made = document(tmp_path, gathered, run, monkeypatch)
    labels = check_document(made)
    assert {"images", "cut", "frozen"} <= set(labels)
    assert ("tuning" in labels, "times" in labels) == (gathered.tuned is not None,) * 2
    assert ("scratch" in labels) == bool(gathered.scratch)
    assert ("confusion" in labels) == (gathered.test is not None)
    titles = [section.title for section in made.sections]
    assert titles[-4:] == ["Answers", "Recommendation", "Limits", "How to reproduce"]
    assert ("Freezing all layers" in titles) == (outcome == "softmax")
    answers = made.sections[-4].blocks
    texts = [plain(block.text) for block in answers if hasattr(block, "text")]
    assert texts[0] == "What precision was obtained?"
    assert texts[2] == "What does transfer learning change about training?"
    assert any("Quick study" in warning for warning in made.warnings) == gathered.quick


def test_names_from_outside_are_written_as_they_are(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = OUTCOMES["whole"](run)
    made = document(tmp_path, gathered, run, monkeypatch)
    assert made.title == "Transfer learning on [[cut]] and <b>$x_1"
    pdf = tmp_path / "report.pdf"
    document_pdf(made, pdf)
    assert pdf.read_bytes().startswith(b"%PDF-")
    shutil.rmtree(tmp_path / "study")


def test_the_command_is_that_of_the_study_or_one_that_does_the_same(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out_the_drawing(monkeypatch)
    gathered = found(run, heads())
    made = document(tmp_path, gathered, run, monkeypatch)
    environment = gathered.facts["environment"]
    assert _command(made) == "regraft study cats-and-dogs"
    resumed = environment | {"command": ["regraft", "study", "--resume", "x"]}
    again = replace(gathered, facts=gathered.facts | {"environment": resumed})
    assert _command(document(tmp_path / "again", again, run, monkeypatch)) == (
        "regraft study cats-and-dogs --images pets --seed 0 --backbone A --quick"
    )


def _command(document: Document) -> str:
    (code,) = [block for block in document.sections[-1].blocks if isinstance(block, Code)]
    return code.text
