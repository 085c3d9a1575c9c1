from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from importlib import resources

import pytest
from matplotlib.figure import Figure

from regraft.reports._svg import COLOURS, figure_style, inline_svg, svg_of


def draw(text: str = "words") -> str:
    with figure_style():
        figure = Figure(figsize=(2, 1))
        axes = figure.add_subplot()
        axes.plot([1, 2, 3], color=COLOURS["train"])
        axes.text(1, 1, text)
        return svg_of(figure)


def test_a_figure_is_one_complete_file_that_points_to_nothing_outside():
    svg = draw()
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "DOCTYPE" not in svg
    assert "metadata" not in svg
    outside = re.findall(r"https?://(?!www\.w3\.org/(?:2000/svg|1999/xlink)\b)\S+", svg)
    assert outside == []


def test_the_same_figure_gives_the_same_bytes():
    assert draw() == draw()


def test_text_is_text_in_the_readers_font():
    svg = draw()
    assert ">words</text>" in svg
    assert "DejaVu" not in svg


def test_every_colour_has_one_role():
    assert len(set(COLOURS.values())) == len(COLOURS)


@pytest.mark.parametrize("role", COLOURS)
def test_the_page_knows_every_role(role):
    css = (resources.files("regraft.reports") / "templates" / "report.css").read_text(encoding="utf-8")
    assert len(re.findall(rf"--figure-{role}: ", css.partition("@media")[0])) == 1


def test_inline_the_page_gives_the_colours_and_no_text_is_touched():
    text = 'fill: #ffffff id="x" url(#y) DejaVu Sans'
    element = inline_svg(draw(text), "loss", 'loss & "more"')
    tags = "".join(re.findall("<[^<>]+>", element))
    assert "var(--figure-train)" in tags
    assert not [colour for colour in COLOURS.values() if colour in tags]
    assert element.startswith("<svg viewBox=")
    assert "<style" not in element
    drawn = ET.fromstring(element)
    assert drawn.get("aria-label") == 'loss & "more"'
    assert text in [node.text for node in drawn.iter("{http://www.w3.org/2000/svg}text")]


def test_inline_ids_belong_to_their_figure_and_are_found():
    element = inline_svg(draw(), "loss", "")
    ids = re.findall(r'\bid="([^"]+)"', element)
    used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', element)
    assert ids
    assert used
    assert all(name.startswith("loss-") for name in ids)
    assert {first or second for first, second in used} <= set(ids)
