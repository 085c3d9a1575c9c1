"""Numbers and names as a reader wants them: percents, plurals, durations, and names that cannot break a page."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

THIN = "\N{NARROW NO-BREAK SPACE}"


def percent(share: float | None) -> str:
    """A share of 1 in percent, to one decimal: `87.5 %`. What is not all or nothing is never rounded to it."""
    if share is None:
        return "–"
    if 0 < share < 0.0005:
        return f"<0.1{THIN}%"
    if 0.9995 <= share < 1:
        return f">99.9{THIN}%"
    return f"{100 * share:.1f}{THIN}%"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `1,200 images`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """`0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f}{THIN}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{THIN}s"
    if whole < 3600:
        return f"{whole // 60}{THIN}min" + (f" {whole % 60}{THIN}s" if whole % 60 else "")
    minutes = round(seconds / 60)
    return f"{minutes // 60}{THIN}h" + (f" {minutes % 60}{THIN}min" if minutes % 60 else "")


def listing(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else "".join(parts)


def shown(name: str) -> str:
    """A name with what cannot be seen or would turn the text around written out: a line feed becomes `\\n`."""
    return "".join(_written_out(character) if _is_hidden(character) else character for character in name)


def shortened(name: str, columns: int) -> str:
    """The name as `shown` gives it, cut in the middle where it is wider than so many columns of text."""
    name = shown(name)
    if width(name) <= columns:
        return name
    half = (columns - 1) // 2
    return f"{_start(name, columns - 1 - half)}…{_start(name[::-1], half)[::-1]}"


def width(text: str) -> int:
    """How many columns a text takes; East Asian characters and emoji take two."""
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else not unicodedata.combining(character)
        for character in text
    )


def _start(text: str, columns: int) -> str:
    end = len(text)
    while width(text[:end]) > columns:
        end -= 1
    return text[:end]


def _is_hidden(character: str) -> bool:
    category, code = unicodedata.category(character), ord(character)
    turns_text = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    is_no_character = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # not allowed in SVG files
    return category in ("Cc", "Cs", "Zl", "Zp") or turns_text or is_no_character


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode()
