"""The Python on the pages of `docs/` is run, and prints what stands under it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
MARK = "\x1e"

# Each block in turn in one namespace, as in a notebook; what each prints is told apart by a mark.
RUN = f"""
import json, sys
space = {{"__name__": "__main__"}}
for block in json.loads(sys.stdin.read()):
    exec(compile(block, "<the page>", "exec"), space)
    print({MARK!r}, end="", flush=True)
"""


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_the_page_prints_what_it_says(page: Path, tmp_path: Path) -> None:
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    code = [text for kind, text in blocks if kind == "python"]
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(code), capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    printed = done.stdout.split(MARK)
    position = -1
    for kind, text in blocks:
        if kind == "python":
            position += 1
            continue
        # Words as they stand; numbers may differ a little between processors.
        assert NUMBER.sub("#", printed[position]) == NUMBER.sub("#", text)
        for found, expected in zip(numbers(printed[position]), numbers(text), strict=True):
            assert found == pytest.approx(expected, rel=0.05, abs=0.1), (printed[position], text)
