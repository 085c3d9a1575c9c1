from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from regraft.errors import InputError
from regraft.reports.adaptation_figure import draw_adaptation, write_adaptation_figure


def facts(measured: int = 200, name: str = "flowers") -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for method, title, what, accuracy, kind in (
        ("source-only", "source alone", "baseline", 0.6, None),
        ("importance-weighting", "importance weighting", "instances", 0.5, "hurts"),
        ("coral", "CORAL", "features", 0.75, "helps"),
        ("l2-sp", "L2-SP from the source head", "parameters", 0.62, "no difference"),
    ):
        row: dict[str, Any] = {"name": method, "title": title, "what": what, "scores": {"there_and_back": accuracy}}
        if measured:
            row["measured"] = {"accuracy": accuracy, "accuracy_interval": [accuracy - 0.07, accuracy + 0.06]}
            row["against"] = {} if kind is None else {"source-only": {"difference": accuracy - 0.6, "kind": kind}}
        rows.append(row)
    rows[-1]["scores"] = {}
    return {
        "source": {"name": name},
        "target": {"name": "night", "measured": measured},
        "methods": rows,
        "chosen": {"method": "coral"},
    }


def texts(svg: str) -> list[str]:
    return [
        "".join(element.itertext()).strip() for element in ET.fromstring(svg).iter() if element.tag.endswith("text")
    ]


def test_every_method_is_there_with_what_adapting_did() -> None:
    drawn = draw_adaptation(facts())
    found = [text.replace("\N{NARROW NO-BREAK SPACE}", " ") for text in texts(drawn.svg)]
    for expected in (
        "CORAL (chosen)", "source alone", "60.0 %  before", "75.0 %  +15.0 helps", "50.0 %  −10.0 hurts",
        "62.0 %  +2.0 (unclear)", "flowers → night, 200 images measured", "accuracy, with 95 % intervals",
        "instances", "parameters",
    ):  # fmt: skip
        assert expected in found
    assert "CORAL 75.0" in drawn.description


def test_without_measured_images_the_scores_are_drawn() -> None:
    drawn = draw_adaptation(facts(measured=0))
    assert "flowers → night, nothing measured" in texts(drawn.svg)
    assert "nothing could be measured" in drawn.description


def test_names_from_outside_break_nothing() -> None:
    found = texts(draw_adaptation(facts(name='<b>"$5\n')).svg)
    assert any('<b>"$5\\n' in text for text in found)


def test_the_suffix_says_what_is_written(tmp_path: Path) -> None:
    write_adaptation_figure(facts(), tmp_path / "a.svg")
    write_adaptation_figure(facts(), tmp_path / "a.png")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == draw_adaptation(facts()).svg
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="figure"):
        write_adaptation_figure(facts(), tmp_path / "a.gif")
