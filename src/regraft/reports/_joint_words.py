"""What a report says of several backbones at once, and of how they were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regraft.reports._words import count, listing, percent, shown


def joint_words(backbone: Mapping[str, Any], *, scaled: bool = True) -> list[str]:
    """A paragraph each, from what `metrics.json` says of the backbone: none of a single one that was given.

    Args:
        scaled: whether the features were divided by their length before training, as a config says it.
    """
    paragraphs = []
    if len(members := backbone.get("members", [])) > 1:
        height, width = backbone["size"]
        widths = listing([f"{one['features']:,} of {shown(one['name'])}" for one in members])
        resized = listing([f"for {shown(one['name'])} to {one['resized_to']}" for one in members if one["resized_to"]])
        inside = f" Inside, they are resized {resized} pixels a side, by bilinear interpolation." if resized else ""
        alike = (
            " Before training, those of each backbone are divided by the root mean square of their length over the "
            "training images, so that each counts alike; the divisors are folded into the weights of the head."
        )
        paragraphs.append(
            f"{count(len(members), 'backbone')} see the same {height} × {width} pixels, and their features stand side "
            f"by side: {widths}.{inside}{alike if scaled else ''}"
        )
    if search := backbone.get("search"):
        paragraphs.append(_search_words(search))
    return paragraphs


def _search_words(search: Mapping[str, Any]) -> str:
    steps, (first, *_) = search["steps"], search["steps"]
    taken = [step for step in steps if step["taken"]][1:]
    images = count(search["images"], "training and validation image")
    text = (
        f"Of {count(len(first['tried']), 'candidate')} {shown(first['added'])} was chosen as the best alone "
        f"({percent(first['accuracy'])} of {images}, each answered by a ridge regression on the others"
    )
    text += "".join(f"; with {shown(step['added'])} {percent(step['accuracy'])}" for step in taken) + ")"
    if not steps[-1]["taken"]:
        text += (
            f"; adding {shown(steps[-1]['added'])} brought less than a standard error more, so the choice ended there"
        )
    left = search["left_out"]
    text += ". Being those of the best of many, these accuracies are somewhat too high"
    return f"{text}. The test images took no part." + (f" Left out: {listing(list(map(shown, left)))}." if left else "")
