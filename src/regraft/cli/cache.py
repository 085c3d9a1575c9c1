"""`regraft cache`."""

from __future__ import annotations

from typing import Annotated

import typer

from regraft.cli._output import say, say_json, shown
from regraft.errors import InputError


def cache(
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove all of it: it is computed or downloaded again when needed.")
    ] = False,
    older_than: Annotated[
        float | None, typer.Option(min=0, help="With --prune: only what was not used for so many days.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show what is cached, and make room."""
    from regraft._files import cache_folder
    from regraft.features.pruning import cache_entries
    from regraft.features.pruning import prune as prune_cache

    if older_than is not None and not prune:
        raise InputError(
            "--older-than says what to remove; nothing is removed without --prune.",
            hint=f"regraft cache --prune --older-than {older_than:g}",
        )
    entries = prune_cache(older_than or 0.0) if prune else cache_entries()
    total = sum(entry.size for entry in entries)
    if json:
        rows = [{**vars(entry), "path": str(entry.path)} for entry in entries]
        say_json({"cache": str(cache_folder()), "removed" if prune else "entries": rows, "bytes": total})
        return
    for entry in entries:
        images = f"{entry.images} images" if entry.kind == "features" else ""
        size = f"{entry.size / 1e6:.1f} MB"
        say(f"{entry.kind:<10} {shown(entry.what):<36} {size:>12}  {images:<14} used {entry.days:.0f} days ago")
    say(f"{'Removed' if prune else 'In all'} {total / 1e6:.1f} MB {'from' if prune else 'in'} {cache_folder()}")
