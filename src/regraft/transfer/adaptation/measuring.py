"""What came of adapting: accuracies on target images, differences to what adapts nothing, and a verdict on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.evaluation.comparisons import holm
from regraft.evaluation.intervals import wilson_interval
from regraft.evaluation.paired import mcnemar, paired_difference_interval
from regraft.transfer.verdict import ALPHA, Verdict

Right = npt.NDArray[np.bool_]


def share_of(right: Right) -> dict[str, Any]:
    """Accuracy with its 95 % Wilson interval, from which images were answered rightly, (n,)."""
    return {
        "accuracy": float(right.mean()),
        "accuracy_interval": list(wilson_interval(int(right.sum()), len(right))),
        "images": len(right),
    }


def compare_with(right: Mapping[str, Right], titles: Mapping[str, str], baseline: str) -> dict[str, dict[str, Any]]:
    """Every method against one of the baselines, on the same images; p-values are Holm's over all that are compared.

    Args:
        right: by method, bool (n,): which images it answered rightly.
        titles: by method, for the words.
        baseline: one of them.

    Returns:
        By method, without the baseline: `difference`, `interval`, `p`, and the verdict's `kind` and `text`.
    """
    reference = right[baseline]
    others = [name for name in right if name != baseline]
    counts = {
        name: (int((one & reference).sum()), int((one & ~reference).sum()), int((~one & reference).sum()))
        for name in others
        for one in (right[name],)
    }
    adjusted = holm([mcnemar(ours, theirs) for _, ours, theirs in counts.values()])
    found: dict[str, dict[str, Any]] = {}
    for (name, (both, ours, theirs)), p in zip(counts.items(), adjusted, strict=True):
        difference, low, high = paired_difference_interval(both, ours, theirs, len(reference) - both - ours - theirs)
        verdict = adaptation_verdict(titles[name], titles[baseline], difference, (low, high), float(p))
        found[name] = {
            "difference": difference,
            "interval": [low, high],
            "p": float(p),
            "kind": verdict.kind,
            "text": verdict.text,
        }
    return found


def adaptation_verdict(
    title: str, baseline: str, difference: float, interval: tuple[float, float], p: float
) -> Verdict:
    """Judges a method against a baseline on the same images.

    A difference is shown where the test says so at 95 % and the interval, another approximation, leaves out 0 too.

    Args:
        title, baseline: what they are called.
        difference: of the accuracies, the method's minus the baseline's.
        interval: its 95 % interval, (low, high).
        p: of the paired test, corrected for the number of methods.
    """
    low, high = (100 * bound for bound in interval)
    reach = f"95 % interval {low:+.1f} to {high:+.1f}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    points = f"{abs(100 * difference):.1f} percentage points"
    if p < ALPHA and low > 0:
        return Verdict("helps", f"{_begun(title)} helps: {points} more than the {baseline} ({reach}).")
    if p < ALPHA and high < 0:
        return Verdict("hurts", f"{_begun(title)} hurts: {points} less than the {baseline} ({reach}).")
    return Verdict(
        "no difference",
        f"No difference that can be shown between {title} and the {baseline}: {100 * difference:+.1f} percentage "
        f"points ({reach}).",
    )


def _begun(title: str) -> str:
    return title[:1].upper() + title[1:]
