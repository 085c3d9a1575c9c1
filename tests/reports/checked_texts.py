"""What holds for every text and every document that a report makes, whatever the numbers were."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regraft.reports._words import THIN
from regraft.reports.document import Block, Bullets, Document, Figure, Paragraph, Pictures, Table, bare
from regraft.reports.numbering import numbering

_NOUNS = "setting|repetition|seed|fold|epoch|training|combination|image|photograph|class|learning rate|other|network"
_WRONG = re.compile(
    r"\bnan\b|\bNone\b(?! of)|\binf\b|\bTrue\b|\bFalse\b|  |\(\)|\( | [,.;:)]|,[,.;]|\.\.|\[\]|“”|[{}]|\n"
    rf"|\b(?:1|[Oo]ne) (?:{_NOUNS})e?s\b|[-−]0\.0\b|at most less|by no more than less|\b(?:of of|the the|a a|in in)\b"
)
_SETS = "{(F(x), t)}"


def plain(text: str) -> str:
    """A text with plain spaces, without the marks that keep brackets from being references."""
    return bare(text).replace(THIN, " ").replace("\N{NO-BREAK SPACE}", " ")


def checked(text: str) -> str:
    """A text that should be well-formed sentences; gives it back, with plain spaces.

    No number that is none, no doubled or lost sign, no singular with a plural, brackets and quotation marks in pairs,
    a capital at the start and a full stop at the end.
    """
    found = plain(text)
    tested = found.replace(_SETS, "F(x)")
    wrong = _WRONG.search(tested)
    assert wrong is None, (wrong, found)
    assert re.match(r"[A-Z0-9“[]", found), found
    assert found.endswith("."), found
    for opening, closing in ("“”", "()", "[]"):
        assert tested.count(opening) == tested.count(closing), (opening, found)
    return found


def texts_of(document: Document) -> Iterator[str]:
    """Every text of a document that should be sentences."""
    yield document.abstract
    yield from document.warnings
    for block in document.blocks():
        match block:
            case Paragraph():
                # What announces a list ends with a colon, and a question with its mark.
                yield block.text[:-1] + "." if block.text.endswith((":", "?")) else block.text
            case Figure():
                yield block.caption
                yield block.description
            case Table():
                yield block.caption
                yield from filter(None, (block.note,))
            case Pictures():
                yield block.caption


def check_document(document: Document) -> dict[str, str]:
    """Checks every text of a document, and that its text refers to every figure and table and cites what it lists.

    Returns:
        The number of each figure and table: `{"rates": "Table 2"}`.
    """
    for text in texts_of(document):
        checked(text)
    numbers = numbering(document)  # raises where a reference leads nowhere
    blocks = list(document.blocks())
    said = " ".join([document.abstract, *(text for block in blocks for text in _paragraphs(block))])
    labels = [block.label for block in blocks if isinstance(block, Figure | Table | Pictures)]
    assert {label for label in labels if f"[[{label}]]" not in said} == set()
    assert len(labels) == len(set(labels))
    for block in blocks:
        if isinstance(block, Table):
            assert not re.search(r"\bnan\b|None", " ".join(cell for row in block.rows for cell in row)), block
    for section in document.sections:
        assert section.title == "Experiments" or section.blocks, section
    assert "nan" not in document.title + document.subtitle + document.byline
    assert not document.subtitle.endswith((" ", ","))
    return {name: plain(number) for name, number in numbers.names.items()}


def _paragraphs(block: Block) -> tuple[str, ...]:
    """The running text of a block, in which figures and tables are to be referred to."""
    if isinstance(block, Paragraph):
        return (block.text,)
    return block.items if isinstance(block, Bullets) else ()
