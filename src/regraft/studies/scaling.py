"""What it costs to scale a network's inputs wrongly, all else the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regraft.evaluation.comparisons import corrected_resampled_t_test, holm, least_variance
from regraft.studies.results import Floats, Results

OVERALL = "mean over all settings"


@dataclass(frozen=True)
class ScalingCost:
    """One setting with the network's own scaling and with another.

    Attributes:
        setting: what both trained; `OVERALL` for the mean accuracy over the settings, repetition by repetition.
        own, wrong: mean validation accuracy.
        difference, low, high: `wrong` minus `own`, with its 95 % interval.
        p: of the paired test, Holm-adjusted over the settings; not adjusted for `OVERALL`, which is one question.
    """

    setting: str
    own: float
    wrong: float
    difference: float
    low: float
    high: float
    p: float


def scaling_costs(own: Results, wrong: Results) -> list[ScalingCost]:
    """Compares equal settings of two studies on the same repetitions, and last all of them together.

    A setting that diverged in either is left out.

    Args:
        own: settings that have, among others, the values of those of `wrong`, each of them once.
        wrong: the settings under another scaling.
    """
    pairs = [
        (first, second)
        for second, setting in enumerate(wrong.settings)
        for first, candidate in enumerate(own.settings)
        if candidate.values.items() >= setting.values.items()
    ]
    sound = [(a, b) for a, b in pairs if not (own.diverged[a].any() or wrong.diverged[b].any())]
    if not sound:
        return []
    found = [
        _cost(wrong.settings[second].label, own.accuracy[first], wrong.accuracy[second], own) for first, second in sound
    ]
    adjusted = holm([cost.p for cost in found])
    found = [replace(cost, p=float(p)) for cost, p in zip(found, adjusted, strict=True)]
    rows, columns = zip(*sound, strict=True)
    together = own.accuracy[list(rows)].mean(axis=0), wrong.accuracy[list(columns)].mean(axis=0)
    return [*found, _cost(OVERALL, *together, own)] if len(found) > 1 else found


def _cost(setting: str, own: Floats, wrong: Floats, results: Results) -> ScalingCost:
    ratio = float(np.mean(results.images / results.train_images))
    # What differs by the same in every repetition did not do so without any chance.
    least = least_variance(float((wrong - own).mean()), results.images)
    test = corrected_resampled_t_test(wrong - own, ratio, constant_variance=least)
    return ScalingCost(setting, float(own.mean()), float(wrong.mean()), *test)
