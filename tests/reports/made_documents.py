"""Documents made up for the reports: every kind of block, and names that would break a page that is not careful."""

from __future__ import annotations

import io
from functools import cache

from PIL import Image

from regraft.reports._svg import COLOURS, figure_style, svg_of
from regraft.reports.document import (
    Bullets,
    Code,
    Details,
    Document,
    Figure,
    Paragraph,
    Picture,
    Pictures,
    Reference,
    Section,
    Table,
    literal,
)

HOSTILE = (
    '#import "x": *',
    "$5",
    "*a* _b_",
    "@b <c>",
    "[[d]] [[[e]]]",
    "\\n \\ `f`",
    "line\nfeed",
    "</script><b>g</b>",
    "{{ 7 * 7 }} &amp;",
    "\u202egpj.exe \udcff \x00",
)
FOREIGN = ("👩\u200d🌾", "玫瑰", "وردة", "ורד")
LONG = "a_rather/long/path/" + 12 * "averyverylongword"


@cache
def svg(text: str = "words") -> str:
    """A small figure with that text in it."""
    from matplotlib.figure import Figure as Drawing

    with figure_style():
        figure = Drawing(figsize=(3, 1.6))
        axes = figure.add_subplot()
        axes.plot([1, 3, 2], color=COLOURS["train"])
        axes.text(0.5, 1.2, text)
        return svg_of(figure)


@cache
def jpeg() -> bytes:
    """A small photograph."""
    content = io.BytesIO()
    Image.linear_gradient("L").resize((90, 60)).convert("RGB").save(content, "JPEG")
    return content.getvalue()


def make_document(names: tuple[str, ...] = ("daisy", "roses"), *, sections: int = 3) -> Document:
    """Every kind of block in the first two of the sections, with the names in every text there is."""
    safe = [literal(name) for name in names]
    everything = " ".join(names)
    table = Table(
        "classes", f"Accuracy by class: {safe[0]}.", ("class", "accuracy"),
        tuple((name, f"{index}.5") for index, name in enumerate(names)), "lr", (0,), f"Note on {safe[-1]}.",
    )  # fmt: skip
    first = Section(
        f"Results of {names[0]}",
        (
            Paragraph(f"See [[classes]], [[loss]] and [[pictures]]; folded: [[more]]. {' '.join(safe)}"),
            Paragraph("This is the conclusion [[cite:b]].", strong=True),
            Bullets(tuple(safe)),
            table,
            Figure("loss", f"Loss of {safe[0]}.", svg(names[0]), f"A line for {names[0]}.", 0.5),
            Figure("accuracy", "Accuracy.", svg(), "A line.", 0.5),
            Code(f"regraft train {everything}\n  indented\t{LONG}"),
        ),
    )
    second = Section(
        f"Pictures of {names[-1]}",
        (
            Pictures("pictures", "Mistakes [[cite:a]].", tuple(Picture(jpeg(), name) for name in names), 4),
            Details(
                f"More about {names[0]}",
                (Paragraph("Inside [[cite:c]]."), Table("more", "Folded.", ("a",), (("only on the page",),))),
            ),
        ),
        level=2,
    )
    rest = tuple(Section(f"Section {index}", (Paragraph("Words. " * 30),)) for index in range(2, sections))
    return Document(
        title=f"Report on {names[0]}",
        subtitle=f"With {everything}",
        byline=f"regraft, {names[0]}",
        abstract=f"What was found [[cite:b]], in [[classes]]: {' '.join(safe)}.",
        sections=(first, second, *rest),
        references=(
            Reference("a", f"A. Author, {names[0]}, 1927.", "https://doi.org/10.1000/a"),
            Reference("b", "B. Author, 2019."),
            Reference("c", "C. Author, 2020."),
            Reference("unused", "Nobody, 1900."),
        ),
        warnings=tuple(safe),
    )
