from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from checked_texts import check_document, plain
from made_controlled import control_facts, make_controlled
from made_finetuned import finetune_facts
from made_runs import make_run
from strict_page import StrictPage

from regraft.reports._run_control import TITLE, control_rows, control_sections, control_words
from regraft.reports.document import Figure
from regraft.reports.page import write_report
from regraft.reports.run_document import run_document
from regraft.runs.config import make_config


def test_page_and_document_have_the_verdict_the_numbers_and_how_it_was_trained(tmp_path: Path) -> None:
    run, images = make_controlled(tmp_path)
    write_report(run, images)
    page = plain(StrictPage(run.report.read_text(encoding="utf-8")).text)
    document = run_document(run, images)
    check_document(document)
    assert TITLE in [section.title for section in document.sections]
    for text in control_words(run.metrics()):
        assert plain(text) in page
    for row in control_rows(run.metrics(), run.config()):
        for cell in row:
            assert plain(cell) in page
    assert TITLE in page
    assert (run.path / "figures" / "scratch.svg").is_file()


def test_the_rows_are_the_run_and_its_control(tmp_path: Path) -> None:
    run, _ = make_controlled(tmp_path)
    own, control = ([plain(cell) for cell in row] for row in control_rows(run.metrics(), run.config()))
    assert own[1] == f"{100 * run.metrics()['test']['accuracy']:.1f} %"
    # 162.5 s in all without the 155 of the control
    assert own[3:] == ["3 heads for 100 epochs, on 90 images", "7.5 s"]
    assert control[1:] == [
        "50.0 %", "33.0 % to 67.0 %", "all 399,971 weights for 4 epochs, on 90 images", "2 min 33 s"
    ]  # fmt: skip


def test_what_is_said_of_the_training_follows_the_facts() -> None:
    def how(**changes: object) -> str:
        images = {"train": 90, "validation": 30}
        return plain(control_words({"control": control_facts(**changes), "images": images})[1])

    assert "0.0003 (1.046), 0.001 (0.950) and 0.003 (diverged). With 0.001 it was then trained from" in how()
    assert "trained again for as many on the 120 images of training and validation together" in how()
    assert "as they are." in how()
    assert "in a new augmented view in every epoch." in how(augmented=True)
    assert "The weights after epoch 4, which validation chose, are measured." in how(refit_epochs=0)
    assert "The random weights it began with" in how(refit_epochs=0, best_epoch=0)
    assert "Its learning rate, 0.001, was given, and no other was tried." in how(tried=[])
    assert len(control_words({"control": control_facts(warnings=[]), "images": {"train": 9, "validation": 3}})) == 2


def test_the_row_of_a_fine_tuned_run_names_both_its_parts(tmp_path: Path) -> None:
    run, _ = make_controlled(tmp_path)
    metrics = {**run.metrics(), "finetune": finetune_facts()}
    config = make_config({"images": {"source": "digits"}, "head": {"epochs": 1}})
    assert control_rows(metrics, config)[0][3] == (
        "3 heads for 1 epoch, then 2,812,345 weights of the network for 8 epochs, on 90 images"
    )


def test_a_run_without_a_control_says_nothing_of_it(tmp_path: Path) -> None:
    run, images = make_run(tmp_path)
    write_report(run, images)
    assert TITLE not in run.report.read_text(encoding="utf-8")
    assert control_sections(run, run.metrics(), run.history()) == []


@pytest.mark.parametrize("gone", [True, False])
def test_without_anything_to_draw_there_is_no_figure(tmp_path: Path, gone: bool) -> None:
    run, images = make_controlled(tmp_path, rows=[])
    if gone:
        shutil.rmtree(run.path / "control")
    document = run_document(run, images)
    check_document(document)
    assert "scratch" not in [block.label for block in document.blocks() if isinstance(block, Figure)]
