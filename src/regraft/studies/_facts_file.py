"""A JSON file of facts that a study or a search adds to while it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from regraft._files import write_text
from regraft.errors import InputError


def read_facts(file: Path, hint: str) -> dict[str, Any]:
    """Its content; empty where there is none yet.

    Raises:
        InputError: it is damaged; `hint` says what to do.
    """
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError, OSError) as error:
        raise InputError(f"{file} is damaged.", received=str(error), hint=hint) from error


def write_facts(file: Path, facts: dict[str, Any]) -> None:
    """Writes all of it, whole or not at all; a number that is not finite is refused."""
    write_text(file, json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
