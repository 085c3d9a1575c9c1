"""Instance transfer: source images count the more, the more they look like target images."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from regraft.transfer.adaptation.baselines import trainer_on
from regraft.transfer.adaptation.linear import Floats, fit_linear, probabilities
from regraft.transfer.adaptation.problem import Domains, Trainer, What

MOST = 20.0
"""No source image counts for more than so many of the mean: a few would decide everything otherwise."""

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
    """The density of the target over that of the source at each source image, (n,), mean 1, at most about `MOST`.

    A logistic regression tells the domains apart, both of the same weight; its odds of "target" are the ratio.

    Args:
        source: (n, d).
        target: (m, d).
        penalty: of that regression.
    """
    both = np.concatenate([source, target])
    which = np.repeat(np.array([0, 1], np.int64), [len(source), len(target)])
    even = np.where(which == 0, 1 / len(source), 1 / len(target))
    shares = probabilities(fit_linear(both, which, 2, weights=even, penalty=penalty), source)
    odds = shares[:, 1] / np.maximum(shares[:, 0], 1e-12)
    ratio = np.minimum(odds / odds.mean(), MOST)
    weights: Floats = ratio / ratio.mean()
    return weights
