from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_documents import make_document

from regraft.reports.document import Document, Figure, Paragraph, Reference, Section, Table, literal
from regraft.reports.numbering import Link, numbering

SPACE = "\N{NO-BREAK SPACE}"


def document(*blocks, **changes) -> Document:
    return replace(Document("", "", "", "", (Section("Only", blocks),)), **changes)


def test_everything_is_numbered_in_its_order():
    numbers = numbering(make_document(sections=4))
    assert numbers.sections == ("1", "1.1", "2", "3")
    assert numbers.names == {
        "classes": f"Table{SPACE}1", "loss": f"Figure{SPACE}1", "accuracy": f"Figure{SPACE}2",
        "pictures": f"Figure{SPACE}3", "more": f"Table{SPACE}S1",
    }  # fmt: skip
    assert [numbers.anchor(label) for label in ("classes", "pictures", "more")] == ["table-1", "figure-3", "table-s1"]


def test_references_count_from_their_first_citation_and_those_in_details_come_last():
    numbers = numbering(make_document())
    assert [reference.key for reference in numbers.references] == ["b", "a", "c"]
    assert numbers.printed == 2


def test_tables_inside_details_take_no_number_from_those_outside():
    whole = make_document()
    first, second = whole.sections[:2]
    turned = numbering(replace(whole, sections=(replace(second, level=1), first)))
    assert turned.names["classes"] == f"Table{SPACE}1"
    assert turned.names["pictures"] == f"Figure{SPACE}1"
    assert turned.names["loss"] == f"Figure{SPACE}2"


def test_a_text_is_cut_at_its_references():
    numbers = numbering(make_document())
    assert numbers.parts("See [[classes]], and [[cite:a]].") == [
        "See ", Link(f"Table{SPACE}1", "table-1"), ", and ", Link("[2]", "reference-2"), ".",
    ]  # fmt: skip
    assert numbers.parts("[[more]][[cite:c]]") == [
        Link(f"Table{SPACE}S1", "table-s1", folded=True), Link("[3]", "reference-3", folded=True),
    ]  # fmt: skip
    assert numbers.parts("") == []


@given(st.text(alphabet="[] alos", max_size=14))
def test_what_comes_from_outside_refers_to_nothing(text):
    numbers = numbering(make_document())
    assert "".join(numbers.parts(literal(text))) == text


TABLE, FIGURE = Table("t", "", ("a",), ()), Figure("t", "", "<svg/>", "")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (document(Paragraph("See [[nowhere]].")), "no table or figure 'nowhere'.*'See"),
        (document(Table("t", "[[x]]", ("a",), ())), "no table or figure 'x'"),
        (document(abstract="[[x]]"), "no table or figure 'x'"),
        (document(warnings=("[[x]]",)), "no table or figure 'x'"),
        (document(Paragraph("[[cite:k]]")), "no reference 'k'"),
        (document(TABLE, FIGURE), "'t' is used twice"),
        (document(references=(Reference("k", ""), Reference("k", ""))), "the same key"),
        (document(sections=(Section("Sub", (), 2),)), "'Sub' has no section"),
    ],
)
def test_what_cannot_be_numbered_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        numbering(made)
