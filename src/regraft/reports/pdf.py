"""A document as a PDF, set by typst: without a network, with vector figures, the same bytes every time."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from regraft._files import write_bytes
from regraft.reports._words import shortened, shown
from regraft.reports.document import (
    Block,
    Bullets,
    Code,
    Document,
    Figure,
    Paragraph,
    Pictures,
    Table,
    side_by_side,
)
from regraft.reports.numbering import Numbering, numbering

_FONT = "DejaVu Sans"  # of the figures, whose text matplotlib placed by its widths; it comes with matplotlib
_FONT_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
_TEXT_WIDTH, _TALLEST = 16.8, 18.0  # centimetres: of the text, and of a figure at most
_TOP = 2 / 2.54 * 72  # points: the margin
_CLEARANCE = 36.0  # points: what stands so near to the start of a page's text is the first thing in it
_ONE_PAGE = 16, 3000  # a table of at most so many rows and characters is kept on one page

_BREAK = "\N{ZERO WIDTH SPACE}"  # the template makes a place of it where a line may end
_LONG = re.compile(r"[!-\u02ff\u0370-\u0482\u048a-\u058f]{22,}")  # paths, names: no hyphenation helps these
_PIECE = re.compile(r".{1,17}?(?:[/_\-.,:;=&?@|\\]+(?=\w)|$)|.{18}")  # to a sign that ends a part of it, if any

_Spot = tuple[str, int, float]


def document_pdf(document: Document, path: Path) -> int:
    """Writes the document as a PDF: A4, with numbered sections, captions and pages, links, and a title for readers.

    All text goes to typst as data, so no name can be taken for markup. Fonts are the ones that typst and matplotlib
    bring, so every machine gives the same pages; only where a text has characters that these lack are the fonts of
    the machine looked at. `Details` are left out.

    Args:
        document: the report.
        path: the file to write; it is whole or absent.

    Returns:
        The number of pages.

    Raises:
        ValueError: a label is used twice, or a reference leads to nothing.
        InputError: the file cannot be written.
    """
    import typst

    numbers = numbering(document)
    with TemporaryDirectory(prefix="regraft-") as folder:
        root = Path(folder)
        content = json.dumps(_content(document, numbers, root), ensure_ascii=False)
        (root / "data.json").write_text(content, encoding="utf-8")
        template = resources.files("regraft.reports") / "templates" / "document.typ"
        (root / "document.typ").write_bytes(template.read_bytes())
        fonts = _fonts(root)
        texts = [content, *(file.read_text(encoding="utf-8") for file in root.glob("*.svg"))]
        compiler = typst.Compiler(
            root / "document.typ",
            root=root,
            font_paths=[fonts],
            ignore_system_fonts=_covered(texts, fonts / _FONT_FILES[0]),
        )
        _fill_gaps(compiler, root, [numbers.anchor(label) for label in numbers.names])
        pdf, _ = compiler.compile_with_warnings(format="pdf", timestamp=0)  # the warnings are of missing glyphs
        pages = json.loads(compiler.query("<pages>", field="value", one=True))
    assert isinstance(pdf, bytes)
    write_bytes(path, pdf)
    return int(pages)


def _fill_gaps(compiler: Any, root: Path, order: list[str]) -> None:
    """Lets float what does not fit its page: it goes to the top of the next, and the text that follows fills the gap.

    One after the other, in their order: what comes later has no part in where a page ends before it. Tables and figures
    each keep their order.
    """
    floating: list[str] = []
    while True:
        (root / "floating.json").write_text(json.dumps(floating))
        spots, ends = (json.loads(compiler.query(f"<{label}>", field="value")) for label in ("spot", "spot-end"))
        late = _next_to_float(sorted(spots, key=lambda spot: order.index(spot[0])), ends, floating)
        if late is None:
            return
        floating.append(late)


def _next_to_float(spots: Sequence[_Spot], ends: Sequence[_Spot], floating: Sequence[str]) -> str | None:
    """The first that starts the text of a page, or stands before an earlier one of its kind that floats.

    Args:
        spots: anchor, page and distance from the page's upper edge in points, of tables and figures in their order.
        ends: the same of where they end.
        floating: the anchors of those that float already.
    """
    after = {"table": 0, "figure": 0}
    for anchor, page, y in spots:
        kind = anchor.split("-")[0]
        # The text of a page starts below what floats to its top.
        start = max([_TOP, *(end for name, where, end in ends if where == page and name in floating)])
        if anchor in floating:
            after[kind] = page
        elif page < after[kind] or (page > 1 and y < start + _CLEARANCE):
            return anchor
    return None


def _content(document: Document, numbers: Numbering, root: Path) -> dict[str, Any]:
    """What the template reads; figures and pictures are written to files in `root`."""
    sections = [
        {
            "number": number,
            "title": _text(section.title),
            "level": section.level,
            "blocks": [
                block
                for row in side_by_side(section.blocks)
                for block in (_figures(row, numbers, root) if isinstance(row, tuple) else _block(row, numbers, root))
            ],
        }
        for number, section in zip(numbers.sections, document.sections, strict=True)
    ]
    return {
        "title": _text(document.title),
        "name": shown(document.title),
        "running": shortened(document.title, 80),
        "subtitle": _text(document.subtitle),
        "byline": _text(document.byline),
        "abstract": _parts(document.abstract, numbers),
        "warnings": [_parts(text, numbers) for text in document.warnings],
        "sections": sections,
        "references": [
            {"text": _text(reference.text), "url": reference.url, "address": _text(reference.url)}
            for reference in numbers.references[: numbers.printed]
        ],
    }


def _block(block: Block, numbers: Numbering, root: Path) -> list[dict[str, Any]]:
    """The block for the template; nothing for what the PDF leaves out."""
    match block:
        case Paragraph():
            sticky = block.text.endswith(":")  # what it announces must not start the next page
            return [
                {"kind": "paragraph", "text": _parts(block.text, numbers), "strong": block.strong, "sticky": sticky}
            ]
        case Bullets():
            return [{"kind": "bullets", "items": [_parts(item, numbers) for item in block.items]}]
        case Code():
            return [{"kind": "code", "lines": [_text(line) for line in block.text.expandtabs(4).split("\n")]}]
        case Table():
            table = {
                "kind": "table",
                "columns": [_text(title) for title in block.columns],
                "rows": [[_text(cell) for cell in row] for row in block.rows],
                "sides": list(block.sides),
                "strong": list(block.strong),
                "note": _parts(block.note, numbers),
                "whole": _fits_a_page(block),
            }
            return [table | _caption(block, numbers)]
        case Pictures():
            pictures = [
                {"file": _written(picture.jpeg, f"{numbers.anchor(block.label)}-{index}.jpg", root)}
                | {"text": _text(picture.text), "description": shown(picture.text)}
                for index, picture in enumerate(block.pictures)
            ]
            rows = math.ceil(len(pictures) / block.per_row)
            whole = rows * (0.8 * _TEXT_WIDTH / block.per_row + 1) <= _TALLEST
            return [
                {"kind": "pictures", "pictures": pictures, "per-row": block.per_row, "whole": whole}
                | _caption(block, numbers)
            ]
        case _:
            return []


def _fits_a_page(table: Table) -> bool:
    rows, characters = _ONE_PAGE
    return len(table.rows) <= rows and sum(len(cell) for row in table.rows for cell in row) <= characters


def _figures(figures: tuple[Figure, ...], numbers: Numbering, root: Path) -> list[dict[str, Any]]:
    items = []
    for figure in figures:
        svg = re.sub(r'font-family="[^"]*"', f'font-family="{_FONT}"', figure.svg, count=1)
        file = _written(svg.encode("utf-8"), f"{numbers.anchor(figure.label)}.svg", root)
        width = f"{min(figure.width, _TALLEST / _TEXT_WIDTH / _height_by_width(svg)):.4f}"
        items.append(
            {"file": file, "width": float(width), "description": shown(figure.description)} | _caption(figure, numbers)
        )
    return [{"kind": "figures", "items": items}]


def _height_by_width(svg: str) -> float:
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    return float(box[2]) / float(box[1]) if box else 1.0


def _caption(block: Table | Figure | Pictures, numbers: Numbering) -> dict[str, Any]:
    return {
        "anchor": numbers.anchor(block.label),
        "name": numbers.names[block.label],
        "caption": _parts(block.caption, numbers),
    }


def _written(content: bytes, name: str, root: Path) -> str:
    (root / name).write_bytes(content)
    return name


def _parts(text: str, numbers: Numbering) -> list[str | list[str]]:
    """Texts, and links as `[text, anchor]`; what lies in `Details` is named with its place instead."""
    parts: list[str | list[str]] = []
    for part in numbers.parts(text):
        if isinstance(part, str):
            parts.append(_text(part))
        else:
            parts.append(f"{part.text} of the HTML page" if part.folded else [part.text, part.anchor])
    return parts


def _text(text: str) -> str:
    """The text with nothing hidden in it, and with places to break what is too long for a line."""
    return _LONG.sub(lambda found: _BREAK.join(_PIECE.findall(found.group())), shown(text))


def _fonts(root: Path) -> Path:
    """A folder with the fonts of the figures, and no other: matplotlib's has some that stand in for any character."""
    from matplotlib import get_data_path

    folder = root / "fonts"
    folder.mkdir()
    for name in _FONT_FILES:
        shutil.copyfile(Path(get_data_path()) / "fonts" / "ttf" / name, folder / name)
    return folder


def _covered(texts: Iterable[str], font: Path) -> bool:
    """Whether the font has every character of the texts."""
    from matplotlib.ft2font import FT2Font

    needed = {ord(character) for text in texts for character in set(text)} - {0x0A, 0x0D, 0x09, ord(_BREAK)}
    return needed <= set(FT2Font(str(font)).get_charmap())
