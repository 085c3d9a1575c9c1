from __future__ import annotations

from pathlib import Path

import pytest
from checked_texts import check_document
from made_mobilenet import RIGHT, made_mobilenet
from made_studies import ENVIRONMENT

from regraft.reports import mobilenet_document as module
from regraft.reports._drawing import Drawn
from regraft.reports.document import Bullets, Code, Document
from regraft.reports.html import document_html
from regraft.reports.mobilenet_document import mobilenet_document


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longest, and has tests of its own."""
    nothing = Drawn('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>', "A figure.", 0.5)
    monkeypatch.setattr(module, "story", lambda *_: nothing)
    monkeypatch.setattr(module, "courses", lambda *_: nothing)


def code(document: Document) -> str:
    (found,) = [block.text for block in document.blocks() if isinstance(block, Code)]
    return found


def test_a_whole_study(tmp_path: Path) -> None:
    document = mobilenet_document(made_mobilenet(tmp_path / "study"))
    assert {"images", "groups", "story", "stages", "differences", "from-scratch", "steps"} <= set(
        check_document(document)
    )
    assert document.title == "From random weights to fine-tuning: three classes, 180 images"
    assert document.warnings == ()
    text = " ".join(item for block in document.blocks() if isinstance(block, Bullets) for item in block.items)
    assert "0.001, is the one of 0.001 and 0.003 with the lowest validation loss after 4 epochs" in text
    page = document_html(document)
    assert "howard2017" not in page
    assert "MobileNets: efficient convolutional" in page


def test_a_study_cut_short_with_names_that_break_pages(tmp_path: Path) -> None:
    right = {stage: count for stage, count in RIGHT.items() if stage != "scratch"}
    study = made_mobilenet(
        tmp_path / "study", right=right, dogs=None, settings={"quick": True}, missing="MobileNet@160"
    )
    facts = study.facts()
    collection = {
        **facts["collection"],
        "name": "<b>[[cut]]",
        "per_class": None,
        "splits": ["test", "train"],
        "skipped": 1,
    }
    study.write_facts(collection=collection)
    document = mobilenet_document(study)
    assert "from-scratch" not in check_document(document)
    assert len(document.warnings) == 3
    page = document_html(document)
    assert "<b>[" not in page
    assert "&lt;b&gt;" in page
    assert "names the images of these splits itself: test and train" in page


def test_the_command_is_the_one_that_began_the_study_or_says_the_same(tmp_path: Path) -> None:
    study = made_mobilenet(
        tmp_path / "study", dogs=None, settings={"quick": True, "scratch_epochs": 9, "dogs": "my dogs"}
    )
    study.write_facts(environment={**ENVIRONMENT, "command": ["script.py"]})
    assert code(mobilenet_document(study)) == (
        "regraft study mobilenet --images nowhere --backbone MobileNet@160 --seed 0 --standard-epochs 9 "
        "--dogs 'my dogs' --quick"
    )
    study.write_facts(environment={**ENVIRONMENT, "command": ["regraft", "study", "mobilenet", "--seed", "7"]})
    assert code(mobilenet_document(study)) == "regraft study mobilenet --seed 7"
