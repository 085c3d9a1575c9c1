"""Instance transfer: source images count the more, the more they look like target images."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from regraft.transfer.adaptation.baselines import trainer_on
from regraft.transfer.adaptation.linear import Floats, fit_linear
from regraft.transfer.adaptation.problem import Domains, Trainer, What

MOST = 20.0
"""No source image counts for more than so many of the mean: a few would decide everything otherwise."""

_LEAST = 1e-12  # of the largest: keeps the proportions of the others where one image is far from all of them

_PENALTY = 1e-2  # of the classifier of domains: two well separated ones would give weights of 0 and infinity


class ImportanceWeighting:
    """The source head with every image weighted by the ratio of the densities, which a classifier of domains gives.

    skada's DiscriminatorReweightAdapter is not used: in version 0.6 its weights are the inverse of that ratio.
    """

    name: ClassVar[str] = "importance-weighting"
    title: ClassVar[str] = "importance weighting"
    what: ClassVar[What] = "instances"
    needs_labels: ClassVar[bool] = False
    source: ClassVar[str] = (
        "Shimodaira 2000, Improving predictive inference under covariate shift, JSPI 90; "
        "Bickel et al. 2009, Discriminative learning under covariate shift, JMLR 10"
    )

    def prepare(self, domains: Domains) -> Trainer:
        return trainer_on(domains, domains.source, importance(domains.source, domains.target))


def importance(source: Floats, target: Floats, *, penalty: float = _PENALTY) -> Floats:
    """The density of the target over that of the source at each source image, (n,), mean 1, at most `MOST`.

    A logistic regression tells the domains apart, both of the same weight; its odds of "target" are the ratio.

    Args:
        source: (n, d).
        target: (m, d).
        penalty: of that regression.
    """
    both = np.concatenate([source, target])
    which = np.repeat(np.array([0, 1], np.int64), [len(source), len(target)])
    even = np.where(which == 0, 1 / len(source), 1 / len(target))
    kernel, bias = fit_linear(both, which, 2, weights=even, penalty=penalty)
    logits = source @ kernel + bias
    log_odds = logits[:, 1] - logits[:, 0]
    return capped(np.maximum(np.exp(log_odds - log_odds.max()), _LEAST))


def capped(ratio: Floats, most: float = MOST) -> Floats:
    """Weights (n,) with mean 1 in the proportions of `ratio`, but those that would be above `most` are `most`.

    Args:
        ratio: (n,), above 0.
        most: above 1.
    """
    full = np.zeros(len(ratio), np.bool_)
    while True:
        # What the largest may not have goes to the others, of which more may then be too large.
        left = len(ratio) - most * full.sum()
        weights = np.where(full, most, ratio * (left / ratio[~full].sum()))
        if not (more := (weights > most) & ~full).any():
            return weights
        full |= more
