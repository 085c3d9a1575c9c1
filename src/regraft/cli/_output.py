"""What commands print: results on stdout, one JSON object where asked for, everything else on stderr."""

from __future__ import annotations

import errno
import json
import os
import sys
import unicodedata
from typing import Any

import typer

from regraft.errors import InputError

READER_GONE = 141
"""Exit code where whoever read our stdout has left (`| head -1`): what a shell shows for SIGPIPE."""

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they reorder what is shown


def shown(name: object) -> str:
    """A name from outside (of a file, a class) as it is safe to show: control characters as escapes, `\\x1b`."""
    return "".join(_escaped(sign) for sign in str(name))


def _escaped(sign: str) -> str:
    hidden = unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") or sign in _TURNING
    return sign.encode("unicode_escape").decode() if hidden else sign


def _lines(text: str) -> str:
    """Like `shown`, but the text may have lines and tabs."""
    return "".join(sign if sign in "\n\t" else _escaped(sign) for sign in text)


def say(text: str = "") -> None:
    """A line of a result, on stdout, or several. Control characters other than newlines are shown escaped."""
    _to_stdout(_lines(text))


def note(text: str) -> None:
    """A remark for the person at the terminal, on stderr. Control characters other than newlines are shown escaped."""
    typer.echo(_lines(text), err=True)


def say_json(content: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    _to_stdout(json.dumps(content, ensure_ascii=True, allow_nan=False))


def _to_stdout(text: str) -> None:
    try:
        typer.echo(text)
    except BrokenPipeError:
        drop_stdout()
        sys.exit(READER_GONE)
    except OSError as error:
        raise unwritable_stdout(error) from error


def unwritable_stdout(error: OSError) -> Exception:
    """The full disk behind a redirected stdout as an `InputError`; any other error as it is."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return error
    drop_stdout()
    return InputError(
        "The output could not be written.", received=str(error), hint="free some space, or send stdout elsewhere"
    )


def drop_stdout() -> None:
    """Sends what is still to be written to nowhere, so that Python does not stumble over it at its end."""
    if sys.stdout is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def percent(value: float) -> str:
    """0.8953 → `89.5 %`."""
    return f"{100 * value:.1f} %"


def measured(numbers: dict[str, Any], split: str) -> str:
    """Accuracy with its interval and what it rests on, in one line."""
    low, high = numbers["accuracy_interval"]
    return (
        f"{split} accuracy {percent(numbers['accuracy'])}"
        f"  (95 % interval {percent(low)} to {percent(high)}, {numbers['images']} images;"
        f" always '{shown(numbers['baseline']['class'])}': {percent(numbers['baseline']['accuracy'])})"
    )
