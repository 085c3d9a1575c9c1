"""What a network's own answers for a labelled collection come to, in words: what its head cannot say."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from regraft.reports._words import count, listing, shown

_NAMED = 10  # names of classes in a sentence; the rest are counted


def what_is_missing(found: dict[str, Any], source: Sequence[str]) -> str:
    """Says which classes ImageNet's head cannot name and what is therefore to be learnt.

    Args:
        found: `collection` as `transfer.as_it_comes.classify_as_it_comes` gives it.
        source: the arguments that name the same images to `regraft train`.
    """
    rows: Sequence[dict[str, Any]] = found["classes"]
    there = listing(_some([_there(row) for row in rows if row["imagenet"] != "none"]))
    missing = [row for row in rows if row["imagenet"] == "none"]
    if missing:
        *first, last = _some([shown(row["class"]) for row in missing])
        names = f"{', '.join(first)} or {last}" if first else last
        images = count(sum(row["images"] for row in missing), "image")
        whose = "its" if len(missing) == 1 else "their"
        cannot = (
            f"ImageNet has {f'{there}, but none' if there else 'no class'} called {names}: for {whose} {images} the "
            "head has no right answer to give."
        )
    else:
        cannot = (
            f"ImageNet has {there}, so the head has right answers to give, but in ImageNet's words and out of 1,000 "
            "classes."
        )
    classes = "this class and others" if len(rows) == 1 else f"these {len(rows)} classes"
    return (
        f"{cannot} What is to be learnt is a head for {classes}, and only that, on the features that the network has "
        f"already: `{shown(shlex.join(['regraft', 'train', *source]))}`."
    )


def _there(row: dict[str, Any]) -> str:
    if row["imagenet"] == "name":
        return f"the class {shown(row['word'])}"
    return f"{count(len(row['imagenet_classes']), 'kind')} of {shown(row['word'])}"


def _some(names: Sequence[str]) -> list[str]:
    more = len(names) - _NAMED
    return [*names[:_NAMED], f"{more} more"] if more > 1 else list(names)
