"""A document as one HTML page that holds everything and needs nothing."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

from regraft.reports._svg import inline_svg
from regraft.reports._words import shown
from regraft.reports.document import Block, Code, Document, Figure, side_by_side
from regraft.reports.numbering import Numbering, numbering

_MAX_SECTIONS = 5  # with more sections than this a page starts with a list of them


def document_html(document: Document) -> str:
    """The document as a page: in the look of a run's page, for screens light and dark, wide and narrow, and for paper.

    Styles, figures and pictures lie inside it; it forbids itself to load anything and runs no script. Every table and
    figure has an anchor, `#table-2`, `#figure-3`.

    Raises:
        ValueError: a label is used twice, or a reference leads to nothing.
    """
    numbers = numbering(document)
    sections = list(zip(numbers.sections, document.sections, strict=True))
    main = [(number, section) for number, section in sections if section.level == 1]
    return str(
        _template(numbers).render(
            document=document, sections=sections, contents=main if len(main) > _MAX_SECTIONS else []
        )
    )


def _template(numbers: Numbering) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("regraft.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": shown,
        "linked": partial(_linked, numbers),
        "code": _code,
        "drawing": partial(_drawing, numbers),
        "base64": lambda content: base64.b64encode(content).decode(),
        "rows": side_by_side,
        "kind": _kind,
    }
    environment.globals["numbers"] = numbers
    return environment.get_template("document.html.j2")


def _kind(row: Block | tuple[Figure, ...]) -> str:
    """What the template does with it: `paragraph`, `table` …; `figures` for a row of them."""
    return "figures" if isinstance(row, tuple) else type(row).__name__.lower()


def _linked(numbers: Numbering, text: str) -> Any:
    """The text, escaped, with its references as links."""
    from markupsafe import Markup, escape

    pieces = [
        escape(shown(part)) if isinstance(part, str) else Markup('<a href="#{}">{}</a>').format(part.anchor, part.text)
        for part in numbers.parts(text)
    ]
    return Markup("").join(pieces)


def _code(code: Code) -> str:
    return "\n".join(shown(line) for line in code.text.expandtabs(4).split("\n"))


def _drawing(numbers: Numbering, figure: Figure) -> Any:
    from markupsafe import Markup

    return Markup(inline_svg(figure.svg, numbers.anchor(figure.label), shown(figure.description)))
