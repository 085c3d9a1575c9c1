"""`regraft compare`."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regraft.cli._output import note, percent, say, say_json, shown

if TYPE_CHECKING:
    from regraft.runs.comparison import ComparedPair, ComparedRun, Comparison

_WIDTH = 100


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Two or more run folders; the others are compared with the first.")
    ],
    split: Annotated[
        str, typer.Option(help="Which images: test, or validation (cells of a study have no other).")
    ] = "test",
    all_pairs: Annotated[bool, typer.Option("--all-pairs", help="Compare every run with every other.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compare runs: is one better, or is no difference to be found?"""
    from regraft.runs.comparing import compare_runs

    comparison = compare_runs(runs, split=split, all_pairs=all_pairs)
    if json:
        say_json(comparison.as_dict())
        return
    _show_runs(comparison)
    say()
    _show_pairs(comparison)
    say()
    for pair in comparison.pairs:
        say(_wrapped(f"{_name(pair)}: ", f"{pair.basis} {pair.verdict}"))
    for pair in comparison.pairs:
        for warning in pair.warnings:
            note(_wrapped(f"Warning, {_name(pair)}: ", warning))
    for remark in comparison.notes:
        note(_wrapped("Note: ", remark))


def _show_runs(comparison: Comparison) -> None:
    from regraft.runs.comparison import counted

    for run in comparison.runs:
        say(f"{run.number:>3}  {_cut(run.path, _WIDTH - 5)}")
        say(f"     {_cut(_what(run), _WIDTH - 5, left=False)}")
    say()
    say(f"{comparison.split.capitalize()} images, {counted(len(comparison.classes), 'class', 'classes')}")
    lines = [["run", "accuracy", "95 % interval", "images", "macro F1", "log loss", "seconds"]]
    for run in comparison.runs:
        low, high = run.accuracy_interval
        lines.append(
            [
                f"{run.number}",
                percent(run.accuracy),
                f"{100 * low:.1f} to {percent(high)}",
                f"{run.images:,}",
                percent(run.macro_f1),
                f"{run.log_loss:.3f}",
                "-" if run.seconds is None else f"{run.seconds:.1f}",
            ]
        )
    _table(lines)


def _what(run: ComparedRun) -> str:
    """Backbone, chosen setting, and how many heads the choice was among."""
    heads = f"best of {run.heads:,} heads" if run.heads is not None and run.heads > 1 else None
    return ", ".join(part for part in (run.backbone, run.setting, heads) if part) or "-"


def _show_pairs(comparison: Comparison) -> None:
    from regraft.runs.comparison import p_words

    lines = [["pair", "images", "1st only", "2nd only", "difference", "95 % interval", "test", "p"]]
    several = len(comparison.pairs) > 1
    if several:
        lines[0].append("adjusted p")
    for pair in comparison.pairs:
        low, high = (100 * bound for bound in pair.interval)
        first, second = (comparison.runs[number - 1].images for number in (pair.first, pair.second))
        lines.append(
            [
                _name(pair),
                f"{pair.shared:,} {pair.overlap}" if pair.paired else f"{first:,} and {second:,}",
                "-" if pair.first_only is None else f"{pair.first_only:,}",
                "-" if pair.second_only is None else f"{pair.second_only:,}",
                f"{100 * pair.difference:+.1f}",
                f"{low:+.1f} to {high:+.1f}",
                pair.test,
                p_words(pair.p),
                *([p_words(pair.p_adjusted)] if several else []),
            ]
        )
    say("Differences in percentage points, 2nd minus 1st; 1st only: images that it alone answered rightly")
    _table(lines)


def _name(pair: ComparedPair) -> str:
    return f"{pair.first} and {pair.second}"


def _table(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _wrapped(start: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=start, subsequent_indent="  ", break_on_hyphens=False)


def _cut(name: str, columns: int, *, left: bool = True) -> str:
    """A name from outside, safe to show, in at most so many columns; of a path, the end says most."""
    safe = shown(name)
    if _columns(safe) <= columns:
        return safe
    while _columns(safe) > columns - 1:
        safe = safe[1:] if left else safe[:-1]
    return f"…{safe}" if left else f"{safe}…"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes at most."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WFA" else 1 for sign in text)
