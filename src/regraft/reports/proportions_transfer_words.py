"""The sentences of a proportions study on what transfer is worth, from its numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from regraft.evaluation.learning_curves import FARTHEST
from regraft.reports._comparison_phrases import capital, is_equal, number, p_value, points, points_range
from regraft.reports._words import count, listing, percent
from regraft.reports.proportions_words import images_words
from regraft.studies.proportions_results import Comparison, ProportionResults, images_for


def transfer_words(found: ProportionResults) -> tuple[str, ...]:
    """Where transfer is better, where not, and how many images it is worth."""
    if found.scratch is None:
        return (_no_scratch(found),)
    return tuple(filter(None, (_verdicts(found.comparisons), _worth(found), _meeting(found))))


def _no_scratch(found: ProportionResults) -> str:
    if found.diverged:
        return "Every training from random weights diverged, so that the study cannot say what transfer is worth."
    if found.facts.get("refused"):
        return "Keras cannot train here, so that the study cannot say what transfer is worth."
    return (
        "The network was not trained from random weights in this study, so that it cannot say what transfer is worth."
    )


def _verdicts(comparisons: Sequence[Comparison]) -> str:
    said = {
        1: ("transfer was better than training from random weights", ""),
        -1: ("transfer was worse than training from random weights", ", which is negative transfer"),
        0: ("no difference was found between transfer and training from random weights", ""),
    }
    parts = []
    for verdict, (words, end) in said.items():
        some = [one for one in comparisons if one.verdict == verdict]
        if not some:
            continue
        images = f"{listing([f'{one.images:,}' for one in some])} training image{'s' if some[-1].images > 1 else ''}"
        by = f", by {points_range([one.test.difference for one in some])}" if verdict else ""
        below = f" ({p_value(max(one.p for one in some), '≤' if len(some) > 1 else '=')}" if verdict else ""
        adjusted = (
            ", adjusted for the number of comparisons)" if verdict and len(comparisons) > 1 else ")" * bool(below)
        )
        parts.append(f"{words} with {images}{by}{below}{adjusted}{end}")
    return f"{capital('; '.join(parts))}."


def _worth(found: ProportionResults) -> str:
    """How many images with transfer do what the largest part does without, or the other way round."""
    scratch = found.scratch
    assert scratch is not None
    best = scratch.means[-1].mean
    without = f"What {count(scratch.images[-1], 'image')} do from random weights, {percent(best)},"
    enough = images_for(found.transfer, best)
    if enough == 0.0:
        return f"{without} transfer does with {count(found.transfer.images[0], 'image')} or fewer."
    if enough is not None:
        return f"{without} transfer does with about {images_words(enough)}."
    enough = images_for(scratch, found.transfer.means[-1].mean)
    with_all = f"What {count(found.most, 'image')} do with transfer, {percent(found.transfer.means[-1].mean)},"
    if enough is None:
        return ""
    if enough == 0.0:
        return f"{with_all} training from random weights does with {count(scratch.images[0], 'image')} or fewer."
    return f"{with_all} training from random weights does with about {images_words(enough)}."


def _meeting(found: ProportionResults) -> str:
    """Where the two curves, as the figure shows them, meet within what was measured, and what their laws say beyond."""
    leads = _leads(found)
    if len(leads) < 2:
        return ""
    apart = {images: lead for images, lead in leads.items() if not is_equal(lead)}
    equal = [f"{images:,}" for images in leads if images not in apart]
    if not apart:
        return "Within these numbers of images the two curves are the same."
    crossings = [
        f"between {before:,} and {after:,}" for before, after in pairwise(apart) if apart[before] * apart[after] < 0
    ]
    if crossings:
        return f"The curves cross {listing(crossings)} images."
    ordered = list(apart.items())
    (first, lead), (last, end) = ordered[0], ordered[-1]
    side = "ahead" if lead > 0 else "behind"
    by = f"by {points(lead)} with {first:,}" + (f" and {points(end)} with {last:,}" if last != first else "")
    if equal:
        return (
            "Within these numbers of images the curves do not cross, but they meet, "
            f"with {listing(equal)} images; else it is {side} with transfer, {by} images."
        )
    return (
        f"Within these numbers of images the curves do not cross: with transfer it stays {side}, {by} images."
        f"{_beyond(found)}"
    )


def _leads(found: ProportionResults) -> dict[int, float]:
    """How far the mean accuracy with transfer is above that from random weights, by images that both have."""
    scratch = found.scratch
    assert scratch is not None
    without = dict(zip(scratch.images, scratch.means, strict=True))
    return {
        images: mean.mean - without[images].mean
        for images, mean in zip(found.transfer.images, found.transfer.means, strict=True)
        if images in without
    }


def _beyond(found: ProportionResults) -> str:
    """Where the laws of both curves would meet, as far as anything is said of them."""
    if found.ahead.silence is not None or found.ahead_scratch is None or found.ahead_scratch.silence is not None:
        return ""
    met = found.meeting
    if met is not None:
        return f" The laws of the two would meet at about {images_words(met)}."
    both = [percent(one.predictions[-1].accuracy) for one in (found.ahead, found.ahead_scratch)]
    return (
        f" Up to {number(FARTHEST)} times as many images, the laws of the two do not meet either: there they expect "
        f"{both[0]} with transfer and {both[1]} without."
    )
