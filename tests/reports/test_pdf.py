from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_documents import FOREIGN, HOSTILE, LONG, jpeg, make_document, svg

from regraft.errors import InputError
from regraft.reports._words import shown
from regraft.reports.document import Code, Figure, Paragraph, Picture, Pictures, Section, Table
from regraft.reports.numbering import numbering
from regraft.reports.pdf import _content, _next_to_float, _text, document_pdf

NAMES = (*HOSTILE, *FOREIGN, LONG)


def pages_of(path: Path) -> int:
    """The number of pages as the file itself says it."""
    return int(re.search(rb"/Type/Pages/Count (\d+)", path.read_bytes())[1])


def strings(path: Path, name: str) -> list[str]:
    """The values of a key of the PDF's objects, such as the titles of its outline (`Title`)."""
    values = re.findall(rb"/%s(?:\(((?:[^()\\]|\\.)*)\)|<([0-9A-F]+)>)" % name.encode(), path.read_bytes())
    return [
        bytes.fromhex(coded.decode())[2:].decode("utf-16-be") if coded else re.sub(rb"\\(.)", rb"\1", plain).decode()
        for plain, coded in values
    ]


def text_of(path: Path) -> str:
    if not (program := shutil.which("pdftotext")):
        pytest.skip("pdftotext (poppler-utils) is not installed")
    text = subprocess.run([program, str(path), "-"], capture_output=True, check=True).stdout.decode()
    return " ".join(text.split())


def test_a_pdf_with_its_title_and_number_of_pages(tmp_path):
    path = tmp_path / "new" / "report.pdf"
    pages = document_pdf(make_document(sections=12), path)
    assert path.read_bytes().startswith(b"%PDF-")
    assert pages == pages_of(path) == 2
    assert [file.name for file in path.parent.iterdir()] == ["report.pdf"]
    titles = strings(path, "Title")
    assert titles[-1] == "Report on daisy"
    assert {"1 Results of daisy", "1.1 Pictures of roses", "2 Section 2", "References"} <= set(titles)


def test_names_are_text_whatever_they_hold(tmp_path):
    path = tmp_path / "report.pdf"
    document_pdf(make_document(NAMES), path)
    descriptions = strings(path, "Alt")
    for name in NAMES:
        assert shown(name) in descriptions
    assert "A line for #import \"x\": *." in descriptions  # fmt: skip
    assert '1 Results of #import "x": *' in strings(path, "Title")


def test_the_text_can_be_read_and_copied(tmp_path):
    path = tmp_path / "report.pdf"
    document_pdf(make_document(HOSTILE), path)
    text = text_of(path)
    for name in HOSTILE:
        assert text.count(shown(name)) >= 5
    for wanted in ("Abstract. What was found [1], in Table 1", "Table 1. Accuracy by class", "Figure 3. Mistakes [2].",
                   "folded: Table S1 of the HTML page.", "[1] B. Author, 2019.", "page 1 of 2"):  # fmt: skip
        assert wanted in text
    assert "only on the page" not in text
    assert "C. Author" not in text
    assert "\N{ZERO WIDTH SPACE}" not in text


def test_the_same_document_gives_the_same_bytes(tmp_path):
    one, two = tmp_path / "one.pdf", tmp_path / "two.pdf"
    document_pdf(make_document(NAMES), one)
    document_pdf(make_document(NAMES), two)
    assert one.read_bytes() == two.read_bytes()
    assert b"/CreationDate" not in one.read_bytes()


def test_text_goes_to_typst_as_data_and_numbers_are_those_of_the_page(tmp_path):
    document = make_document(HOSTILE)
    content = _content(document, numbering(document), tmp_path)
    blocks = content["sections"][0]["blocks"]
    table = next(block for block in blocks if block["kind"] == "table")
    assert [row[0] for row in table["rows"]] == [shown(name) for name in HOSTILE]
    assert (table["name"], table["anchor"], table["sides"]) == ("Table\N{NO-BREAK SPACE}1", "table-1", ["l", "r"])
    assert blocks[0]["text"][1] == ["Table\N{NO-BREAK SPACE}1", "table-1"]
    assert "\\n" in json.dumps(content)
    assert sorted(file.name for file in tmp_path.iterdir())[:3] == ["figure-1.svg", "figure-2.svg", "figure-3-0.jpg"]
    assert 'font-family="DejaVu Sans"' in (tmp_path / "figure-1.svg").read_text()


@given(st.text(alphabet=st.sampled_from("ab/_-. \n\N{GREEK SMALL LETTER ALPHA}\u0301玫"), max_size=120))
def test_places_to_break_are_all_that_is_added_and_no_long_piece_is_left(text):
    broken = _text(text)
    assert broken.replace("\N{ZERO WIDTH SPACE}", "") == shown(text)
    pieces = re.split("[ \N{ZERO WIDTH SPACE}]", broken)
    assert all(len(piece) < 40 for piece in pieces if piece.isascii())
    assert "\N{ZERO WIDTH SPACE}\u0301" not in broken


def test_what_would_leave_a_gap_floats_and_the_text_fills_it(tmp_path):
    text = Paragraph("Words that fill a line or two of the page, and then some more of them. " * 4)
    tall = [Figure(name, "Tall.", svg(), "A line.") for name in ("one", "two", "three")]
    blocks = (*[text] * 8, tall[0], text, tall[1], *[text] * 6, tall[2], *[text] * 12)
    document = replace(make_document(), sections=(Section("Only", blocks),), warnings=(), references=(), abstract="")
    assert document_pdf(document, tmp_path / "report.pdf") == 3


def test_which_one_floats_next():
    spots = [("table-1", 1, 300.0), ("figure-1", 2, 57.0), ("table-2", 1, 700.0), ("figure-2", 1, 500.0)]  # in order
    assert _next_to_float(spots, [], []) == "figure-1"
    assert _next_to_float(spots, [], ["figure-1"]) == "figure-2"
    assert _next_to_float(spots, [], ["figure-1", "figure-2"]) is None
    assert _next_to_float([("figure-1", 1, 57.0)], [], []) is None
    assert _next_to_float([("figure-2", 2, 57.0), ("table-1", 3, 57.0)], [], []) == "figure-2"
    below = [("figure-1", 2, 57.0), ("table-1", 2, 420.0)]  # the first on its page but for a figure that floats
    assert _next_to_float(below, [("figure-1", 2, 400.0), ("table-1", 2, 500.0)], ["figure-1"]) == "table-1"
    assert _next_to_float(below, [("figure-1", 2, 300.0), ("table-1", 2, 500.0)], ["figure-1"]) is None


def test_a_long_table_goes_on_with_its_head_on_the_next_page(tmp_path):
    rows = tuple((f"class {index}", f"{index}") for index in range(100))
    document = replace(
        make_document(),
        sections=(Section("Only", (Table("long", "Long.", ("class", "images"), rows, "lr"), Code("x " * 300))),),
        warnings=(), references=(), abstract="",
    )  # fmt: skip
    path = tmp_path / "report.pdf"
    assert document_pdf(document, path) == 2
    assert text_of(path).count("images") == 2


def test_what_is_longer_than_a_page_is_broken_and_does_not_float(tmp_path):
    cells = tuple(("word " * 200, f"{index}") for index in range(15))
    pictures = Pictures("many", "Many.", tuple(Picture(jpeg(), f"{index}") for index in range(60)), 4)
    blocks = (Table("tall", "Tall.", ("text", "number"), cells, "lr"), pictures)
    document = replace(make_document(), sections=(Section("Only", blocks),), warnings=(), references=(), abstract="")
    path = tmp_path / "report.pdf"
    assert document_pdf(document, path) >= 4
    assert {str(index) for index in range(60)} <= set(text_of(path).split())


def test_nothing_is_written_where_a_reference_leads_nowhere_or_the_place_is_none(tmp_path):
    with pytest.raises(ValueError, match="nowhere"):
        document_pdf(replace(make_document(), abstract="[[nowhere]]"), tmp_path / "report.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        document_pdf(make_document(), tmp_path / "file" / "report.pdf")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
