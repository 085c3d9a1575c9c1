from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import pytest
from made_documents import FOREIGN, HOSTILE, LONG, make_document
from strict_page import StrictPage

from regraft.reports._svg import COLOURS
from regraft.reports._words import shown as written_out
from regraft.reports.document import Paragraph, Section
from regraft.reports.html import document_html

NAMES = (*HOSTILE, *FOREIGN, LONG)


def page(**changes) -> StrictPage:
    return StrictPage(document_html(replace(make_document(), **changes)))


def test_the_page_holds_every_text():
    document = make_document(("daisy", "roses"))
    text = StrictPage(document_html(document)).text
    for wanted in (
        "Report on daisy", "With daisy roses", "What was found [1], in Table 1: daisy roses.", "Warnings",
        "1 Results of daisy", "1.1 Pictures of roses", "See Table 1, Figure 1 and Figure 3; folded: Table S1.",
        "Table 1. Accuracy by class: daisy.", "Note on roses.", "Figure 1. Loss of daisy.", "Figure 3. Mistakes [2].",
        "Table S1. Folded.", "only on the page", "A. Author, daisy, 1927. https://doi.org/10.1000/a",
        "C. Author, 2020.",
    ):  # fmt: skip
        assert wanted in text
    assert "Nobody" not in text


def test_every_id_is_its_own_and_every_link_has_its_place():
    shown = page()
    ids = shown.values("id")
    links = [link[1:] for link in shown.values("href", "xlink:href") if link.startswith("#")]
    assert len(ids) == len(set(ids))
    assert {"table-1", "figure-1", "figure-3", "table-s1", "reference-1", "reference-3"} <= set(links)
    assert set(links) | set(shown.values("aria-labelledby")) <= set(ids)


def test_names_are_text_whatever_they_hold():
    shown = StrictPage(document_html(make_document(NAMES)))
    assert shown.all("script") == []
    assert not [name for _, attributes in shown.elements for name in attributes if name.startswith("on")]
    for name in map(written_out, NAMES):
        assert shown.text.count(name) >= 6, name
    assert "\u202e" not in shown.text
    assert document_html(make_document(NAMES)).encode("utf-8")


def test_the_page_loads_nothing():
    html = document_html(make_document())
    shown = StrictPage(html)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {name for name, _ in shown.elements}
    assert all(source.startswith("data:image/jpeg;base64,") for source in shown.values("src"))
    assert len(shown.all("img")) == 2
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    outside = [link for link in shown.values("href") if not link.startswith("#")]
    assert outside == ["https://doi.org/10.1000/a"]
    assert shown.all("meta")[1]["content"].startswith("default-src 'none'")


def test_tables_of_contents_are_for_long_documents():
    assert page().all("nav") == []
    long = StrictPage(document_html(make_document(sections=7)))
    assert len(long.all("nav")) == 1
    links = [link for link in long.values("href") if link.startswith("#section")]
    assert links == [f"#section-{number}" for number in range(1, 7)]


def test_figures_and_pictures_can_be_heard_and_headings_are_in_order():
    shown = page()
    assert [drawing["aria-label"] for drawing in shown.all("svg")] == ["A line for daisy.", "A line."]
    assert [image["alt"] for image in shown.all("img")] == ["daisy", "roses"]
    headings = [name for name, _ in shown.elements if name in ("h1", "h2", "h3")]
    assert headings == ["h1", "h2", "h2", "h3", "h2", "h2"]
    assert len(shown.all("th")) == 3
    assert [cell.get("class") for cell in shown.all("td")][:2] == [None, "number"]


def test_what_is_not_there_leaves_no_trace():
    empty = page(warnings=(), references=(), abstract="", subtitle="", sections=(Section("One", (Paragraph("a"),)),))
    assert "Warning" not in empty.text
    assert "References" not in empty.text
    assert "abstract" not in [attributes.get("class") for attributes in empty.all("section")]


def test_every_colour_of_a_figure_has_a_value_in_the_page():
    css = (resources.files("regraft.reports") / "templates" / "report.css").read_text(encoding="utf-8")
    assert [role for role in COLOURS if f"--figure-{role}:" not in css] == []


def test_a_reference_to_nothing_is_refused():
    with pytest.raises(ValueError, match="nowhere"):
        page(abstract="[[nowhere]]")


def test_the_same_document_gives_the_same_page():
    assert document_html(make_document()) == document_html(make_document())
