"""A report as data: sections, paragraphs, numbered tables and figures. `html` and `pdf` make pages of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from regraft.reports._words import shown

# Text is plain; a renderer escapes it. In paragraphs, lists, captions, notes, warnings and the abstract, `[[LABEL]]`
# refers to the table, figure or picture of that label ("Table 2", "Figure 3"), and `[[cite:KEY]]` to an entry of the
# references ("[1]"). Names from outside go through `literal` there. In titles, cells, code and the words below
# pictures brackets mean nothing.

_JOINER = "\N{WORD JOINER}"  # cannot be seen, and keeps two brackets from being a reference


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text; `strong` for the one that carries the conclusion."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """A command or a program's output, in a fixed-width font, lines kept."""

    text: str


@dataclass(frozen=True)
class Table:
    """A numbered table.

    Attributes:
        label: what the text refers to it by; unique among tables and figures.
        caption: a sentence or two, above the table.
        columns: titles.
        rows: cells as text, as many as there are columns.
        align: `l` or `r` for each column; numbers stand right.
        strong: indices of rows that are set off (the best).
        note: below the table, small.
    """

    label: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str = ""
    strong: tuple[int, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.rows} | ({len(self.align)} if self.align else set())
        if widths - {len(self.columns)}:
            raise ValueError(f"table {self.label!r}: {len(self.columns)} columns, but rows or align of {widths}")

    @property
    def sides(self) -> str:
        """`l` or `r` for each column."""
        return self.align or "l" * len(self.columns)


@dataclass(frozen=True)
class Figure:
    """A numbered figure. Figures that follow each other stand side by side where their widths allow it.

    Attributes:
        label: what the text refers to it by; unique among tables and figures.
        caption: a sentence or two, below the figure.
        svg: a whole SVG file of `_svg.svg_of`.
        description: what is seen, for readers who cannot see it.
        width: share of the page's width, 0 to 1.
    """

    label: str
    caption: str
    svg: str
    description: str
    width: float = 1.0


@dataclass(frozen=True)
class Picture:
    """A small photograph: JPEG bytes and a word below it."""

    jpeg: bytes
    text: str


@dataclass(frozen=True)
class Pictures:
    """A numbered figure of small photographs, `per_row` in a row."""

    label: str
    caption: str
    pictures: tuple[Picture, ...]
    per_row: int


@dataclass(frozen=True)
class Details:
    """What only some readers want: folded in the page, left out of the PDF, which has a limit."""

    title: str
    blocks: tuple[Block, ...]


Block = Paragraph | Bullets | Code | Table | Figure | Pictures | Details


@dataclass(frozen=True)
class Section:
    """A numbered section; `level` 2 for a section within the one before it."""

    title: str
    blocks: tuple[Block, ...]
    level: Literal[1, 2] = 1


@dataclass(frozen=True)
class Reference:
    """An entry of the list of references."""

    key: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title, subtitle: at its head.
        byline: who or what made it, and when.
        abstract: what was asked and what was found, in a few sentences.
        sections: in order.
        references: numbered in the order of their first citation; those nobody cites are left out.
        warnings: set off at the head: what a reader must know before believing a number.
    """

    title: str
    subtitle: str
    byline: str
    abstract: str
    sections: tuple[Section, ...]
    references: tuple[Reference, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def blocks(self) -> Iterator[Block]:
        """Every block in order, those inside `Details` after it."""
        for section in self.sections:
            yield from _flat(section.blocks)


def _flat(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Details):
            yield from _flat(block.blocks)


def literal(text: str) -> str:
    """Text from outside, such as the name of a class, in which `[[…]]` means nothing."""
    return re.sub(r"\[(?=\[)", f"[{_JOINER}", text)


def named(name: object) -> str:
    """A name from outside as it may stand in text: what cannot be seen written out, `[[…]]` without meaning."""
    return literal(shown(str(name)))


def bare(text: str) -> str:
    """A piece of text as it is shown: what `literal` put in is taken out."""
    return text.replace(f"[{_JOINER}", "[")


def side_by_side(blocks: Sequence[Block]) -> list[Block | tuple[Figure, ...]]:
    """The blocks, with figures as rows: as many of those that follow each other as fit the width."""
    rows: list[Block | tuple[Figure, ...]] = []
    for block in blocks:
        last = rows[-1] if rows else None
        if not isinstance(block, Figure):
            rows.append(block)
        elif isinstance(last, tuple) and sum(figure.width for figure in last) + block.width <= 1.001:
            rows[-1] = (*last, block)
        else:
            rows.append((block,))
    return rows
