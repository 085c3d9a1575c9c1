"""The numbers in a document: sections, tables, figures, references. Given once, so that page and PDF cannot differ."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regraft.reports.document import (
    Block,
    Bullets,
    Details,
    Document,
    Figure,
    Paragraph,
    Pictures,
    Reference,
    Section,
    Table,
    bare,
)

_SPACE = "\N{NO-BREAK SPACE}"
_P_VALUE = re.compile(r"\bp ([=<≤≥]) (?=\d)")  # is not to be broken at the end of a line
_CITE = "cite:"
_REFERENCE = re.compile(r"\[\[([^\[\]]*)\]\]")


@dataclass(frozen=True)
class Link:
    """A piece of text that leads to a table, a figure or a reference; `folded` where that lies inside `Details`."""

    text: str
    anchor: str
    folded: bool = False


@dataclass(frozen=True)
class Numbering:
    """The numbers in a document, as `numbering` gave them.

    Attributes:
        sections: `1`, `1.1` … in the order of the sections.
        names: `Table 2` or `Figure 3` for each label; inside `Details`, which the PDF lacks, `Table S1`.
        references: those that are cited, [1] first.
        printed: how many of them are cited outside `Details`; they come first.
    """

    sections: tuple[str, ...]
    names: Mapping[str, str]
    references: tuple[Reference, ...]
    printed: int

    def anchor(self, label: str) -> str:
        """Where a link to this table or figure leads: `table-2`."""
        return self.names[label].lower().replace(_SPACE, "-")

    def parts(self, text: str) -> list[str | Link]:
        """The text cut where it refers to something.

        Raises:
            ValueError: there is nothing of that label or key.
        """
        parts: list[str | Link] = []
        for index, piece in enumerate(_REFERENCE.split(text)):
            if index % 2:
                parts.append(self._link(piece, text))
            elif piece:
                parts.append(_P_VALUE.sub("p\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", bare(piece)))
        return parts

    def _link(self, label: str, text: str) -> Link:
        if label.startswith(_CITE):
            keys = [reference.key for reference in self.references]
            if label.removeprefix(_CITE) not in keys:
                raise ValueError(f"there is no reference {label.removeprefix(_CITE)!r}, which is cited in {text!r}")
            number = keys.index(label.removeprefix(_CITE)) + 1
            return Link(f"[{number}]", f"reference-{number}", number > self.printed)
        if label not in self.names:
            raise ValueError(f"there is no table or figure {label!r}, which is referred to in {text!r}")
        return Link(self.names[label], self.anchor(label), _SPACE + "S" in self.names[label])


def numbering(document: Document) -> Numbering:
    """Numbers the sections, tables, figures and cited references of a document.

    Raises:
        ValueError: a label is used twice, a reference is to nothing, or a subsection has no section before it.
    """
    shown = [block for section in document.sections for block in section.blocks if not isinstance(block, Details)]
    folded = [block for block in document.blocks() if not any(block is other for other in shown)]
    names: dict[str, str] = {}
    for blocks, letter in ((shown, ""), (folded, "S")):
        counts = {"Table": 0, "Figure": 0}
        for block in blocks:
            if isinstance(block, Table | Figure | Pictures):
                if block.label in names:
                    raise ValueError(f"the label {block.label!r} is used twice")
                kind = "Table" if isinstance(block, Table) else "Figure"
                counts[kind] += 1
                names[block.label] = f"{kind}{_SPACE}{letter}{counts[kind]}"
    first = [document.abstract, *document.warnings, *(text for block in shown for text in _texts(block))]
    then = [text for block in folded for text in _texts(block)]
    cited, printed = _cited(first + then, document.references), len(_cited(first, document.references))
    result = Numbering(_section_numbers(document.sections), names, cited, printed)
    for text in first + then:
        result.parts(text)
    return result


def _texts(block: Block) -> tuple[str, ...]:
    """The texts of a block in which references count."""
    match block:
        case Paragraph():
            return (block.text,)
        case Bullets():
            return block.items
        case Table():
            return (block.caption, block.note)
        case Figure() | Pictures():
            return (block.caption,)
        case _:
            return ()


def _cited(texts: Sequence[str], references: Sequence[Reference]) -> tuple[Reference, ...]:
    entries = {reference.key: reference for reference in references}
    if len(entries) < len(references):
        raise ValueError("two references have the same key")
    cited: dict[str, Reference] = {}
    for text in texts:
        for label in _REFERENCE.findall(text):
            if label.startswith(_CITE):
                key = label.removeprefix(_CITE)
                if key in entries:
                    cited[key] = entries[key]
    return tuple(cited.values())


def _section_numbers(sections: Sequence[Section]) -> tuple[str, ...]:
    numbers = []
    main = sub = 0
    for section in sections:
        main, sub = (main + 1, 0) if section.level == 1 else (main, sub + 1)
        if not main:
            raise ValueError(f"the subsection {section.title!r} has no section before it")
        numbers.append(f"{main}.{sub}" if sub else f"{main}")
    return tuple(numbers)
