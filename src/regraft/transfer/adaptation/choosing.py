"""Which method to take: by cross-validation on the few target labels, or by scores that need none."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from regraft.transfer.adaptation.linear import Floats, Labels, Linear, answers, fit_linear, probabilities
from regraft.transfer.adaptation.methods import Method
from regraft.transfer.adaptation.problem import Domains, Trainer, no_labels

FOLDS = 5
"""Parts of the target labels in cross-validation, at most."""

_SMOOTH = 1e-2  # penalty of the classifier of domains: it has only to find a shift, not to describe it

SHARPNESS = 0.05
"""Temperature of `neighbourhood_density`, as its authors set it."""

_ROWS = 1000  # compared with all others at once: the whole matrix of 50,000 images would be 20 GB


def negative_entropy(shares: Floats) -> float:
    """Minus the mean entropy of class probabilities (n, classes), in nats: high where the answers are sure.

    Source: Morerio, Cavazza and Murino 2018, "Minimal-entropy correlation alignment for unsupervised deep domain
    adaptation", ICLR.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log(shares), 0.0)
    return float(terms.sum(axis=1).mean())


def neighbourhood_density(shares: Floats) -> float:
    """The mean entropy of how alike class probabilities (n, classes) are: high where the answers form groups.

    Source: Saito et al. 2021, "Tune it the right way: unsupervised validation of domain adaptation via soft
    neighborhood density", ICCV, equations 1 to 3.
    """
    unit = shares / np.linalg.norm(shares, axis=1, keepdims=True)
    total = 0.0
    for first in range(0, len(unit), _ROWS):
        alike = unit[first : first + _ROWS] @ unit.T / SHARPNESS
        rows = np.arange(len(alike))
        alike[rows, first + rows] = -np.inf
        alike -= alike.max(axis=1, keepdims=True)
        near = np.exp(alike)
        near /= near.sum(axis=1, keepdims=True)
        total -= len(near) * negative_entropy(near)
    return total / len(unit)


def there_and_back(method: Method, domains: Domains, head: Linear) -> float:
    """The accuracy on the source of a head that was brought back from the target with the answers there as labels.

    Each class counts the same. Source: Bruzzone and Marconcini 2010, "Domain adaptation problems: a DASVM
    classification technique and a circular validation strategy", IEEE TPAMI 32.
    """
    back = domains.swapped(answers(head, domains.target))
    returned = method.prepare(back)(*no_labels(back.source.shape[1]))
    right = answers(returned, domains.source) == domains.source_labels
    return float(np.mean([right[domains.source_labels == label].mean() for label in np.unique(domains.source_labels)]))


def label_free_scores(method: Method, domains: Domains, head: Linear) -> dict[str, float]:
    """What can be said of a head without a target label, by name; higher is better in each."""
    shares = probabilities(head, domains.target)
    return {
        "there_and_back": there_and_back(method, domains, head),
        "negative_entropy": negative_entropy(shares),
        "neighbourhood_density": neighbourhood_density(shares),
    }


LABEL_FREE = "there_and_back"
"""The score that chooses where there are no labels."""


def told_apart(domains: Domains) -> npt.NDArray[np.bool_]:
    """Which images a classifier of domains that was not given them answers rightly, bool (2n,): half of them by chance.

    As many images of either domain, n of the smaller one, in cross-validation. Where no more than chance are right,
    there is no shift to adapt to. Source: the proxy A-distance of Ben-David et al. 2007, "Analysis of representations
    for domain adaptation", NIPS.
    """
    rng = np.random.default_rng(domains.seed)
    few = min(len(domains.source), len(domains.target))
    both = np.concatenate([rng.permutation(part)[:few] for part in (domains.source, domains.target)])
    which = np.repeat(np.array([0, 1], np.int64), few)
    parts = dealt(which, FOLDS, domains.seed)
    right = np.zeros(2 * few, np.bool_)
    for part in range(int(parts.max()) + 1):
        out = parts == part
        right[out] = answers(fit_linear(both[~out], which[~out], 2, penalty=_SMOOTH), both[out]) == which[out]
    return right


def cross_validated(trainer: Trainer, domains: Domains, *, folds: int = FOLDS) -> Floats:
    """Class probabilities (l, classes) of the labelled target images, each from a head that was not given its label.

    Args:
        trainer: of a method, prepared for these domains.
        domains: with labelled target images, at least 2 of each class.
        folds: into which each class is dealt in turn; fewer where a class has fewer images.
    """
    features, labels = domains.labelled
    parts = dealt(labels, folds, domains.seed)
    shares = np.zeros((len(labels), domains.classes))
    for part in range(int(parts.max()) + 1):
        out = parts == part
        shares[out] = probabilities(trainer(features[~out], labels[~out]), features[out])
    return shares


def cross_validation_scores(shares: Floats, labels: Labels) -> dict[str, float]:
    """Their accuracy, and minus their log loss in nats, which decides between the many equal ones of few labels."""
    own = np.maximum(shares[np.arange(len(labels)), labels], 1e-12)
    return {
        "cross_validation": float(np.mean(shares.argmax(axis=1) == labels)),
        "cross_validation_log_likelihood": float(np.log(own).mean()),
    }


def dealt(labels: Labels, folds: int, seed: int) -> Labels:
    """The fold of each image, int64: every class shuffled, then dealt in turn."""
    rng = np.random.default_rng(seed)
    parts = np.zeros(len(labels), np.int64)
    folds = min(folds, int(np.unique(labels, return_counts=True)[1].min()))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        parts[rows] = np.arange(len(rows)) % folds
    return parts


def best(scores: Mapping[str, tuple[float, ...]]) -> str:
    """The name with the highest scores, the first deciding; of equals the first name, that of a baseline."""
    return max(scores, key=lambda name: scores[name])
