"""Is one classifier right more often than another? On the same images, and on different ones.

The p-values are exact and written out in whole numbers: importing SciPy's statistics takes longer than all the rest of
a comparison, and tests hold them equal to it.
"""

from __future__ import annotations

import math

from regraft.errors import InputError
from regraft.evaluation.intervals import wilson_interval


def mcnemar(first_only: int, second_only: int) -> float:
    """The exact two-sided p-value of McNemar's test, for two classifiers on the same images.

    The probability that as many fair coins as there are disagreements fall at least as unevenly; 1 without any.

    Args:
        first_only: images that the first classifier alone answered rightly, at least 0.
        second_only: images that the second alone answered rightly, at least 0.

    Raises:
        InputError: a count is below 0.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages",
    with the binomial distribution in place of its approximation.
    """
    _check_counts(first_only, second_only)
    first_only, second_only = int(first_only), int(second_only)  # NumPy's integers would overflow
    few, tosses = min(first_only, second_only), first_only + second_only
    ways = tail = 1
    for heads in range(few):
        ways = ways * (tosses - heads) // (heads + 1)
        tail += ways
    p: float = 2 * tail / 2**tosses
    return min(1.0, p)


def fisher(successes1: int, n1: int, successes2: int, n2: int) -> float:
    """The two-sided p-value of Fisher's exact test, for two classifiers on different images.

    The probability, were all right answers dealt out to the n1 + n2 images by lot, of a deal that is no likelier than
    the one seen.

    Args:
        successes1: right answers of the first classifier, 0 to n1.
        n1: images it answered, at least 1.
        successes2: right answers of the second, 0 to n2.
        n2: images it answered, at least 1.

    Raises:
        InputError: one of them is out of its range.

    Source: Fisher 1935, "The logic of inductive inference".
    """
    _check_share(successes1, n1)
    _check_share(successes2, n2)
    successes1, n1, successes2, n2 = int(successes1), int(n1), int(successes2), int(n2)  # as above
    total = successes1 + successes2
    least, most = max(0, total - n2), min(n1, total)
    ways = math.comb(n1, least) * math.comb(n2, total - least)  # of dealing so few to the first
    all_ways = [ways]
    for dealt in range(least, most):
        ways = ways * (n1 - dealt) * (total - dealt) // ((dealt + 1) * (n2 - total + dealt + 1))
        all_ways.append(ways)
    seen = all_ways[successes1 - least]
    return sum(ways for ways in all_ways if ways <= seen) / sum(all_ways)


def paired_difference_interval(
    both: int, first_only: int, second_only: int, neither: int, confidence: float = 0.95
) -> tuple[float, float, float]:
    """The difference of two accuracies on the same images, first minus second, with its interval.

    The Wilson intervals of the two accuracies, squared and added, with a correction for the correlation that comes of
    easy images being easy for both.

    Args:
        both: images that both classifiers answered rightly, at least 0.
        first_only: images that only the first answered rightly, at least 0.
        second_only: images that only the second answered rightly, at least 0.
        neither: images that both answered wrongly, at least 0; at least 1 image in all.
        confidence: above 0 and below 1.

    Returns:
        (difference, low, high), -1 <= low <= difference <= high <= 1.

    Raises:
        InputError: one of them is out of its range.

    Source: Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on
    paired data", Statistics in Medicine 17:2635, method 10.
    """
    _check_counts(both, first_only, second_only, neither)
    images = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    agreement: float = both * neither - first_only * second_only
    if agreement > 0:
        agreement = max(0.0, agreement - images / 2)  # the continuity correction; a negative one stays as it is
    spread = math.sqrt(first * (images - first)) * math.sqrt(second * (images - second))
    correlation = agreement / spread if spread else 0.0
    return _square_and_add(first, images, second, images, correlation, confidence)


def difference_interval(
    successes1: int, n1: int, successes2: int, n2: int, confidence: float = 0.95
) -> tuple[float, float, float]:
    """The difference of two accuracies on different images, first minus second, with its interval.

    Args:
        successes1: right answers of the first classifier, 0 to n1.
        n1: images it answered, at least 1.
        successes2: right answers of the second, 0 to n2.
        n2: images it answered, at least 1.
        confidence: above 0 and below 1.

    Returns:
        (difference, low, high), -1 <= low <= difference <= high <= 1.

    Raises:
        InputError: one of them is out of its range.

    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17:873, method 10 (hybrid score).
    """
    return _square_and_add(successes1, n1, successes2, n2, 0.0, confidence)


def _square_and_add(
    successes1: int, n1: int, successes2: int, n2: int, correlation: float, confidence: float
) -> tuple[float, float, float]:
    low1, high1 = wilson_interval(successes1, n1, confidence)
    low2, high2 = wilson_interval(successes2, n2, confidence)
    share1, share2 = successes1 / n1, successes2 / n2
    difference = share1 - share2
    below = _added(share1 - low1, high2 - share2, correlation)
    above = _added(high1 - share1, share2 - low2, correlation)
    return difference, max(-1.0, difference - below), min(1.0, difference + above)


def _added(one: float, other: float, correlation: float) -> float:
    # Never below 0 but for rounding, as (one - other)² is not.
    return math.sqrt(max(0.0, one**2 - 2 * correlation * one * other + other**2))


def _check_counts(*counts: int) -> None:
    if min(counts) < 0:
        raise InputError(
            "Numbers of images cannot be below 0.", expected="at least 0", received=", ".join(map(str, counts))
        )


def _check_share(successes: int, n: int) -> None:
    if n < 1 or not 0 <= successes <= n:
        raise InputError(
            "There is no such share.", expected="0 up to n successes of n, n at least 1", received=f"{successes} of {n}"
        )
