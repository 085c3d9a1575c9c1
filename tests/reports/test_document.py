from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_documents import make_document

from regraft.reports.document import Details, Figure, Paragraph, Table, bare, literal, side_by_side


def figure(width: float) -> Figure:
    return Figure("f", "", "<svg/>", "", width)


def test_blocks_are_given_in_order_and_those_inside_details_after_them():
    kinds = [type(block).__name__ for block in make_document().blocks()]
    assert kinds == ["Paragraph", "Paragraph", "Bullets", "Table", "Figure", "Figure", "Code", "Pictures", "Details",
                     "Paragraph", "Table", "Paragraph"]  # fmt: skip
    assert isinstance(list(make_document().blocks())[8], Details)


@given(st.text(alphabet="[]a\N{WORD JOINER}", max_size=12).filter(lambda text: "[\N{WORD JOINER}" not in text))
def test_a_literal_has_no_two_brackets_and_is_shown_as_it_was(text):
    assert "[[" not in literal(text)
    assert bare(literal(text)) == text


def test_figures_stand_side_by_side_as_far_as_they_fit():
    text, table = Paragraph(""), Table("t", "", ("a",), ())
    half, third, whole = figure(0.5), figure(1 / 3), figure(1)
    assert side_by_side([half, half, half]) == [(half, half), (half,)]
    assert side_by_side([third, third, third, whole]) == [(third, third, third), (whole,)]
    assert side_by_side([half, text, half, table]) == [(half,), text, (half,), table]
    assert side_by_side([]) == []


@pytest.mark.parametrize(("rows", "align"), [([("a",)], ""), ([("a", "b", "c")], ""), ([("a", "b")], "lrr")])
def test_a_table_of_unequal_rows_is_refused(rows, align):
    with pytest.raises(ValueError, match="'t': 2 columns"):
        Table("t", "", ("x", "y"), tuple(rows), align)


def test_columns_stand_left_unless_told():
    assert Table("t", "", ("x", "y"), ()).sides == "ll"
    assert Table("t", "", ("x", "y"), (("a", "b"),), "lr").sides == "lr"
