"""Markdown pieces whose texts may hold anything: escaped text, tables, code, and YAML front matter."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from regraft.reports._words import shown

# What means something to CommonMark, GitHub's tables or the Hub's formulas; and what would become a link by itself.
_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~$&!{}]|:(?=//)|(?<=www)\.|@", re.IGNORECASE)


def escaped(text: str) -> str:
    """A text that Markdown shows as it is: no emphasis, link, tag, formula or line break comes out of it."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], " ".join(shown(text).split()))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], alignment: str) -> str:
    """A table.

    Args:
        header: the titles of the columns, Markdown.
        rows: the cells, Markdown without a bare `|` or line break (`escaped` gives such).
        alignment: a letter a column, `l` or `r`.
    """
    rule = ["---:" if side == "r" else "---" for side in alignment]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def code(text: str, language: str = "") -> str:
    """A fenced block, its fence longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def code_span(text: str) -> str:
    """A text within a line in the style of code."""
    text = shown(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def yaml_lines(content: Mapping[str, Any]) -> list[str]:
    """A mapping as lines of YAML: mappings and lists as blocks, texts always in double quotes.

    Args:
        content: of mappings, lists, texts, numbers and truth values; what cannot be seen in a text is written out.
    """
    lines = []
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{key}:", *(f"  {line}" for line in yaml_lines(value))]
        elif isinstance(value, list) and value:
            lines += [f"{key}:", *(f"  {line}" for item in value for line in _item(item))]
        else:
            lines.append(f"{key}: {_scalar(value)}")
    return lines


def _item(value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"- {_scalar(value)}"]
    return [("- " if number == 0 else "  ") + line for number, line in enumerate(yaml_lines(value))]


def _scalar(value: Any) -> str:
    """JSON is YAML, but for signs that YAML wants written out, which `shown` has done, and for `1e-06`."""
    text = json.dumps(shown(value) if isinstance(value, str) else value, ensure_ascii=False, allow_nan=False)
    return text.replace("e", ".0e") if isinstance(value, float) and "e" in text and "." not in text else text
