"""What commands print: results on stdout, one JSON object where asked for, everything else on stderr."""

from __future__ import annotations

import json
from typing import Any

import typer


def say(text: str = "") -> None:
    """A line of a result, on stdout. A name that the terminal cannot show is shown with escapes, not refused."""
    typer.echo(text.encode("utf-8", "backslashreplace").decode())


def note(text: str) -> None:
    """A remark for the person at the terminal, on stderr."""
    typer.echo(text.encode("utf-8", "backslashreplace").decode(), err=True)


def say_json(content: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    typer.echo(json.dumps(content, ensure_ascii=True, allow_nan=False))


def percent(value: float) -> str:
    """0.8953 → `89.5 %`."""
    return f"{100 * value:.1f} %"


def measured(numbers: dict[str, Any], split: str) -> str:
    """Accuracy with its interval and what it rests on, in one line."""
    low, high = numbers["accuracy_interval"]
    return (
        f"{split} accuracy {percent(numbers['accuracy'])}"
        f"  (95 % interval {percent(low)} to {percent(high)}, {numbers['images']} images;"
        f" always '{numbers['baseline']['class']}': {percent(numbers['baseline']['accuracy'])})"
    )
