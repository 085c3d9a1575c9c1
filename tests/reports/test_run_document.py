from __future__ import annotations

import re

import pytest
from made_documents import FOREIGN, HOSTILE
from made_runs import SETTINGS, make_run
from strict_page import StrictPage

from regraft.errors import InputError
from regraft.images.labelled import SkippedFile
from regraft.reports.document import Code, Details, Figure, Table
from regraft.reports.html import document_html
from regraft.reports.pdf import document_pdf
from regraft.reports.run_document import run_document
from regraft.runs.folder import RunFolder


def document_of(made):
    return run_document(*made)


def section(document, title):
    return next(section for section in document.sections if section.title == title)


def table(document, label) -> Table:
    return next(block for block in document.blocks() if isinstance(block, Table) and block.label == label)


def plain(document) -> str:
    return StrictPage(document_html(document)).text.replace("\u202f", " ").replace("\u00a0", " ")


def test_the_document_says_what_the_run_measured(tmp_path):
    run, images = make_run(tmp_path, wrong=4, skipped=[SkippedFile("a.jpg", "empty file")])
    document, test = run_document(run, images), run.metrics()["test"]
    text = plain(document)
    low, high = (f"{100 * end:.1f} %" for end in test["accuracy_interval"])
    assert "The result: 26 of 30 test images right. With 95 % confidence the true accuracy" in text
    assert f"on images like these, lies between {low} and {high}." in text
    rows = {row[0]: row[1:] for row in table(document, "facts").rows}
    assert rows["Test accuracy"][0].replace("\u202f", " ") == f"{100 * test['accuracy']:.1f} %"
    assert rows["Log loss"][0] == f"{test['log_loss']:.3f}"
    assert rows["Chosen setting"][0] == "lr 0.1, momentum 0.9"
    assert "1 file was left out: empty file (1). The file skipped.csv in the run’s folder names it." in text
    assert "“daisy” has 10 test images, so one answer more or less moves its recall by 10.0 %." in text
    assert "with seed 7" in text
    assert "photos" in document.title


def test_the_table_of_splits_is_a_count_of_the_splits(tmp_path):
    run, images = make_run(tmp_path)
    rows = table(run_document(run, images), "splits").rows
    labels, splits = (run.table("splits")[name].to_pylist() for name in ("label", "split"))
    for label, *numbers in rows[:-1]:
        counted = [sum(pair == (label, split) for pair in zip(labels, splits, strict=True))
                   for split in ("train", "validation", "test")]  # fmt: skip
        assert [int(number) for number in numbers] == [*counted, sum(counted)]
    assert rows[-1] == ("all classes", "0", "30", "30", "60")


def test_sections_figures_and_references(tmp_path):
    document = document_of(make_run(tmp_path))
    assert [section.title for section in document.sections if section.level == 1] == [
        "Result", "Data", "Training", "Errors", "Method", "Limits", "How to reproduce it",
    ]  # fmt: skip
    labels = [block.label for block in document.blocks() if isinstance(block, Figure)]
    assert labels == ["loss", "accuracy", "confusion"]
    text = plain(document)
    assert re.search(r"\[1\].*References.*E\. B\. Wilson.*M\. Tan.*J\. Yosinski", text)
    assert "(E. B. Wilson, 1927)" not in text
    commands = [block for block in section(document, "How to reproduce it").blocks if isinstance(block, Code)]
    assert commands == [Code("regraft train 'my photos/'")]


def test_many_classes_leave_the_matrix_out_and_fold_the_tables(tmp_path):
    names = [f"class {index:02}" for index in range(41)]
    document = document_of(make_run(tmp_path, classes=names, images=82, wrong=30))
    assert [block.label for block in document.blocks() if isinstance(block, Figure)] == ["loss", "accuracy"]
    assert len(table(document, "splits").rows) == 16
    assert len(table(document, "all-splits").rows) == 41
    assert "for the 15 classes with the fewest images" in plain(document)


def test_hundreds_of_skipped_files_are_counted(tmp_path):
    skipped = [SkippedFile(f"{index}.jpg", "empty file") for index in range(1000)]
    document = document_of(make_run(tmp_path, skipped=skipped))
    folded = next(block for block in section(document, "Data").blocks if isinstance(block, Details))
    assert folded.blocks[0].items[-1] == "700 files more, in skipped.csv"
    assert "1,000 files were left out: empty file (1,000)." in plain(document)


def test_a_run_without_history_backbone_or_images(tmp_path):
    run, _ = make_run(tmp_path, wrong=0, history=[], changes={"backbone": {}, "chosen": {}})
    (run.path / "environment.json").unlink()
    document = run_document(run, None)
    assert "Training" not in [section.title for section in document.sections]
    assert [reference.key for reference in document.references] == ["wilson1927", "yosinski2014"]
    assert "on frozen features" in plain(document)
    assert document_pdf(document, tmp_path / "report.pdf") in (1, 2)


def test_a_run_with_hostile_names_makes_a_page_and_a_pdf_of_few_pages(tmp_path):
    names = (*HOSTILE[:6], *HOSTILE[7:9], *FOREIGN)
    changes = {
        "collection": {"name": HOSTILE[4], "classes": list(names)}, "warnings": list(HOSTILE),
        "chosen": SETTINGS | {"label": HOSTILE[0], "epoch": 5, "heads": 2},
    }  # fmt: skip
    skipped = [SkippedFile(name, f"bad: {name}") for name in HOSTILE if "\udcff" not in name]
    run, images = make_run(tmp_path, classes=names, images=36, wrong=9, changes=changes, skipped=skipped, names=names)
    document = run_document(run, images)
    text = plain(document)
    for name in names:
        assert name in text
    assert document_pdf(document, tmp_path / "report.pdf") <= 5


def test_a_usual_run_fits_three_pages(tmp_path):
    assert document_pdf(document_of(make_run(tmp_path, wrong=12)), tmp_path / "report.pdf") <= 3


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="no finished run"):
        run_document(RunFolder(tmp_path), None)
