"""The one style of the figures, and how a figure becomes SVG: as a file, and inside a page."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# One colour for each role, none used twice: inside a page every one of them is replaced by the CSS variable of its
# role, so that the page decides, for light, dark and print. Hues are Okabe and Ito's (2008), which people with any
# common colour blindness tell apart; for grey print each of `series` has its own marker too. `heat` is the shade
# of a heat map's cells, `frozen` and `trained` are the two parts of a network.
COLOURS = {
    "ink": "#1f2429",
    "muted": "#5b646d",
    "grid": "#e3e7ea",
    "other": "#b4bcc4",
    "paper": "#ffffff",
    "train": "#d55e00",
    "validation": "#0072b2",
    "right": "#0072b3",
    "wrong": "#d55e01",
    "series1": "#0072b4",
    "series2": "#c44a00",
    "series3": "#009e73",
    "series4": "#b85a90",
    "series5": "#d39200",
    "series6": "#42a5e0",
    "series7": "#3c444b",
    "heat": "#0072b5",
    "frozen": "#0072b6",
    "trained": "#d55e03",
}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: sharp, small, selectable, in the reader's own font
    "svg.hashsalt": "regraft",  # the same figure gives the same bytes
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": COLOURS["grid"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.8,
    "text.color": COLOURS["ink"],
    "text.parse_math": False,  # a class may be called "$5"
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.labelcolor": COLOURS["ink"],
    "lines.solid_capstyle": "round",
    "path.simplify_threshold": 0.2,
}

_FONTS = "system-ui, 'Segoe UI', 'Helvetica Neue', 'Noto Sans', Arial, sans-serif"

_TAG = re.compile(r"<[^<>]+>")  # text has no bare angle bracket, so what looks like a tag is one


@contextmanager
def figure_style() -> Iterator[None]:
    """The settings of matplotlib under which every figure is made and written."""
    from matplotlib import rc_context

    with rc_context(_STYLE), warnings.catch_warnings():
        # The reader's fonts draw the text; matplotlib's own, which lack many scripts, only estimate its width.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def svg_of(figure: Figure) -> str:
    """The figure as an SVG file: complete, on white, without time stamps, pointing to nothing outside itself."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.set_facecolor(COLOURS["paper"])
    text = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(text, metadata=nothing)
    svg = re.sub(r"<!DOCTYPE.*?>\s*", "", text.getvalue(), flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = _TAG.sub(lambda tag: re.sub(r'font-family: [^;"]*;? ?', "", tag.group()), svg)
    return svg.replace("<svg ", f'<svg font-family="{_FONTS}" ', 1)


def inline_svg(svg: str, name: str, description: str) -> str:
    """A figure's file as an element of an HTML page, in the page's colours and, where the page is narrow, as narrow.

    Args:
        svg: what `svg_of` gave.
        name: of letters; makes the ids of this figure its own on the page.
        description: what the figure shows, for those who do not see it.
    """
    from markupsafe import escape

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = _TAG.sub(lambda tag: _of_the_page(tag.group(), name), svg)
    start, rest = svg.split(">", 1)
    box = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', start)
    size = f'{box.group()} style="--width:{box.group(1)}px"' if box else ""
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {size} role="img" aria-label="{escape(description)}" {names}>{rest.rstrip()}'


def _of_the_page(tag: str, name: str) -> str:
    tag = re.sub(r' id="([^"]*)"', rf' id="{name}-\1"', tag)
    tag = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", tag)
    for role, colour in COLOURS.items():
        tag = tag.replace(f": {colour}", f": var(--figure-{role})")
    return tag
